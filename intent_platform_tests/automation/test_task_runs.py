"""Mornings of the tasks: a failed task stops those behind it, somebody learns of it, and a retry heals the day."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from intent_platform.partitions import Window, day_of
from intent_platform.platforms.snowflake.connection import SnowflakeConnection
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.preparation import prepare
from intent_platform.platforms.snowflake.tasks import deploy_tasks
from intent_platform_tests.assets.conftest import Shop, made_csv
from intent_platform_tests.automation.procedures import Deploy, at, deployed
from intent_platform_tests.snowflake_emulator import Fault
from intent_platform_tests.snowflake_emulator.emulator import SentStatement
from intent_platform_tests.snowflake_emulator.task_runs import Notification, TaskRun

__all__ = ["deployed", "made_csv"]

LAST_OF_MAY = Window(day_of("2024-05-31"), day_of("2024-06-01"))
FIRST_OF_JUNE = at("2024-06-01T05:00")
GRAPH = ["DATASET_DAILY", "PREDICTION_DAILY", "MONITORING_DAILY"]


@dataclass
class Morning:
    """The tasks of one morning: their runs, their statements, and what the event table and the pager got."""

    shop: Shop
    runs: list[TaskRun]
    sent: list[SentStatement]
    events: list[tuple[str, str]]  # severity, first line
    notifications: list[Notification]
    scored: int

    def tags(self, asset: str) -> list[dict[str, str]]:
        """The query tags of the statements for an asset."""
        return [json.loads(s.tag) for s in self.sent if f'"asset": "{asset}"' in s.tag]


@contextmanager
def administration(shop: Shop) -> Iterator[SnowflakeConnection]:
    """A connection of the administrator, for what the tasks' role may not do."""
    connector = SnowflakeConnector(shop.settings)
    with connector.open() as client:
        client.cursor().execute("USE ROLE ACCOUNTADMIN")
        yield SnowflakeConnection(client, connector.parameters)


def play(shop: Shop, emulator, run: Callable[[], object]) -> Morning:
    """What `run` makes the tasks do."""
    with administration(shop) as connection:
        connection.execute("DELETE FROM EVENTS")
    kept = (emulator.task_runs, emulator.statements, emulator.notifications)
    begun = [len(entries) for entries in kept]
    run()
    runs, sent, told = (entries[start:] for entries, start in zip(kept, begun, strict=True))
    with administration(shop) as connection:
        logged = connection.fetch("SELECT RECORD, VALUE FROM EVENTS ORDER BY TIMESTAMP").to_pylist()
    events = [(json.loads(row["RECORD"])["severity_text"], row["VALUE"].splitlines()[0]) for row in logged]
    return Morning(shop, runs, sent, events, told, len(shop.rows("SCORES", "UID", LAST_OF_MAY)))


@pytest.fixture(scope="module")
def shop(deployed: Deploy, emulator) -> Iterator[Shop]:
    """A shop with a champion, whose account prepared the logs and whose tasks tell a pager."""
    with deployed() as shop:
        snowflake = shop.settings.snowflake.model_copy(update={"error_integration": "PAGER"})
        connector = SnowflakeConnector(shop.settings.model_copy(update={"snowflake": snowflake}))
        prepare(connector, "ACCOUNTADMIN", lambda _: None, dry=False)
        shop.load()
        shop.crown()
        with administration(shop) as connection:
            connection.execute("CREATE EVENT TABLE EVENTS")
            place = f"{connector.parameters['database']}.{connector.parameters['schema']}"
            connection.execute(f"ALTER ACCOUNT SET EVENT_TABLE = {place}.EVENTS")
            connection.execute(
                "CREATE OR REPLACE NOTIFICATION INTEGRATION PAGER ENABLED = TRUE TYPE = QUEUE DIRECTION = OUTBOUND"
            )
            connection.execute(f"GRANT USAGE ON INTEGRATION PAGER TO ROLE {connector.parameters['role']}")
        deploy_tasks(connector, lambda _: None, resume=True, dry=False)
        yield shop
        deploy_tasks(connector, lambda _: None, resume=False, dry=False)


@pytest.fixture(scope="module")
def failed(shop: Shop, emulator) -> Morning:
    """The role may not write DATASET."""
    emulator.inject(Fault.DENIED, matching="INSERT INTO DATASET")
    return play(shop, emulator, lambda: emulator.tick(FIRST_OF_JUNE))


@pytest.fixture(scope="module")
def retried(failed: Morning, emulator) -> Morning:
    """Somebody has mended the grant, and retries the graph years later."""

    def retry() -> None:
        with failed.shop.platform.warehouse.connect() as connection:
            connection.execute("EXECUTE TASK DATASET_DAILY RETRY LAST")

    return play(failed.shop, emulator, retry)


@pytest.fixture(scope="module")
def next_tick(retried: Morning, emulator) -> Morning:
    return play(retried.shop, emulator, lambda: emulator.tick(FIRST_OF_JUNE + timedelta(days=1)))


class TestFailedMorning:
    def test_stops_behind_the_failed_task(self, failed):
        assert [(run.name, run.state) for run in failed.runs] == [("DATASET_DAILY", "FAILED")]
        assert failed.scored == 0

    def test_is_logged_as_an_error(self, failed):
        [(severity, line)] = failed.events
        assert severity == "ERROR"
        assert "'asset': 'dataset'" in line
        assert "failed" in line

    def test_is_told_to_the_integration(self, failed):
        [told] = failed.notifications
        assert (told.integration, told.task) == ("PAGER", "DATASET_DAILY")
        assert "may not do this" in told.error


class TestRetriedMorning:
    def test_runs_all_tasks(self, retried):
        assert [(run.name, run.state) for run in retried.runs] == [(name, "SUCCEEDED") for name in GRAPH]
        assert not retried.notifications

    def test_heals_the_day_of_the_failed_run(self, retried):
        windows = [json.loads(run.rows[0][0])["window"] for run in retried.runs]
        assert windows == [str(LAST_OF_MAY)] * 3
        assert retried.scored == len(retried.shop.rows("DATASET", "UID", LAST_OF_MAY)) > 0


class TestNextTick:
    def test_runs_all_tasks(self, next_tick):
        assert [(run.name, run.state) for run in next_tick.runs] == [(name, "SUCCEEDED") for name in GRAPH]

    def test_logs_each_success(self, next_tick):
        assert [severity for severity, line in next_tick.events if line.endswith("is done")] == ["INFO"] * 3

    def test_tags_every_statement_with_its_asset(self, next_tick):
        tags = [tag for asset in ("dataset", "scores", "monitoring") for tag in next_tick.tags(asset)]
        assert len(tags) == len(next_tick.sent)
        assert {tag["deployment"] for tag in tags} == {"dev"}

    def test_tags_statements_with_its_task_and_run(self, next_tick):
        """The CALL is the task's. The statements inside are the run's."""
        tags = next_tick.tags("dataset")
        assert {tag.get("task") for tag in tags} == {"DATASET_DAILY", None}
        assert {tag.get("partitions") for tag in tags} == {"2024-06-01", None}
        assert any("run" in tag for tag in tags)
