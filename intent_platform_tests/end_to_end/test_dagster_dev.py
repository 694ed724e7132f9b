"""One story through the real `dagster dev`: materialize, backfill, roll back, re-score, tick the clocks."""

from datetime import datetime
from pathlib import Path

import pytest

from intent_platform.partitions import TIMEZONE, Window, day_of
from intent_platform.platforms import platform_for
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


def test_the_story(server: Webserver, home: Path):
    platform = platform_for(load_settings(home=home))

    # Sessions and features of four months, as one run over the range.
    loading = server.backfill(["source", "dataset"], Window(day_of("2024-02-01"), day_of("2024-07-01")).keys)
    server.finish_backfill(loading)
    assert len(server.runs({"dagster/backfill": loading})) == 1

    # Two challengers; the first becomes champion.
    months = ("2024-05-01", "2024-06-01")
    for run in [server.launch("training_job", {"dagster/partition": month}) for month in months]:
        succeed(server, run)
    succeed(server, server.launch("evaluation_job", {"dagster/partition": "2024-05-01"}))
    champion = platform.registry.champion()
    assert champion is not None
    first = champion.name
    other = next(version.name for version in platform.registry.versions() if version.name != first)

    # Thirty days of scores, as a backfill from the UI. Meanwhile a version that does not exist is refused.
    scoring = server.backfill(["scores"], SCORED.keys)
    refused = server.launch(
        "rollback", config={"ops": {"rollback_champion": {"config": {"version": "v_000101_000000"}}}}
    )
    assert server.finish(refused) == "FAILURE"
    assert "has no version v_000101_000000" in server.errors(refused)
    assert platform.registry.champion() == champion
    server.finish_backfill(scoring)
    assert versions_that_scored(platform) == {first}

    # The rollback job from the launchpad moves the pointer, and the sensor asks for the re-scoring.
    rollback = server.launch(
        "rollback", config={"ops": {"rollback_champion": {"config": {"version": other, "reason": "a rehearsal"}}}}
    )
    succeed(server, rollback)
    assert platform.registry.champion() == platform.registry.version(other)
    assert platform.registry.version(first).quarantine
    [requested] = server.until(
        "the re-scoring run", 120, lambda: server.runs({"dagster/sensor_name": "champion_sensor"})
    )
    assert requested["jobName"] == "scores_job"
    succeed(server, requested["id"])
    assert versions_that_scored(platform) == {other}

    with platform.warehouse.connect() as connection:
        moves = connection.fetch("SELECT FROM_VERSION, TO_VERSION, CAUSE, RUN_ID FROM CHAMPION_HISTORY ORDER BY MOVE")
        unscored = connection.fetch(
            "SELECT COUNT(*) AS COUNTED FROM DATASET D LEFT JOIN SCORES S ON S.UID = D.UID "
            "AND S.SESSION_DATE = D.SESSION_DATE WHERE D.SESSION_DATE >= :start AND D.SESSION_DATE < :end "
            "AND S.UID IS NULL",
            start=SCORED.start,
            end=SCORED.end,
        )
        loaded = connection.fetch("SELECT COUNT(*) AS COUNTED FROM SOURCE")
    assert [tuple(move.values())[:3] for move in moves.to_pylist()] == [
        (None, first, "first"),
        (first, other, "rollback"),
    ]
    assert moves["RUN_ID"][1].as_py() == rollback
    assert unscored["COUNTED"][0].as_py() == 0
    assert loaded["COUNTED"][0].as_py() == sum(MONTHS.values())


def versions_that_scored(platform) -> set[str]:
    with platform.warehouse.connect() as connection:
        rows = connection.fetch(
            "SELECT DISTINCT MODEL_VERSION FROM SCORES WHERE SESSION_DATE >= :start AND SESSION_DATE < :end",
            start=SCORED.start,
            end=SCORED.end,
        )
    return set(rows["MODEL_VERSION"].to_pylist())


@pytest.mark.parametrize(
    ("schedule", "moment", "partition"),
    [
        ("sessions_schedule", datetime(2024, 6, 1, 5, tzinfo=TIMEZONE), "2024-05-31"),
        ("scores_schedule", datetime(2024, 6, 1, 8, tzinfo=TIMEZONE), "2024-05-31"),
        ("training_schedule", datetime(2024, 6, 1, 10, tzinfo=TIMEZONE), "2024-06-01"),
        ("evaluation_schedule", datetime(2024, 6, 15, 10, tzinfo=TIMEZONE), "2024-06-01"),
    ],
)
def test_each_clock_asks_for_its_partition(server: Webserver, schedule, moment, partition):
    requests = server.tick(schedule, moment.timestamp())
    assert [request["dagster/partition"] for request in requests] == [partition]


def test_exactly_these_schedules_and_sensors_are_there(server: Webserver):
    assert server.names("schedules") == {
        "sessions_schedule",
        "scores_schedule",
        "training_schedule",
        "evaluation_schedule",
    }
    assert server.names("sensors") == {
        "landing_sensor",
        "champion_sensor",
        "table_sensor",
        "catch_up_sensor",
        "failure_sensor",
        "check_sensor",
    }
