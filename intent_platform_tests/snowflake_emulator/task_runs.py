"""Runs of tasks: by the clock, by hand and again. A task runs after the success of those that it follows."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import fakesnow.server as fakesnow_server
import pyarrow as pa
from snowflake.connector.errors import ProgrammingError

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Emulator, Rule, Sql
from intent_platform_tests.snowflake_emulator.errors import syntax_error
from intent_platform_tests.snowflake_emulator.needs import on_object
from intent_platform_tests.snowflake_emulator.objects import existing
from intent_platform_tests.snowflake_emulator.results import succeeded
from intent_platform_tests.snowflake_emulator.schedules import Schedule
from intent_platform_tests.snowflake_emulator.tasks import graph_of, require_execute_task, root_of


@dataclass(frozen=True)
class TaskRun:
    """One run of a task. `scheduled` is the time of its graph, which a retry keeps. `rows` are those of its answer."""

    task: str
    root: str
    scheduled: datetime
    attempt: int
    state: str
    rows: list[Any]
    error: str | None = None

    @property
    def name(self) -> str:
        return self.task.rpartition(".")[2]


@dataclass(frozen=True)
class Notification:
    """What a notification integration was told."""

    integration: str
    task: str
    error: str


def due(emulator: Emulator, at: datetime) -> list[str]:
    """The resumed roots that are scheduled for the minute of `at`."""
    tasks = emulator.state.of("tasks")
    return [
        key
        for key, task in sorted(tasks.items())
        if task["schedule"] and task["state"] == "started" and Schedule.parsed(task["schedule"]).ticks(at)
    ]


def run_graph(
    emulator: Emulator, root: str, at: datetime, scheduled: datetime, attempt: int = 1, done: Collection[str] = ()
) -> list[TaskRun]:
    """Run a graph and return its runs, in order.

    A suspended task counts as successful. A task whose predecessor failed does not run.

    Args:
        emulator: the account.
        root: the first task. It runs even if it is suspended.
        at: the current time of the tasks.
        scheduled: the time that the graph was scheduled for.
        attempt: 1, and more for a retry.
        done: tasks that succeeded in an earlier attempt. They do not run again.
    """
    tasks = emulator.state.of("tasks")
    succeeded_tasks, runs = set(done), []
    for key in [*graph_of(tasks, root)]:
        task = tasks[key]
        if key in succeeded_tasks or set(task["after"]) - succeeded_tasks:
            continue
        if key != root and task["state"] == "suspended":
            succeeded_tasks.add(key)
            continue
        run = _run(emulator, key, root, at, scheduled, attempt)
        runs.append(run)
        if run.error is None:
            succeeded_tasks.add(key)
    emulator.task_runs += runs
    return runs


def execute(call: Call) -> Answer:
    """Run a graph by hand, or the last one again from its failed tasks. Snowflake does not wait for its end."""
    key = call.key()
    again = call.reader.take("RETRY", "LAST")
    call.reader.end()
    tasks = call.emulator.state.of("tasks")
    existing(tasks, "Task", key)
    if root_of(tasks, key) != key:
        raise syntax_error(f"Cannot execute task {key}: it follows another task")
    if not again:
        moment = datetime.now().astimezone()
        run_graph(call.emulator, key, moment, moment)
        return succeeded(f"Task {key.rpartition('.')[2]} is scheduled to run immediately.")
    earlier = [run for run in call.emulator.task_runs if run.root == key]
    last = [run for run in earlier if earlier and run.scheduled == earlier[-1].scheduled]
    if not last or not any(run.error for run in last if run.attempt == last[-1].attempt):
        raise syntax_error(f"Cannot retry task {key}: its last run did not fail")
    done = {run.task for run in last if run.error is None}
    run_graph(call.emulator, key, datetime.now().astimezone(), last[0].scheduled, last[-1].attempt + 1, done)
    return succeeded(f"Task {key.rpartition('.')[2]} is scheduled to run immediately.")


def history(emulator: Emulator) -> pa.Table:
    """TASK_HISTORY: the runs of all tasks. A task that did not run has no row."""
    runs = emulator.task_runs
    return pa.table(
        {
            "NAME": [run.name for run in runs],
            "DATABASE_NAME": [run.task.split(".")[0] for run in runs],
            "SCHEMA_NAME": [run.task.split(".")[1] for run in runs],
            "STATE": [run.state for run in runs],
            "ERROR_MESSAGE": pa.array([run.error for run in runs], pa.string()),
            "SCHEDULED_TIME": pa.array([run.scheduled.astimezone(UTC) for run in runs], pa.timestamp("us", "UTC")),
            "ATTEMPT_NUMBER": [run.attempt for run in runs],
        }
    )


def _run(emulator: Emulator, key: str, root: str, at: datetime, scheduled: datetime, attempt: int) -> TaskRun:
    task = emulator.state.of("tasks")[key]
    database, schema, _ = key.split(".")
    connection = fakesnow_server.shared_fs.connect(database, schema)
    session = emulator.session_of(connection)
    session.ticked_at, session.scheduled_at = at, scheduled
    session.warehouse = task["warehouse"]
    session.parameters.update(task["parameters"])
    emulator.record(connection, task["definition"])
    try:
        session.role = require_execute_task(emulator, key).role
        answered = emulator.answer(connection, task["definition"], None)
        assert isinstance(answered, Sql), "a task moves no files"
        found = connection.cursor().execute(answered.text).fetchall()
    except ProgrammingError as failure:
        message = str(failure.msg)
        state = _count_failure(emulator, key, root)
        integration = emulator.state.of("tasks")[root]["error_integration"]
        if integration is not None:
            emulator.notifications.append(Notification(integration, key.rpartition(".")[2], message))
        return TaskRun(key, root, scheduled, attempt, state, [], message)
    finally:
        emulator.end_session(connection)
    with emulator.state.changing("tasks") as tasks:
        tasks[root]["failures"].pop(key, None)
    return TaskRun(key, root, scheduled, attempt, "SUCCEEDED", found)


def _count_failure(emulator: Emulator, key: str, root: str) -> str:
    """Count a failed run, suspend the root after too many in a row, and return the state of the run."""
    with emulator.state.changing("tasks") as tasks:
        failures = tasks[root]["failures"].get(key, 0) + 1
        tasks[root]["failures"][key] = failures
        if failures != tasks[root]["failures_allowed"]:
            return "FAILED"
        tasks[root]["state"] = "suspended"
    return "FAILED_AND_AUTO_SUSPENDED"


RULES = [Rule(["EXECUTE TASK"], execute, need=on_object("OPERATE", "TASK"))]
