"""A release that makes DATASET in another way: which days are rebuilt, and what stays as it was."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg
import pytest

from intent_platform.assets import data_versions
from intent_platform.automation import gaps
from intent_platform.definitions import build_definitions
from intent_platform.partitions import TIMEZONE, Window, clock_set_to
from intent_platform.pipeline.dataset import CODE_VERSION
from intent_platform.platforms import platform_for
from intent_platform.platforms.champion import move_champion
from intent_platform.platforms.versions import ModelVersion
from intent_platform.settings import Settings
from intent_platform_tests.automation.conftest import requested, run_range, simulated_settings
from intent_platform_tests.builders.sensors import YESTERDAY, count, days_of, jobs_asked_for

FEATURE = "PAGEVALUE_PER_PAGE"


@dataclass
class UpgradedShop:
    """A shop whose release added `FEATURE`, the champion from before, and the jobs that catch-up requested since."""

    settings: Settings
    champion: ModelVersion
    jobs: list[tuple[str, ...]]

    def count(self, table: str) -> int:
        return int(count(self.settings, table))


def without_feature(settings: Settings) -> Settings:
    """The settings of the release before."""
    features = tuple(name for name in settings.training.features if name != FEATURE)
    return settings.model_copy(update={"training": settings.training.model_copy(update={"features": features})})


def play_release_before(settings: Settings, instance: dg.DagsterInstance) -> ModelVersion:
    """Load June and July, train a champion, and score July, all without the feature. Returns the champion."""
    before, platform = without_feature(settings), platform_for(settings)
    with pytest.MonkeyPatch.context() as patch, clock_set_to(datetime(2025, 7, 31, 9, tzinfo=TIMEZONE)):
        patch.setattr(data_versions, "CODE_VERSION", "earlier")
        run_range(before, instance, "sessions_job", "2025-06-01", "2025-07-30")
        training = build_definitions(before).resolve_job_def("training_job")
        assert training.execute_in_process(instance=instance, partition_key="2025-07-01").success
        [champion] = platform.registry.versions()
        move_champion(platform, champion, replacing=None, cause="first", reason="", metrics={}, run_id="r")
        run_range(before, instance, "scores_job", "2025-07-01", "2025-07-30")
    with platform.warehouse.connect(writing=True) as connection:
        connection.execute(f"ALTER TABLE DATASET DROP COLUMN {FEATURE}")
    return champion


class TestAddedFeature:
    @pytest.fixture(scope="class")
    @classmethod
    def upgraded(cls, tmp_path_factory, empty_registry) -> UpgradedShop:
        """The release comes on 31 July. On 1 August catch-up requests jobs until nothing is missing."""
        settings = simulated_settings(tmp_path_factory.mktemp("release") / "home")
        empty_registry(settings.home)
        with dg.DagsterInstance.ephemeral() as instance:
            champion = play_release_before(settings, instance)
            with clock_set_to(datetime(2025, 8, 1, 12, tzinfo=TIMEZONE)):
                jobs = jobs_asked_for(settings, instance)
        return UpgradedShop(settings, champion, jobs)

    def test_reaches_all_days_before_a_month_is_trained(self, upgraded):
        assert upgraded.jobs == [
            ("sessions_job", "2025-07-31", "2025-07-31"),
            ("sessions_job", "2025-06-01", "2025-07-30"),
            ("training_job", "2025-08-01", "2025-08-01"),
            ("scores_job", "2025-07-18", "2025-07-31"),
        ]

    def test_has_a_value_for_every_session(self, upgraded):
        assert upgraded.count(f"DATASET WHERE {FEATURE} IS NOT NULL") == upgraded.count("SOURCE")
        assert upgraded.count("(SELECT DISTINCT SESSION_DATE FROM DATASET) DAYS") == 61

    def test_loads_no_session_again(self, upgraded):
        assert upgraded.count("SOURCE WHERE LOADED_AT >= '2025-08-01' AND SESSION_DATE < '2025-07-31'") == 0

    def test_leaves_scores_older_than_the_look_back(self, upgraded):
        assert upgraded.count("SCORES WHERE SCORED_AT >= '2025-08-01' AND SESSION_DATE < '2025-07-18'") == 0
        assert upgraded.count("SCORES") == upgraded.count("SOURCE WHERE SESSION_DATE >= '2025-07-01'")

    def test_renews_the_scores_of_the_look_back(self, upgraded):
        assert upgraded.count("SCORES WHERE SCORED_AT < '2025-08-01' AND SESSION_DATE >= '2025-07-18'") == 0

    def test_leaves_the_champion_in_place(self, upgraded):
        assert FEATURE not in upgraded.champion.provenance.features
        assert upgraded.count(f"SCORES WHERE MODEL_VERSION <> '{upgraded.champion.name}'") == 0

    def test_is_learned_by_the_next_challenger(self, upgraded):
        challenger = platform_for(upgraded.settings).registry.versions()[-1]
        assert FEATURE in challenger.provenance.features


class TestAnotherSelect:
    """Every day since `first_day` was loaded, and DATASET was made by one SELECT or another."""

    @pytest.fixture
    def young(self, landing: Settings) -> Settings:
        """A shop of four days."""
        return landing.model_copy(update={"first_day": YESTERDAY - timedelta(days=3)})

    @staticmethod
    def record_days(settings: Settings, instance: dg.DagsterInstance, code_version: str) -> Window:
        """Record that all days were loaded, and that the SELECT of `code_version` made them. Returns the days."""
        days = Window(settings.first_day, YESTERDAY + timedelta(days=1))
        version = {data_versions.DATA_VERSION: f"{code_version}-a-run"}
        for day in days:
            for asset, tags in (("source", None), ("dataset", version)):
                event = dg.AssetMaterialization(asset, partition=day.isoformat(), tags=tags)
                instance.report_runless_asset_event(event)
        return days

    def test_requests_all_days_for_dataset_alone(self, landing, instance):
        """However old the days are."""
        days = self.record_days(landing, instance, "earlier")
        [request] = requested(landing, instance)
        assert (days_of(request), request.asset_selection) == (days, [dg.AssetKey("dataset")])

    def test_has_a_run_key_of_its_own(self, young, instance, monkeypatch):
        """A SELECT that failed too often does not stop the next one."""
        self.record_days(young, instance, "earlier")
        [request] = requested(young, instance)
        monkeypatch.setattr(gaps, "CODE_VERSION", "mended")
        assert requested(young, instance)[0].run_key != request.run_key

    def test_does_not_request_the_days_that_it_made(self, young, instance):
        self.record_days(young, instance, CODE_VERSION)
        assert requested(young, instance) == []
        self.record_days(young, instance, "earlier")
        assert len(requested(young, instance)) == 1
        self.record_days(young, instance, CODE_VERSION)
        assert requested(young, instance) == []
