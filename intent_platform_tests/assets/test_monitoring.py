"""Monitoring of a simulated shop: which checks fail in which scenario. The champion was trained before it begins."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
from intent_platform_tests.builders.environment import clean_environment

TRAINED = ("2025-06-01", "2025-06-30")
JULY = ("2025-07-01", "2025-07-16")
BEGINS = "2025-07-03"
LOAD, LOAD_AND_SCORE = ("sessions_job",), ("sessions_job", "scores_job")


def simulated(home: Path, **scenario: Any) -> Settings:
    """Settings of a shop in which a scenario happens, or none."""
    with clean_environment():
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
    """Make the version champion, effective since a day."""
    config = {"force": version, "reason": "made", "effective_date": since}
    shop.run("promotion_job", config={"ops": {"champion_alias": {"config": config}}})


@pytest.fixture
def in_july(tmp_path: Path, trained_home: Path) -> Callable[..., Any]:
    """Open the shop of a scenario after these jobs for July or for other days, with the checks that failed."""

    @contextmanager
    def play(
        days: tuple[str, str] = JULY, jobs: Sequence[str] = LOAD_AND_SCORE, **scenario: Any
    ) -> Iterator[tuple[Shop, dict[str, str]]]:
        home = tmp_path / scenario.get("kind", "none")
        shutil.copytree(trained_home, home)
        with open_shop(simulated(home, **scenario)) as shop:
            yield shop, failed_in(*(shop.run(job, *days) for job in jobs))

    return play


def failed_in(*runs: Any) -> dict[str, str]:
    """The checks that failed in these runs, with their descriptions."""
    evaluations = [evaluation for run in runs for evaluation in run.get_asset_check_evaluations()]
    return {e.check_name: e.description or "" for e in evaluations if not e.passed}


def measures(shop: Shop, day: str = JULY[1]) -> dict[str, tuple[float, bool]]:
    """The measures of a day: value, and whether it is flagged."""
    window = trailing_window(day_of(day), 1)
    found = shop.rows("MONITORING", "METRIC, VALUE, FLAGGED", window)
    return {metric: (value, flagged) for metric, value, flagged in found}


@dataclass
class OrdinaryJuly:
    """A home whose July was loaded, scored and measured without a scenario, with the outcome."""

    home: Path
    failed: dict[str, str]
    measures: dict[str, tuple[float, bool]]
    champion: ModelVersion


@pytest.fixture(scope="module")
def ordinary_july(tmp_path_factory: pytest.TempPathFactory, trained_home: Path) -> OrdinaryJuly:
    """Tests that change the home copy it."""
    home = shutil.copytree(trained_home, tmp_path_factory.mktemp("ordinary") / "home")
    with open_shop(simulated(home)) as shop:
        failed = failed_in(*(shop.run(job, *JULY) for job in LOAD_AND_SCORE))
        (champion,) = shop.platform.registry.versions()
        return OrdinaryJuly(home, failed, measures(shop), champion)


@pytest.fixture
def after_july(tmp_path: Path, ordinary_july: OrdinaryJuly) -> Iterator[Shop]:
    """A copy of the shop after an ordinary July."""
    shutil.copytree(ordinary_july.home, tmp_path / "home")
    with open_shop(simulated(tmp_path / "home")) as shop:
        yield shop


class TestOrdinaryMonth:
    def test_passes_all_checks(self, ordinary_july):
        assert ordinary_july.failed == {}

    def test_flags_no_measure(self, ordinary_july):
        assert not any(flagged for _, flagged in ordinary_july.measures.values())

    def test_ranks_as_well_as_training_promised(self, ordinary_july):
        promised = ordinary_july.champion.provenance.metrics["roc_auc"]
        assert ordinary_july.measures["roc_auc"][0] == pytest.approx(promised, abs=0.05)

    def test_has_as_many_purchases_as_expected(self, ordinary_july):
        assert ordinary_july.measures["purchases_per_expected"][0] == pytest.approx(1, abs=0.3)

    def test_measures_the_drift_of_all_features_and_the_score(self, ordinary_july):
        features = ordinary_july.champion.provenance.features
        measured = {name for name in ordinary_july.measures if name.startswith("drift.")}
        assert measured == {f"drift.{name}" for name in (*features, "SCORE")}


#: The scenarios, with the jobs that notice them, the check that fails, and a part of its description.
SCENARIOS = {
    "meaningless_pagevalues": (LOAD_AND_SCORE, "ranking_holds", "out of fold"),
    "new_traffic_source": (LOAD_AND_SCORE, "features_are_as_trained", "TRAFFICTYPE has drifted"),
    "browser_release": (LOAD_AND_SCORE, "features_are_as_trained", "BROWSER has drifted"),
    "empty_cells": (LOAD, "few_are_rejected", "rejected"),
    "stuck_counter": (LOAD, "few_are_rejected", "rejected"),
    "doubled_file": (LOAD, "few_are_rejected", "rejected"),
}


class TestScenario:
    @pytest.mark.parametrize("kind", SCENARIOS)
    def test_fails_its_check(self, in_july, kind):
        jobs, check, description = SCENARIOS[kind]
        with in_july(jobs=jobs, kind=kind, start=BEGINS) as (_, failed):
            assert check in failed
            assert description in failed[check]

    def test_of_a_missing_day_fails_the_check_of_volume(self, in_july):
        with in_july(kind="missing_day", start=JULY[1]) as (_, failed):
            assert failed == {"volume_is_usual": f"{JULY[1]} has 0 sessions; the median of the 28 days before is 290"}

    def test_of_a_peak_fails_the_check_of_volume(self, in_july):
        """The last day is the height of the peak."""
        with in_july(jobs=LOAD, kind="seasonal_peak", start="2025-07-13") as (_, failed):
            assert f"{JULY[1]} has 1," in failed["volume_is_usual"]

    def test_of_a_repeated_day_fails_the_check_of_rejections(self, in_july):
        with in_july(jobs=LOAD, kind="repeated_day", start=BEGINS) as (shop, _):
            run = shop.run("sessions_job", "2025-07-04")
            assert "rejected" in failed_in(run)["few_are_rejected"]

    def test_of_a_gradual_drift_fails_the_check_of_calibration(self, in_july):
        """The drift lasts half a year. Months differ, too, so the same days without drift are the reference."""
        january = ("2026-01-01", "2026-01-10")
        with in_july(january) as (shop, failed):
            ordinary = measures(shop, january[1])
            assert "scores_are_calibrated" not in failed
        with in_july(january, kind="gradual_drift", start="2025-07-01") as (shop, failed):
            drifted = measures(shop, january[1])
            assert "purchases" in failed["scores_are_calibrated"]
        assert drifted["purchases_per_expected"][0] < 0.7 * ordinary["purchases_per_expected"][0]
        assert drifted["roc_auc"][0] < ordinary["roc_auc"][0]


class TestMeasures:
    def test_of_a_range_equal_those_of_its_days(self, after_july):
        columns = "SESSION_DATE, MODEL_VERSION, METRIC, VALUE, LOW, HIGH, FLAGGED, SESSIONS"
        of_range = after_july.rows("MONITORING", columns)
        for day in Window(day_of("2025-07-05"), day_of("2025-07-08")).keys:
            after_july.run("scores_job", day)
        assert after_july.rows("MONITORING", columns) == of_range

    def test_need_scores(self, after_july):
        with after_july.platform.warehouse.connect(writing=True) as connection:
            connection.execute("DELETE FROM SCORES WHERE SESSION_DATE = '2025-07-16'")
        job = build_definitions(after_july.settings).resolve_job_def("scores_job")
        result = job.execute_in_process(
            instance=after_july.instance, partition_key=JULY[1], asset_selection=[dg.AssetKey("monitoring")]
        )
        assert result.success
        assert measures(after_july) == {}

    def test_of_a_version_without_profiles_leave_out_drift(self, in_july, monkeypatch):
        """A release before this one trained it."""
        version = MlflowRegistry.version

        def without_profiles(self: MlflowRegistry, name: str) -> ModelVersion:
            found = version(self, name)
            return found.model_copy(update={"record": found.provenance.model_copy(update={"profiles": {}})})

        monkeypatch.setattr(MlflowRegistry, "version", without_profiles)
        with in_july() as (shop, failed):
            assert failed == {}
            assert set(measures(shop)) == {"roc_auc", "pr_auc", "brier", "purchases_per_expected"}


class TestWrongPromotion:
    @staticmethod
    def train_on_a_broken_june(shop: Shop) -> str:
        """Load June once more, without meaning in PAGEVALUES, and train on it. Returns the version."""
        settings = shop.settings
        shop.settings = simulated(settings.home, kind="meaningless_pagevalues", start="2025-06-01")
        shop.run("sessions_job", *TRAINED)
        shop.run("training_job", "2025-07-01")
        shop.settings = settings
        return shop.platform.registry.versions()[-1].name

    def test_fails_its_check_until_it_is_rolled_back(self, after_july):
        good, bad = after_july.champion, self.train_on_a_broken_june(after_july)
        assert bad != good
        force(after_july, bad, "2025-07-02")
        run = after_july.run("scores_job", "2025-07-02", JULY[1])
        assert run.success
        assert f"{good}, which it replaced, would have" in failed_in(run)["promotion_was_right"]
        rollback = {"rollback_champion": {"config": {"version": good, "reason": "worse"}}}
        after_july.run("rollback", config={"ops": rollback})
        run = after_july.run("scores_job", "2025-07-02", JULY[1])
        assert "promotion_was_right" not in failed_in(run)
