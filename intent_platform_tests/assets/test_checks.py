"""Every asset check can fail: each mishap is reported by the checks that look for it, and by no other."""

from collections.abc import Iterator

import pytest

from intent_platform_tests.assets.conftest import OpenCrownedShop, Shop

#: What happened to the data, and the checks that report it.
MISHAPS = {
    "a feature that is not a number": (
        "UPDATE DATASET SET PAGEVALUES = CAST('NaN' AS DOUBLE) WHERE UID = (SELECT MIN(UID) FROM DATASET)",
        {"dataset:nothing_is_empty", "champion_alias:champion_scores", "challenger_model:newest_version_is_fit"},
    ),
    "a rate above one": (
        "UPDATE DATASET SET EXITRATES = 2 WHERE UID = (SELECT MIN(UID) FROM DATASET)",
        {"dataset:values_are_allowed"},
    ),
    "an unknown type of visitor": (
        "UPDATE SOURCE SET VISITORTYPE = 'Robot' WHERE UID = (SELECT MIN(UID) FROM SOURCE)",
        {"source:values_are_allowed"},
    ),
    "a session twice": (
        "INSERT INTO DATASET SELECT * FROM DATASET WHERE UID = (SELECT MIN(UID) FROM DATASET)",
        {"dataset:keys_are_unique"},
    ),
    "a session missing from dataset": (
        "DELETE FROM DATASET WHERE UID = (SELECT MIN(UID) FROM DATASET)",
        {"dataset:rows_match_source", "scores:rows_match_dataset"},
    ),
    "a session unknown to source": (
        "UPDATE DATASET SET UID = 'f0000000-0000-0000-0000-00000000000f' WHERE UID = (SELECT MIN(UID) FROM DATASET)",
        {"dataset:rows_match_source", "scores:rows_match_dataset"},
    ),
    "a missing score": (
        "DELETE FROM SCORES WHERE UID = (SELECT MIN(UID) FROM SCORES)",
        {"scores:rows_match_dataset"},
    ),
    "a score above one": (
        "UPDATE SCORES SET SCORE = 1.5 WHERE UID = (SELECT MIN(UID) FROM SCORES)",
        {"scores:values_are_allowed"},
    ),
    "sessions unlike the training data": (
        "UPDATE MONITORING SET FLAGGED = TRUE WHERE METRIC = 'drift.REGION'",
        {"monitoring:features_are_as_trained"},
    ),
    "scores that are too high": (
        "UPDATE MONITORING SET FLAGGED = TRUE WHERE METRIC = 'purchases_per_expected'",
        {"monitoring:scores_are_calibrated"},
    ),
    "scores that rank badly": (
        "UPDATE MONITORING SET FLAGGED = TRUE WHERE METRIC = 'roc_auc'",
        {"monitoring:ranking_holds"},
    ),
    "a champion worse than its predecessor": (
        "UPDATE MONITORING SET FLAGGED = TRUE, METRIC = 'pr_auc_over_previous' WHERE METRIC = 'brier'",
        {"monitoring:promotion_was_right"},
    ),
    "a ledger that contradicts the pointer": (
        "UPDATE CHAMPION_HISTORY SET TO_VERSION = 'v_000101_000000'",
        {"champion_alias:pointer_matches_ledger", "scores:scores_are_the_champions"},
    ),
    "scores of a version that was never champion": (
        "UPDATE SCORES SET MODEL_VERSION = 'v_000101_000000' WHERE UID = (SELECT MIN(UID) FROM SCORES)",
        {"scores:scores_are_the_champions"},
    ),
    "scores of a champion that was replaced": (
        "INSERT INTO CHAMPION_HISTORY SELECT 2, MOVED_AT, EFFECTIVE_DATE, TO_VERSION, 'v_000101_000000', 'force', '', "
        "'{}', 'r' FROM CHAMPION_HISTORY",
        {"scores:scores_are_the_champions", "champion_alias:pointer_matches_ledger"},
    ),
    "an evaluation without evidence": (
        "UPDATE EVALUATIONS SET DECISION = 'insufficient'",
        {"evaluation:evidence_suffices"},
    ),
}
#: Fails always here, because made sessions are not the published ones.
ALWAYS = {"source:published_counts"}


@pytest.fixture(scope="module")
def shop_in_order(open_crowned_shop: OpenCrownedShop) -> Iterator[Shop]:
    """Only days of May and June remain. They are loaded by a run of this instance and scored."""
    with open_crowned_shop() as shop:
        with shop.platform.warehouse.connect(writing=True) as connection:
            connection.execute("DELETE FROM DATASET WHERE SESSION_DATE < '2024-05-01'")
            connection.execute("DELETE FROM SOURCE WHERE SESSION_DATE < '2024-05-01'")
        shop.run("sessions_job", "2024-05-01", "2024-06-30")
        shop.run("scores_job", "2024-05-01", "2024-06-30")
        yield shop


@pytest.fixture
def scored(shop_in_order: Shop) -> Iterator[Shop]:
    """The shop in order. Its warehouse is put back after the test."""
    warehouse = shop_in_order.settings.home / "warehouse.duckdb"
    in_order = warehouse.read_bytes()
    yield shop_in_order
    warehouse.write_bytes(in_order)


class TestChecks:
    def test_pass_while_everything_is_in_order(self, scored: Shop):
        assert scored.failing_checks() == ALWAYS

    def test_give_the_same_verdicts_in_dagster(self, scored: Shop):
        with scored.platform.warehouse.connect(writing=True) as connection:
            connection.execute(MISHAPS["a score above one"][0])
        assert scored.failing_checks_in_dagster() == scored.failing_checks()

    @pytest.mark.parametrize("mishap", MISHAPS)
    def test_report_a_mishap(self, scored: Shop, mishap: str):
        statement, reporting = MISHAPS[mishap]
        with scored.platform.warehouse.connect(writing=True) as connection:
            connection.execute(statement)
        assert scored.failing_checks() == ALWAYS | reporting

    def test_report_a_damaged_champion(self, scored: Shop):
        """One bit of its model file is another one."""
        [file] = scored.settings.home.rglob("model.cb")
        stored = file.read_bytes()
        file.write_bytes(stored[:-1] + bytes([stored[-1] ^ 1]))
        failing = scored.failing_checks()
        file.write_bytes(stored)
        assert failing == ALWAYS | {"champion_alias:champion_scores", "challenger_model:newest_version_is_fit"}

    def test_report_a_champion_in_quarantine(self, scored: Shop):
        registry, champion = scored.platform.registry, scored.platform.registry.version(scored.champion)
        registry.set_quarantine(champion, "rolled back from: a test")
        failing = scored.failing_checks()
        registry.set_quarantine(champion, None)
        assert failing == ALWAYS | {"champion_alias:pointer_matches_ledger"}

    def test_report_rows_that_vanish_after_a_load(self, scored: Shop):
        with scored.platform.warehouse.connect(writing=True) as connection:
            connection.execute("DELETE FROM SOURCE WHERE UID = (SELECT MIN(UID) FROM SOURCE)")
        assert "source:rows_accounted_for" in scored.failing_checks()
