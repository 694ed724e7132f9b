"""What is noticed of a simulated shop whose champion was trained before anything happened."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from intent_platform.definitions import build_definitions
from intent_platform.partitions import Window, day_of, trailing_window
from intent_platform.platforms.local.registry import MlflowRegistry
from intent_platform.platforms.versions import ModelVersion
from intent_platform.settings import Settings, load_settings
from intent_platform_tests.assets.conftest import QUICK, Shop, opened

TRAINED = ("2025-06-01", "2025-06-30")
JULY = ("2025-07-01", "2025-07-16")
HAPPENS = "2025-07-03"


def simulated(home: Path, **scenario: Any) -> Settings:
    return load_settings(
        home=home,
        first_day="2025-06-01",
        feed="simulated",
        simulated={"sessions_per_day": 400, "scenario": scenario},
        training={**QUICK, "months": 1},
        warehouse={"timeout_seconds": 10},
    )


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory, empty_registry: Callable[[Path], None]) -> Path:
    """June is loaded, and the version trained on it is champion from July on."""
    home = tmp_path_factory.mktemp("simulated") / "home"
    empty_registry(home)
    with opened(simulated(home)) as shop:
        shop.run("sessions_job", *TRAINED)
        shop.run("training_job", "2025-07-01")
        force(shop, shop.platform.registry.versions()[-1].name, "2025-07-01")
    return home


def force(shop: Shop, version: str, since: str) -> None:
    config = {"force": version, "reason": "made", "effective_date": since}
    shop.run("promotion_job", config={"ops": {"champion_alias": {"config": config}}})


@pytest.fixture
def in_july(tmp_path: Path, trained_home: Path) -> Callable[..., Any]:
    """The shop of a scenario, its July (or other days) loaded, scored and measured; the checks that did not pass."""

    @contextmanager
    def play(days: tuple[str, str] = JULY, **scenario: Any) -> Iterator[tuple[Shop, dict[str, str]]]:
        home = tmp_path / scenario.get("kind", "none")
        shutil.copytree(trained_home, home)
        with opened(simulated(home, **scenario)) as shop:
            runs = [shop.run("sessions_job", *days), shop.run("scores_job", *days)]
            yield shop, failed_in(*runs)

    return play


def failed_in(*runs: Any) -> dict[str, str]:
    evaluations = [evaluation for run in runs for evaluation in run.get_asset_check_evaluations()]
    return {e.check_name: e.description or "" for e in evaluations if not e.passed}


def measures(shop: Shop, day: str = JULY[1]) -> dict[str, tuple[float, bool]]:
    window = trailing_window(day_of(day), 1)
    return {m: (value, flagged) for m, value, flagged in shop.rows("MONITORING", "METRIC, VALUE, FLAGGED", window)}


def test_in_an_ordinary_month_nothing_is_flagged_and_the_scores_are_as_good_as_promised(in_july):
    with in_july() as (shop, failed):
        found = measures(shop)
        (version,) = shop.platform.registry.versions()
    assert failed == {}
    assert not any(flagged for _, flagged in found.values())
    assert found["roc_auc"][0] == pytest.approx(version.provenance.metrics["roc_auc"], abs=0.05)
    assert found["purchases_per_expected"][0] == pytest.approx(1, abs=0.3)
    assert {name for name in found if name.startswith("drift.")} == {
        f"drift.{name}" for name in (*version.provenance.features, "SCORE")
    }


@pytest.mark.parametrize(
    ("kind", "noticed", "says"),
    [
        ("meaningless_pagevalues", "ranking_holds", "out of fold"),
        ("new_traffic_source", "features_are_as_trained", "TRAFFICTYPE has drifted"),
        ("browser_release", "features_are_as_trained", "BROWSER has drifted"),
        ("empty_cells", "few_are_rejected", "rejected"),
        ("stuck_counter", "few_are_rejected", "rejected"),
        ("doubled_file", "few_are_rejected", "rejected"),
    ],
)
def test_what_happens_is_noticed(in_july, kind, noticed, says):
    with in_july(kind=kind, start=HAPPENS) as (_, failed):
        assert noticed in failed
        assert says in failed[noticed]


def test_a_day_without_sessions_is_unusual(in_july):
    with in_july(kind="missing_day", start=JULY[1]) as (_, failed):
        assert failed == {"volume_is_usual": f"{JULY[1]} has 0 sessions; the median of the 28 days before is 290"}


def test_a_drift_of_half_a_year_shows_in_the_calibration(in_july):
    """Months differ, too: so the same days without drift are what it is compared with."""
    january = ("2026-01-01", "2026-01-10")
    with in_july(january) as (shop, failed):
        ordinary = measures(shop, january[1])
        assert "scores_are_calibrated" not in failed
    with in_july(january, kind="gradual_drift", start="2025-07-01") as (shop, failed):
        drifted = measures(shop, january[1])
        assert "purchases" in failed["scores_are_calibrated"]
    assert drifted["purchases_per_expected"][0] < 0.7 * ordinary["purchases_per_expected"][0]
    assert drifted["roc_auc"][0] < ordinary["roc_auc"][0]


def test_a_peak_is_unusual_at_its_height(in_july):
    with in_july(kind="seasonal_peak", start="2025-07-13") as (_, failed):
        assert f"{JULY[1]} has 1," in failed["volume_is_usual"]


def test_a_day_that_comes_once_more_with_the_next_is_noticed(in_july):
    with in_july(kind="repeated_day", start=HAPPENS) as (shop, _):
        run = shop.run("sessions_job", "2025-07-04")
        assert "rejected" in failed_in(run)["few_are_rejected"]


def test_a_range_is_measured_as_its_days_one_by_one(in_july):
    columns = "SESSION_DATE, MODEL_VERSION, METRIC, VALUE, LOW, HIGH, FLAGGED, SESSIONS"
    with in_july() as (shop, _):
        in_one_run = shop.rows("MONITORING", columns)
        for day in Window(day_of("2025-07-05"), day_of("2025-07-08")).keys:
            shop.run("scores_job", day)
        assert shop.rows("MONITORING", columns) == in_one_run


def test_a_promotion_that_was_wrong_is_seen_and_rolled_back(in_july):
    with in_july() as (shop, _):
        good = shop.champion
        shop.settings = simulated(shop.settings.home, kind="meaningless_pagevalues", start="2025-06-01")
        shop.run("sessions_job", *TRAINED)  # June once more, as a broken feed would have it
        shop.run("training_job", "2025-07-01")
        bad = shop.platform.registry.versions()[-1].name
        assert bad != good
        shop.settings = simulated(shop.settings.home)
        force(shop, bad, "2025-07-02")
        run = shop.run("scores_job", "2025-07-02", JULY[1])
        assert f"{good}, which it replaced, would with" in failed_in(run)["promotion_was_right"]
        assert run.success
        shop.run("rollback", config={"ops": {"rollback_champion": {"config": {"version": good, "reason": "worse"}}}})
        assert "promotion_was_right" not in failed_in(shop.run("scores_job", "2025-07-02", JULY[1]))


def test_versions_of_an_earlier_release_are_measured_without_drift(in_july, monkeypatch):
    version = MlflowRegistry.version

    def without_profiles(self: MlflowRegistry, name: str) -> ModelVersion:
        found = version(self, name)
        return found.model_copy(update={"provenance": found.provenance.model_copy(update={"profiles": {}})})

    monkeypatch.setattr(MlflowRegistry, "version", without_profiles)
    with in_july() as (shop, failed):
        assert failed == {}
        assert set(measures(shop)) == {"roc_auc", "pr_auc", "brier", "purchases_per_expected"}


def test_a_day_that_nobody_scored_has_no_measures(in_july):
    with in_july() as (shop, _):
        with shop.platform.warehouse.connect(writing=True) as connection:
            connection.execute("DELETE FROM SCORES WHERE SESSION_DATE = '2025-07-16'")
        job = build_definitions(shop.settings).resolve_job_def("scores_job")
        only = [dg.AssetKey("monitoring")]
        assert job.execute_in_process(instance=shop.instance, partition_key=JULY[1], asset_selection=only).success
        assert measures(shop) == {}
