"""Every asset check can fail: each is shown what it is there to see, and only that check objects."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from intent_platform.errors import VersionUnfit
from intent_platform.modelling.model import IntentModel
from intent_platform_tests.assets.conftest import Shop, open_shop, shop_settings

#: What happened to the data, and the checks that must say so.
MISHAPS = {
    "a feature is not a number": (
        "UPDATE DATASET SET PAGEVALUES = CAST('NaN' AS DOUBLE) WHERE UID = (SELECT MIN(UID) FROM DATASET)",
        {"dataset:nothing_is_empty", "champion_alias:champion_scores", "challenger_model:newest_version_is_fit"},
    ),
    "a rate above one": (
        "UPDATE DATASET SET EXITRATES = 2 WHERE UID = (SELECT MIN(UID) FROM DATASET)",
        {"dataset:values_are_allowed"},
    ),
    "an unheard-of visitor": (
        "UPDATE SOURCE SET VISITORTYPE = 'Robot' WHERE UID = (SELECT MIN(UID) FROM SOURCE)",
        {"source:values_are_allowed"},
    ),
    "a day twice": (
        "INSERT INTO DATASET SELECT * FROM DATASET WHERE UID = (SELECT MIN(UID) FROM DATASET)",
        {"dataset:keys_are_unique"},
    ),
    "a session lost on the way to dataset": (
        "DELETE FROM DATASET WHERE UID = (SELECT MIN(UID) FROM DATASET)",
        {"dataset:rows_match_source", "scores:rows_match_dataset"},
    ),
    "a session that source never had": (
        "UPDATE DATASET SET UID = 'f0000000-0000-0000-0000-00000000000f' WHERE UID = (SELECT MIN(UID) FROM DATASET)",
        {"dataset:rows_match_source", "scores:rows_match_dataset"},
    ),
    "a score lost": (
        "DELETE FROM SCORES WHERE UID = (SELECT MIN(UID) FROM SCORES)",
        {"scores:rows_match_dataset"},
    ),
    "a score above one": (
        "UPDATE SCORES SET SCORE = 1.5 WHERE UID = (SELECT MIN(UID) FROM SCORES)",
        {"scores:values_are_allowed"},
    ),
    "sessions unlike those trained on": (
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
    "a champion worse than the one before": (
        "UPDATE MONITORING SET FLAGGED = TRUE, METRIC = 'pr_auc_over_previous' WHERE METRIC = 'brier'",
        {"monitoring:promotion_was_right"},
    ),
    "a ledger that tells another story": (
        "UPDATE CHAMPION_HISTORY SET TO_VERSION = 'v_000101_000000'",
        {"champion_alias:pointer_matches_ledger"},
    ),
    "an evaluation without evidence": (
        "UPDATE EVALUATIONS SET DECISION = 'insufficient'",
        {"evaluation:evidence_suffices"},
    ),
}
#: Made sessions are not the published ones.
ALWAYS = {"source:published_counts"}


@pytest.fixture(scope="module")
def shop_in_order(tmp_path_factory: pytest.TempPathFactory, crowned_home: Path, made_csv: Path) -> Iterator[Shop]:
    """Everything in order: all days of the sessions loaded in this instance, and May and June scored."""
    home = tmp_path_factory.mktemp("scored") / "home"
    shutil.copytree(crowned_home, home)
    with open_shop(shop_settings(home, made_csv)) as shop:
        with shop.platform.warehouse.connect(writing=True) as connection:
            connection.execute("DELETE FROM DATASET WHERE SESSION_DATE < '2024-05-01'")  # only scored days remain
            connection.execute("DELETE FROM SOURCE WHERE SESSION_DATE < '2024-05-01'")
        shop.run("sessions_job", "2024-05-01", "2024-06-30")
        shop.run("scores_job", "2024-05-01", "2024-06-30")
        yield shop


@pytest.fixture
def scored(shop_in_order: Shop) -> Iterator[Shop]:
    """The shop in order. Its warehouse is put back after the test."""
    in_order = warehouse_file(shop_in_order).read_bytes()
    yield shop_in_order
    warehouse_file(shop_in_order).write_bytes(in_order)


def warehouse_file(shop: Shop) -> Path:
    return shop.settings.home / "warehouse.duckdb"


def test_each_check_objects_to_its_own_mishap_and_no_other_does(scored: Shop):
    in_order = warehouse_file(scored).read_bytes()
    assert scored.failing_checks() == ALWAYS
    for mishap, (statement, objecting) in MISHAPS.items():
        with scored.platform.warehouse.connect(writing=True) as connection:
            connection.execute(statement)
        assert scored.failing_checks() == ALWAYS | objecting, mishap
        warehouse_file(scored).write_bytes(in_order)


def test_a_champion_that_cannot_be_read_is_seen(scored: Shop, monkeypatch: pytest.MonkeyPatch):
    def unreadable(path, features):
        raise VersionUnfit(f"{path.name} is not a readable CatBoost model")

    monkeypatch.setattr(IntentModel, "load", unreadable)
    assert scored.failing_checks() == ALWAYS | {
        "champion_alias:champion_scores",
        "challenger_model:newest_version_is_fit",
    }


def test_rows_that_vanish_after_a_load_are_missed(scored: Shop):
    with scored.platform.warehouse.connect(writing=True) as connection:
        connection.execute("DELETE FROM SOURCE WHERE UID = (SELECT MIN(UID) FROM SOURCE)")
    assert "source:rows_accounted_for" in scored.failing_checks()
