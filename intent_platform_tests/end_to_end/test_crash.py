"""A crash of the real `dagster dev` within a run: the next command ends the run, and another start is possible."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from filelock import FileLock

from intent_platform.__main__ import main
from intent_platform.instance import open_instance
from intent_platform.platforms import platform_for
from intent_platform.settings import load_settings
from intent_platform_tests.end_to_end.webserver import Webserver, dagster_dev

pytestmark = pytest.mark.e2e

ENVIRONMENT = {
    "INTENT_PLATFORM_FEED": "simulated",
    "INTENT_PLATFORM_SIMULATED_SESSIONS_PER_DAY": "20",
    "INTENT_PLATFORM_SCHEDULES_RUNNING_BY_DEFAULT": "false",
}
RANGE = {"dagster/asset_partition_range_start": "2024-02-01", "dagster/asset_partition_range_end": "2024-02-02"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("INTENT_PLATFORM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def server(home: Path) -> Iterator[Webserver]:
    with dagster_dev(home, ENVIRONMENT) as running:
        yield running


def status(instance: dg.DagsterInstance, run: str) -> dg.DagsterRunStatus:
    return instance.get_runs(dg.RunsFilter(run_ids=[run]))[0].status


class TestCrash:
    def test_leaves_a_run_that_the_next_command_fails(self, server: Webserver, home: Path, capsys):
        settings = load_settings()
        with platform_for(settings).warehouse.connect(writing=True):  # the run waits for the warehouse
            run = server.launch("sessions_job", RANGE)
            server.until("the run", 120, lambda: server.status(run) == "STARTED")
            with open_instance(settings) as instance:
                assert status(instance, run) is dg.DagsterRunStatus.STARTED
            assert main(["dev", "--port", "0"]) == 1
            process = int((home / "dagster" / "dev.lock").read_text())
            assert f"process {process}" in capsys.readouterr().err
            os.killpg(process, signal.SIGKILL)
        with FileLock(home / "dagster" / "workers" / run, timeout=60):
            pass  # the killed process has ended
        with open_instance(settings) as instance:
            assert status(instance, run) is dg.DagsterRunStatus.FAILURE
