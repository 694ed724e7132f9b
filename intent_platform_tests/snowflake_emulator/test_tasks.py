"""Graphs of tasks: which tasks run, what may change meanwhile, and who learns of a failure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from snowflake.connector.errors import ProgrammingError

from intent_platform_tests.snowflake_emulator.server import RunningEmulator
from intent_platform_tests.snowflake_emulator.task_runs import Notification

FIVE = datetime(2024, 6, 1, 5, tzinfo=UTC)
SCHEDULE = "SCHEDULE = 'USING CRON 0 5 * * * UTC'"
SCHEDULED_AT = "SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP')"
NEW_CHILD = "CREATE TASK D WAREHOUSE = COMPUTE_WH AFTER C AS SELECT 1"


@pytest.fixture
def graph(cursor: Any) -> Iterator[Any]:
    """A, then B, then C. Each one notes its name. B needs the table NEEDED."""
    cursor.execute("CREATE TABLE RAN (NAME VARCHAR, SCHEDULED VARCHAR)")
    cursor.execute("CREATE TABLE NEEDED (A INT)")
    cursor.execute("INSERT INTO NEEDED VALUES (1)")
    cursor.execute("CREATE OR REPLACE NOTIFICATION INTEGRATION PAGER ENABLED = TRUE TYPE = QUEUE DIRECTION = OUTBOUND")
    cursor.execute(
        f"CREATE TASK A WAREHOUSE = COMPUTE_WH {SCHEDULE} SUSPEND_TASK_AFTER_NUM_FAILURES = 2 "
        "ERROR_INTEGRATION = PAGER AS INSERT INTO RAN SELECT 'A', NULL"
    )
    cursor.execute(
        "CREATE TASK B WAREHOUSE = COMPUTE_WH TIMEZONE = 'UTC' AFTER A "
        f"AS INSERT INTO RAN SELECT 'B', {SCHEDULED_AT} FROM NEEDED"
    )
    cursor.execute("CREATE TASK C WAREHOUSE = COMPUTE_WH AFTER B AS INSERT INTO RAN SELECT 'C', NULL")
    for name in "CBA":
        cursor.execute(f"ALTER TASK {name} RESUME")
    yield cursor
    cursor.execute("ALTER TASK A SUSPEND")


def ran(cursor: Any) -> list[str]:
    return [name for (name,) in cursor.execute("SELECT NAME FROM RAN ORDER BY NAME").fetchall()]


def states(cursor: Any) -> list[tuple[str, str]]:
    """Name and state of each run."""
    where = f"WHERE SCHEMA_NAME = '{cursor.connection.schema}'"
    return list(cursor.execute(f"SELECT NAME, STATE FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY()) {where}").fetchall())


def shown(cursor: Any, column: str) -> dict[str, Any]:
    """A column of SHOW TASKS by name."""
    found = cursor.execute("SHOW TASKS IN SCHEMA").fetchall()
    place = [entry.name for entry in cursor.description].index(column)
    return {row[0]: row[place] for row in found}


class TestGraph:
    def test_runs_each_task_after_the_one_before(self, graph: Any, emulator: RunningEmulator) -> None:
        assert [*emulator.tick(FIVE)] == ["A", "B", "C"]
        assert ran(graph) == ["A", "B", "C"]

    def test_waits_for_its_clock(self, graph: Any, emulator: RunningEmulator) -> None:
        assert emulator.tick(FIVE + timedelta(hours=1)) == {}

    def test_stops_behind_a_failed_task(self, graph: Any, emulator: RunningEmulator) -> None:
        graph.execute("DROP TABLE NEEDED")
        assert [*emulator.tick(FIVE)] == ["A"]
        assert states(graph) == [("A", "SUCCEEDED"), ("B", "FAILED")]

    def test_goes_on_past_a_suspended_task(self, graph: Any, emulator: RunningEmulator) -> None:
        for statement in ("ALTER TASK A SUSPEND", "ALTER TASK B SUSPEND", "ALTER TASK A RESUME"):
            graph.execute(statement)
        assert [*emulator.tick(FIVE)] == ["A", "C"]

    def test_is_shown_with_its_links(self, graph: Any) -> None:
        place = f"{graph.connection.database}.{graph.connection.schema}"
        assert shown(graph, "predecessors") == {"A": "[]", "B": f'["{place}.A"]', "C": f'["{place}.B"]'}
        assert set(shown(graph, "state").values()) == {"started"}

    @pytest.mark.parametrize("change", ["DROP TASK A", f"CREATE OR REPLACE TASK A {SCHEDULE} AS SELECT 1"])
    def test_loses_what_follows_a_replaced_task(self, graph: Any, change: str) -> None:
        graph.execute("ALTER TASK A SUSPEND")
        graph.execute(change)
        assert shown(graph, "predecessors")["B"] == "[]"
        graph.execute("CREATE OR REPLACE TASK A WAREHOUSE = COMPUTE_WH " + SCHEDULE + " AS SELECT 1")


class TestChange:
    @pytest.mark.parametrize(
        "sql",
        [
            *("ALTER TASK C SUSPEND", "ALTER TASK C RESUME", "DROP TASK C", "DROP TASK A", NEW_CHILD),
            "CREATE OR REPLACE TASK C AFTER B AS SELECT 1",
            f"CREATE OR REPLACE TASK A {SCHEDULE} AS SELECT 1",
        ],
    )
    def test_needs_a_suspended_root(self, graph: Any, sql: str) -> None:
        with pytest.raises(ProgrammingError, match="root task is not suspended") as caught:
            graph.execute(sql)
        assert caught.value.errno == 91421

    @pytest.mark.parametrize(
        "sql",
        [
            f"CREATE TASK D {SCHEDULE} AFTER C AS SELECT 1",
            "CREATE TASK D ERROR_INTEGRATION = PAGER AFTER C AS SELECT 1",
            "CREATE TASK D AFTER NOWHERE AS SELECT 1",
            "CREATE TASK D AS SELECT 1",
            f"CREATE TASK D {SCHEDULE} ERROR_INTEGRATION = NOWHERE AS SELECT 1",
            "CREATE NOTIFICATION INTEGRATION MAIL TYPE = EMAIL ENABLED = TRUE",
            "EXECUTE TASK B",
            "EXECUTE TASK A RETRY LAST",
            f"SELECT {SCHEDULED_AT}",
        ],
    )
    def test_is_refused(self, graph: Any, sql: str) -> None:
        graph.execute("ALTER TASK A SUSPEND")
        with pytest.raises(ProgrammingError):
            graph.execute(sql)

    def test_of_an_absent_task_may_be_conditional(self, graph: Any) -> None:
        graph.execute("ALTER TASK IF EXISTS NOWHERE SUSPEND")


class TestFailure:
    def test_is_told_to_the_integration_of_the_root(self, graph: Any, emulator: RunningEmulator) -> None:
        begun = len(emulator.notifications)
        graph.execute("DROP TABLE NEEDED")
        emulator.tick(FIVE)
        [told] = emulator.notifications[begun:]
        assert told == Notification("PAGER", "B", told.error)
        assert "NEEDED" in told.error

    def test_suspends_the_root_when_it_repeats(self, graph: Any, emulator: RunningEmulator) -> None:
        graph.execute("DROP TABLE NEEDED")
        for _ in range(3):
            emulator.tick(FIVE)
        assert states(graph)[-1] == ("B", "FAILED_AND_AUTO_SUSPENDED")
        assert len(states(graph)) == 4
        assert shown(graph, "state")["A"] == "suspended"


class TestExecution:
    def test_by_hand_runs_a_suspended_root(self, graph: Any) -> None:
        graph.execute("ALTER TASK A SUSPEND")
        graph.execute("EXECUTE TASK A")
        assert ran(graph) == ["A", "B", "C"]

    def test_again_begins_at_the_failed_task(self, graph: Any, emulator: RunningEmulator) -> None:
        graph.execute("DROP TABLE NEEDED")
        emulator.tick(FIVE)
        graph.execute("CREATE TABLE NEEDED (A INT)")
        graph.execute("INSERT INTO NEEDED VALUES (1)")
        graph.execute("EXECUTE TASK A RETRY LAST")
        assert ran(graph) == ["A", "B", "C"]
        [(scheduled,)] = graph.execute("SELECT SCHEDULED FROM RAN WHERE NAME = 'B'").fetchall()
        assert datetime.fromisoformat(scheduled) == FIVE
