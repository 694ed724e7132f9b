"""One story through the real `dagster dev`: load, train, score, roll back and score again; and its schedules."""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from intent_platform.partitions import TIMEZONE, Window, day_of
from intent_platform.platforms import platform_for
from intent_platform.platforms.ports import Platform
from intent_platform.platforms.versions import ModelVersion
from intent_platform.settings import load_settings
from intent_platform_tests.builders.sessions import write_uci_csv
from intent_platform_tests.end_to_end.webserver import Webserver, dagster_dev

pytestmark = pytest.mark.e2e

SCORED = Window(day_of("2024-05-01"), day_of("2024-05-31"))
MONTHS = {"Feb": 150, "Mar": 500, "May": 700, "June": 300}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    csv = write_uci_csv(tmp_path_factory.mktemp("uci") / "sessions.csv", MONTHS)
    return {
        "INTENT_PLATFORM_UCI_CSV": str(csv),
        "INTENT_PLATFORM_UCI_SESSION_DATES": "spread",
        "INTENT_PLATFORM_FIRST_DAY": "2024-02-01",
        "INTENT_PLATFORM_TRAINING_TRIALS": "2",
        "INTENT_PLATFORM_TRAINING_FOLDS": "3",
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("platform") / "home"


@pytest.fixture(scope="module")
def server(home: Path, environment: dict[str, str]):
    with dagster_dev(home, environment) as running:
        yield running


def succeed(server: Webserver, run: str) -> None:
    assert server.finish(run) == "SUCCESS", server.errors(run)


class Versions(NamedTuple):
    """The first champion and the other version, as they were after training."""

    champion: ModelVersion
    other: ModelVersion


def load_four_months(server: Webserver) -> None:
    """Load sessions and features as a backfill, which is one run over the range."""
    backfill = server.backfill(["source", "dataset"], Window(day_of("2024-02-01"), day_of("2024-07-01")).keys)
    server.finish_backfill(backfill)
    assert len(server.runs({"dagster/backfill": backfill})) == 1


def train_two_challengers(server: Webserver, platform: Platform) -> Versions:
    """Train two challengers at the same time. The evaluation makes the first one champion."""
    months = ("2024-05-01", "2024-06-01")
    for run in [server.launch("training_job", {"dagster/partition": month}) for month in months]:
        succeed(server, run)
    succeed(server, server.launch("evaluation_job", {"dagster/partition": "2024-05-01"}))
    champion = platform.registry.champion()
    assert champion is not None
    other = next(version for version in platform.registry.versions() if version.name != champion.name)
    return Versions(champion, other)


def launch_rollback(server: Webserver, **config: str) -> str:
    """Launch the rollback job from the launchpad; the id of the run."""
    return server.launch("rollback", config={"ops": {"rollback_champion": {"config": config}}})


def score_thirty_days(server: Webserver, platform: Platform, versions: Versions) -> None:
    """Score as a backfill from the UI. Meanwhile, a rollback to a version that does not exist is refused."""
    scoring = server.backfill(["scores"], SCORED.keys)
    refused = launch_rollback(server, version="v_000101_000000")
    assert server.finish(refused) == "FAILURE"
    assert "has no version v_000101_000000" in server.errors(refused)
    assert platform.registry.champion() == versions.champion
    server.finish_backfill(scoring)
    assert versions_that_scored(platform) == {versions.champion.name}


def roll_back(server: Webserver, platform: Platform, versions: Versions) -> str:
    """Roll back to the other version; the id of the run."""
    rollback = launch_rollback(server, version=versions.other.name, reason="a rehearsal")
    succeed(server, rollback)
    assert platform.registry.champion() == platform.registry.version(versions.other.name)
    assert platform.registry.version(versions.champion.name).quarantine
    return rollback


def wait_for_new_scores(server: Webserver, platform: Platform, versions: Versions) -> None:
    """The sensor requests a run that scores the days again, with the new champion."""
    [requested] = server.until(
        "the re-scoring run", 120, lambda: server.runs({"dagster/sensor_name": "champion_sensor"})
    )
    assert requested["jobName"] == "scores_job"
    succeed(server, requested["id"])
    assert versions_that_scored(platform) == {versions.other.name}


def versions_that_scored(platform: Platform) -> set[str]:
    with platform.warehouse.connect() as connection:
        rows = connection.fetch(
            "SELECT DISTINCT MODEL_VERSION FROM SCORES WHERE SESSION_DATE >= :start AND SESSION_DATE < :end",
            **SCORED.bounds,
        )
    return set(rows["MODEL_VERSION"].to_pylist())


def check_ledger(platform: Platform, versions: Versions, rollback: str) -> None:
    with platform.warehouse.connect() as connection:
        moves = connection.fetch("SELECT FROM_VERSION, TO_VERSION, CAUSE, RUN_ID FROM CHAMPION_HISTORY ORDER BY MOVE")
    assert [tuple(move.values())[:3] for move in moves.to_pylist()] == [
        (None, versions.champion.name, "first"),
        (versions.champion.name, versions.other.name, "rollback"),
    ]
    assert moves["RUN_ID"][1].as_py() == rollback


def check_that_no_session_is_lost(platform: Platform) -> None:
    with platform.warehouse.connect() as connection:
        unscored = connection.fetch(
            "SELECT COUNT(*) AS COUNTED FROM DATASET D LEFT JOIN SCORES S ON S.UID = D.UID "
            "AND S.SESSION_DATE = D.SESSION_DATE WHERE D.SESSION_DATE >= :start AND D.SESSION_DATE < :end "
            "AND S.UID IS NULL",
            **SCORED.bounds,
        )
        loaded = connection.fetch("SELECT COUNT(*) AS COUNTED FROM SOURCE")
    assert unscored["COUNTED"][0].as_py() == 0
    assert loaded["COUNTED"][0].as_py() == sum(MONTHS.values())


class TestStory:
    def test_from_the_first_session_to_new_scores_after_a_rollback(self, server: Webserver, home: Path):
        platform = platform_for(load_settings(home=home))
        load_four_months(server)
        versions = train_two_challengers(server, platform)
        score_thirty_days(server, platform, versions)
        rollback = roll_back(server, platform, versions)
        wait_for_new_scores(server, platform, versions)
        check_ledger(platform, versions, rollback)
        check_that_no_session_is_lost(platform)


class TestSchedule:
    @pytest.mark.parametrize(
        ("schedule", "moment", "partition"),
        [
            ("sessions_schedule", datetime(2024, 6, 1, 5, tzinfo=TIMEZONE), "2024-05-31"),
            ("scores_schedule", datetime(2024, 6, 1, 8, tzinfo=TIMEZONE), "2024-05-31"),
            ("training_schedule", datetime(2024, 6, 1, 10, tzinfo=TIMEZONE), "2024-06-01"),
            ("evaluation_schedule", datetime(2024, 6, 15, 10, tzinfo=TIMEZONE), "2024-06-01"),
        ],
        ids=["sessions", "scores", "training", "evaluation"],
    )
    def test_requests_its_partition(self, server: Webserver, schedule, moment, partition):
        requests = server.tick(schedule, moment.timestamp())
        assert [request["dagster/partition"] for request in requests] == [partition]


class TestCodeLocation:
    def test_has_exactly_these_schedules(self, server: Webserver):
        assert server.names("schedules") == {
            "sessions_schedule",
            "scores_schedule",
            "training_schedule",
            "evaluation_schedule",
        }

    def test_has_exactly_these_sensors(self, server: Webserver):
        assert server.names("sensors") == {
            "landing_sensor",
            "champion_sensor",
            "table_sensor",
            "catch_up_sensor",
            "failure_sensor",
            "check_sensor",
            "abandoned_runs_sensor",
        }
