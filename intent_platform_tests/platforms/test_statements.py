"""Statements for Snowflake: only placeholders and the scoring function are touched."""

from datetime import date, datetime

import pytest

from intent_platform.platforms.snowflake.statements import bound

AT = datetime(2024, 5, 2, 8)  # noqa: DTZ001  wall clock


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
)
def test_values_are_put_in_and_nothing_else_is_changed(sql, values, expected):
    assert bound(sql, values) == expected


def test_the_scoring_function_becomes_the_method_of_a_version():
    sql = "SELECT F(PREDICT_PURCHASE_INTENT(A, G(B, 1))), PREDICT_PURCHASE_INTENT(A, :b), 'PREDICT_PURCHASE_INTENT(A)'"
    method = "MODEL(M, V_1)!PREDICT_PROBA"
    assert bound(sql, {"b": 2}, "M, V_1") == (
        f"SELECT F({method}(A, G(B, 1))['output_feature_1']::DOUBLE), {method}(A, 2)['output_feature_1']::DOUBLE, "
        "'PREDICT_PURCHASE_INTENT(A)'"
    )


def test_forgotten_and_superfluous_values_and_a_missing_model_are_errors():
    with pytest.raises(KeyError, match="a"):
        bound("SELECT :a", {})
    with pytest.raises(KeyError, match="b"):
        bound("SELECT 1", {"b": 1})
    with pytest.raises(LookupError, match="before use_model"):
        bound("SELECT PREDICT_PURCHASE_INTENT(A)", {})
