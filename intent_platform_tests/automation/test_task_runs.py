"""Runs of tasks: the query tags of their statements, and what they log."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.deployment import deploy_tasks
from intent_platform_tests.assets.conftest import made_csv
from intent_platform_tests.automation.procedures import Deploy, at, deployed
from intent_platform_tests.snowflake_emulator.emulator import SentStatement

__all__ = ["deployed", "made_csv"]


@dataclass
class TickedTasks:
    """The statements of two tasks, one of which fails, and the events that they logged."""

    sent: list[SentStatement]
    events: list[tuple[str, str]]  # severity, first line

    def tags(self, asset: str) -> list[dict[str, str]]:
        """The query tags of the statements for an asset."""
        return [json.loads(s.tag) for s in self.sent if f'"asset": "{asset}"' in s.tag]


class TestTaskRun:
    @pytest.fixture(scope="class")
    @classmethod
    def ticked(cls, deployed: Deploy, emulator) -> Iterator[TickedTasks]:
        """DATASET_DAILY runs, and PREDICTION_DAILY fails because there is no champion."""
        with deployed() as shop:
            connector = SnowflakeConnector(shop.settings)
            place = f"{connector.parameters['database']}.{connector.parameters['schema']}"
            deploy_tasks(connector, lambda _: None, resume=True, dry=False)
            with shop.platform.warehouse.connect() as connection:
                connection.execute("CREATE EVENT TABLE EVENTS")
                connection.execute(f"ALTER ACCOUNT SET EVENT_TABLE = {place}.EVENTS")
                connection.execute(f"ALTER DATABASE {connector.parameters['database']} SET LOG_LEVEL = INFO")
            begun = len(emulator.statements)
            emulator.tick(at("2024-06-01T05:00"))
            assert emulator.tick(at("2024-06-01T08:00")) == {}
            assert "no version is champion yet" in emulator.task_runs[-1].error
            sent = emulator.statements[begun:]
            with shop.platform.warehouse.connect() as connection:
                logged = connection.fetch("SELECT RECORD, VALUE FROM EVENTS ORDER BY TIMESTAMP").to_pylist()
            events = [(json.loads(row["RECORD"])["severity_text"], row["VALUE"].splitlines()[0]) for row in logged]
            yield TickedTasks(sent, events)

    def test_tags_every_statement_with_its_asset(self, ticked):
        tags = [*ticked.tags("dataset"), *ticked.tags("scores")]
        assert len(tags) == len(ticked.sent)
        assert {tag["deployment"] for tag in tags} == {"dev"}

    def test_tags_statements_with_its_task_and_run(self, ticked):
        """The CALL is the task's. The statements inside are the run's."""
        tags = ticked.tags("dataset")
        assert {tag.get("task") for tag in tags} == {"DATASET_DAILY", None}
        assert {tag.get("partitions") for tag in tags} == {"2024-05-31", None}
        assert any("run" in tag for tag in tags)

    def test_logs_success_and_failure(self, ticked):
        assert [severity for severity, _ in ticked.events] == ["INFO", "ERROR"]
        assert "is done" in ticked.events[0][1]
        assert "failed" in ticked.events[1][1]
