"""The shops that sensors look at, an instance that remembers their runs, and events recorded without a run."""

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from intent_platform.definitions import build_definitions
from intent_platform.platforms.local.registry import MlflowRegistry
from intent_platform.settings import Settings, load_settings
from intent_platform_tests.builders.environment import clean_environment
from intent_platform_tests.builders.sensors import RANGE, YESTERDAY, tick


def landing_settings(home: Path) -> Settings:
    """Settings of a shop whose sessions arrive as files in a folder."""
    with clean_environment():
        settings = load_settings(
            home=home,
            feed="landing",
            first_day=YESTERDAY - timedelta(days=20),
            warehouse={"timeout_seconds": 5},
            landing={"done_files": False, "quiet_seconds": 0},
        )
    settings.landing_folder.mkdir(parents=True)
    return settings


def simulated_settings(home: Path, **simulated: object) -> Settings:
    """Settings of a simulated shop, small and quickly trained."""
    with clean_environment():
        return load_settings(
            home=home,
            feed="simulated",
            first_day="2025-06-01",
            simulated={"sessions_per_day": 60, **simulated},
            training={"trials": 1, "folds": 2, "iterations": 30, "months": 1},
            warehouse={"timeout_seconds": 5},
        )


def record(instance: dg.DagsterInstance, assets: Iterable[str], days: Iterable[date]) -> None:
    """Record that the assets were materialized for these days, without a run."""
    for day in days:
        for asset in assets:
            instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=day.isoformat()))


def begin_run(settings: Settings, instance: dg.DagsterInstance, job: str, **options: Any) -> dg.DagsterRun:
    """Record a run of the job that is under way."""
    definition = build_definitions(settings).resolve_job_def(job)
    return instance.create_run_for_job(definition, status=dg.DagsterRunStatus.STARTED, **options)


def run_range(settings: Settings, instance: dg.DagsterInstance, job: str, first: str, last: str) -> None:
    """Run a daily job over the days from `first` to `last`."""
    definition = build_definitions(settings).resolve_job_def(job)
    tags = dict(zip(RANGE, (first, last), strict=True))
    assert definition.execute_in_process(instance=instance, tags=tags).success


def requested(settings: Settings, instance: dg.DagsterInstance, job: str = "") -> list[dg.RunRequest]:
    """The runs that the catch-up sensor requests, of one job if it is named."""
    requests = tick(settings, "catch_up_sensor", instance).run_requests or []
    return [request for request in requests if job in ("", request.job_name)]


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def point_to(monkeypatch):
    """Let the registry name a version as champion. No version is stored, because a sensor loads none."""

    def point(name: str) -> None:
        champion = SimpleNamespace(name=name, quarantine=None)
        monkeypatch.setattr(MlflowRegistry, "champion", lambda self: champion)

    return point


@pytest.fixture
def landing(tmp_path):
    return landing_settings(tmp_path / "home")


@pytest.fixture
def simulated(tmp_path):
    """Make the settings of a simulated shop."""

    def make(**simulated: object) -> Settings:
        return simulated_settings(tmp_path / "home", **simulated)

    return make
