"""Statements for Snowflake: values are inserted, the scoring function is replaced, and nothing else changes."""

from datetime import date, datetime

import pytest

from intent_platform.platforms.snowflake.statements import bound

AT = datetime(2024, 5, 2, 8)  # noqa: DTZ001  wall clock


class TestValues:
    @pytest.mark.parametrize(
        ("sql", "values", "expected"),
        [
            ("SELECT :a", {"a": 1}, "SELECT 1"),
            ("WHERE X>=:a AND Y<:b", {"a": 1, "b": 2}, "WHERE X>=1 AND Y<2"),
            ("CALL TRAINING(:month)", {"month": date(2024, 5, 1)}, "CALL TRAINING(CAST('2024-05-01' AS DATE))"),
            ("X IN :some", {"some": ["a", "b"]}, "X IN ('a', 'b')"),
            ("SELECT :t", {"t": "it's \\ :a"}, "SELECT 'it\\'s \\\\ :a'"),
            ("SELECT :at", {"at": AT}, "SELECT CAST('2024-05-02 08:00:00' AS TIMESTAMPNTZ)"),
            ("SELECT RAW:name, X[0]:y, A::INT, ':b' -- :c", {}, "SELECT RAW:name, X[0]:y, A::INT, ':b' -- :c"),
        ],
        ids=["number", "comparison", "date", "list", "text", "timestamp", "no placeholder"],
    )
    def test_replace_their_placeholders_and_nothing_else(self, sql, values, expected):
        assert bound(sql, values) == expected

    def test_may_not_be_missing(self):
        with pytest.raises(KeyError, match="a"):
            bound("SELECT :a", {})

    def test_may_not_be_superfluous(self):
        with pytest.raises(KeyError, match="b"):
            bound("SELECT 1", {"b": 1})


class TestScoringFunction:
    def test_becomes_the_method_of_a_version(self):
        sql = (
            "SELECT F(PREDICT_PURCHASE_INTENT(A, G(B, 1))), PREDICT_PURCHASE_INTENT(A, :b), "
            "'PREDICT_PURCHASE_INTENT(A)'"
        )
        method = "MODEL(M, V_1)!PREDICT_PROBA"
        assert bound(sql, {"b": 2}, "M, V_1") == (
            f"SELECT F({method}(A, G(B, 1))['output_feature_1']::DOUBLE), {method}(A, 2)['output_feature_1']::DOUBLE, "
            "'PREDICT_PURCHASE_INTENT(A)'"
        )

    def test_needs_a_model(self):
        with pytest.raises(LookupError, match="before use_model"):
            bound("SELECT PREDICT_PURCHASE_INTENT(A)", {})
