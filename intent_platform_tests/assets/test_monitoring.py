"""What is noticed of a simulated shop whose champion was trained before anything happened."""

import shutil
from collections.abc import Callable, Iterator, Sequence
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
from intent_platform_tests.assets.conftest import QUICK, Shop, open_shop

TRAINED = ("2025-06-01", "2025-06-30")
JULY = ("2025-07-01", "2025-07-16")
HAPPENS = "2025-07-03"
LOADED, LOADED_AND_SCORED = ("sessions_job",), ("sessions_job", "scores_job")


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
    with open_shop(simulated(home)) as shop:
        shop.run("sessions_job", *TRAINED)
        shop.run("training_job", "2025-07-01")
        force(shop, shop.platform.registry.versions()[-1].name, "2025-07-01")
    return home


def force(shop: Shop, version: str, since: str) -> None:
    config = {"force": version, "reason": "made", "effective_date": since}
    shop.run("promotion_job", config={"ops": {"champion_alias": {"config": config}}})


@pytest.fixture(scope="module")
def ordinary_july(tmp_path_factory: pytest.TempPathFactory, trained_home: Path) -> tuple[Path, dict[str, str]]:
    """A home whose July was loaded, scored and measured without any event; the checks that did not pass."""
    home = tmp_path_factory.mktemp("ordinary") / "home"
    shutil.copytree(trained_home, home)
    with open_shop(simulated(home)) as shop:
        return home, failed_in(shop.run("sessions_job", *JULY), shop.run("scores_job", *JULY))


@pytest.fixture
def after_july(tmp_path: Path, ordinary_july: tuple[Path, dict[str, str]]) -> Iterator[tuple[Shop, dict[str, str]]]:
    """The shop after an ordinary July, and the checks that did not pass."""
    template, failed = ordinary_july
    shutil.copytree(template, tmp_path / "home")
    with open_shop(simulated(tmp_path / "home")) as shop:
        yield shop, failed


@pytest.fixture
def in_july(tmp_path: Path, trained_home: Path) -> Callable[..., Any]:
    """The shop of a scenario after these jobs for July, or for other days; the checks that did not pass."""

    @contextmanager
    def play(
        days: tuple[str, str] = JULY, jobs: Sequence[str] = LOADED_AND_SCORED, **scenario: Any
    ) -> Iterator[tuple[Shop, dict[str, str]]]:
        home = tmp_path / scenario.get("kind", "none")
        shutil.copytree(trained_home, home)
        with open_shop(simulated(home, **scenario)) as shop:
            yield shop, failed_in(*(shop.run(job, *days) for job in jobs))

    return play


def failed_in(*runs: Any) -> dict[str, str]:
    evaluations = [evaluation for run in runs for evaluation in run.get_asset_check_evaluations()]
    return {e.check_name: e.description or "" for e in evaluations if not e.passed}


def measures(shop: Shop, day: str = JULY[1]) -> dict[str, tuple[float, bool]]:
    window = trailing_window(day_of(day), 1)
    return {m: (value, flagged) for m, value, flagged in shop.rows("MONITORING", "METRIC, VALUE, FLAGGED", window)}


def test_in_an_ordinary_month_nothing_is_flagged_and_the_scores_are_as_good_as_promised(after_july):
    shop, failed = after_july
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
    ("kind", "jobs", "noticed", "says"),
    [
        ("meaningless_pagevalues", LOADED_AND_SCORED, "ranking_holds", "out of fold"),
        ("new_traffic_source", LOADED_AND_SCORED, "features_are_as_trained", "TRAFFICTYPE has drifted"),
        ("browser_release", LOADED_AND_SCORED, "features_are_as_trained", "BROWSER has drifted"),
        ("empty_cells", LOADED, "few_are_rejected", "rejected"),
        ("stuck_counter", LOADED, "few_are_rejected", "rejected"),
        ("doubled_file", LOADED, "few_are_rejected", "rejected"),
    ],
)
def test_what_happens_is_noticed(in_july, kind, jobs, noticed, says):
    with in_july(jobs=jobs, kind=kind, start=HAPPENS) as (_, failed):
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
    with in_july(jobs=LOADED, kind="seasonal_peak", start="2025-07-13") as (_, failed):
        assert f"{JULY[1]} has 1," in failed["volume_is_usual"]


def test_a_day_that_comes_once_more_with_the_next_is_noticed(in_july):
    with in_july(jobs=LOADED, kind="repeated_day", start=HAPPENS) as (shop, _):
        run = shop.run("sessions_job", "2025-07-04")
        assert "rejected" in failed_in(run)["few_are_rejected"]


def test_a_range_is_measured_as_its_days_one_by_one(after_july):
    columns = "SESSION_DATE, MODEL_VERSION, METRIC, VALUE, LOW, HIGH, FLAGGED, SESSIONS"
    shop, _ = after_july
    in_one_run = shop.rows("MONITORING", columns)
    for day in Window(day_of("2025-07-05"), day_of("2025-07-08")).keys:
        shop.run("scores_job", day)
    assert shop.rows("MONITORING", columns) == in_one_run


def test_a_promotion_that_was_wrong_is_seen_and_rolled_back(after_july):
    shop, _ = after_july
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


def test_a_day_that_nobody_scored_has_no_measures(after_july):
    shop, _ = after_july
    with shop.platform.warehouse.connect(writing=True) as connection:
        connection.execute("DELETE FROM SCORES WHERE SESSION_DATE = '2025-07-16'")
    job = build_definitions(shop.settings).resolve_job_def("scores_job")
    only = [dg.AssetKey("monitoring")]
    assert job.execute_in_process(instance=shop.instance, partition_key=JULY[1], asset_selection=only).success
    assert measures(shop) == {}
