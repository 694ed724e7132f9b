"""Tasks: statements on a schedule, and graphs of tasks that follow each other. `task_runs` runs them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Emulator, Rule
from intent_platform_tests.snowflake_emulator.errors import (
    absent_or_forbidden,
    already_exists,
    error,
    invalid_property,
    not_found,
    syntax_error,
)
from intent_platform_tests.snowflake_emulator.needs import creating, dropping, on_object
from intent_platform_tests.snowflake_emulator.objects import existing
from intent_platform_tests.snowflake_emulator.parameters import refuse_value
from intent_platform_tests.snowflake_emulator.privileges import Access
from intent_platform_tests.snowflake_emulator.results import rows, succeeded
from intent_platform_tests.snowflake_emulator.schedules import Schedule
from intent_platform_tests.snowflake_emulator.session import Session

_OF_ROOTS = {"SCHEDULE", "SUSPEND_TASK_AFTER_NUM_FAILURES", "ERROR_INTEGRATION"}
_OPTIONS = _OF_ROOTS | {"WAREHOUSE", "COMMENT", "QUERY_TAG", "TIMEZONE", "USER_TASK_TIMEOUT_MS"}
_OF_INTEGRATIONS = {"ENABLED", "TYPE", "DIRECTION", "NOTIFICATION_PROVIDER", "AWS_SNS_TOPIC_ARN", "AWS_SNS_ROLE_ARN"}
_SHOWN = ("name", "schema_name", "warehouse", "schedule", "predecessors", "state", "definition", "error_integration")

#: Tasks by their full name.
Tasks = Mapping[str, dict[str, Any]]


def create(call: Call) -> Answer:
    """Create or replace a task, suspended at first. Replacing a task cuts it off from those that follow it."""
    reader = call.reader
    exists = reader.take("IF", "NOT", "EXISTS")
    key = call.key()
    options = reader.options()
    after = [call.key()] if reader.take("AFTER") else []
    while after and reader.take(","):
        after.append(call.key())
    for unknown in options.keys() - _OPTIONS:
        raise invalid_property(unknown, "TASK")
    if after and (of_root := options.keys() & _OF_ROOTS):
        raise syntax_error(f"a task after another one has no {', '.join(sorted(of_root))}")
    reader.expect("AS")
    if not after:
        Schedule.parsed(options.get("SCHEDULE", ""))
    refuse_value("QUERY_TAG", options.get("QUERY_TAG", ""))
    refuse_value("TIMEZONE", options.get("TIMEZONE", "UTC"))
    if "WAREHOUSE" in options and not call.access.has("USAGE", "WAREHOUSE", options["WAREHOUSE"].upper()):
        raise absent_or_forbidden()
    integration = options.get("ERROR_INTEGRATION", "").upper()
    if integration and not call.access.has("USAGE", "INTEGRATION", integration):
        raise not_found("Integration", integration)
    with call.emulator.state.changing("tasks") as tasks:
        if key in tasks and exists:
            return succeeded(f"{key} already exists, statement succeeded.")
        if key in tasks and not call.replacing:
            raise already_exists(key)
        for predecessor in after:
            existing(tasks, "Task", predecessor)
            _refuse_a_started_root(tasks, predecessor)
        if len({root_of(tasks, predecessor) for predecessor in after}) > 1:
            raise syntax_error("the tasks that a task follows belong to one graph")
        _take_out(tasks, key)
        tasks[key] = {
            "schedule": options.get("SCHEDULE"),
            "after": after,
            "definition": reader.rest,
            "state": "suspended",
            "warehouse": options.get("WAREHOUSE"),
            "parameters": {name: options[name] for name in ("QUERY_TAG", "TIMEZONE") if name in options},
            "error_integration": integration or None,
            "failures_allowed": int(options.get("SUSPEND_TASK_AFTER_NUM_FAILURES", "10")),
            "failures": {},
        }
    return succeeded(f"Task {key.rpartition('.')[2]} successfully created.")


def resume_or_suspend(call: Call) -> Answer:
    """Resume or suspend a task. The root of its graph must be suspended, unless it is the root."""
    exists = call.reader.take("IF", "EXISTS")
    key = call.key()
    state = call.reader.take_any("RESUME", "SUSPEND")
    call.reader.end()
    if state is None:
        raise syntax_error("a task is resumed or suspended")
    with call.emulator.state.changing("tasks") as tasks:
        if exists and key not in tasks:
            return succeeded()
        task = existing(tasks, "Task", key)
        if state == "RESUME":
            require_execute_task(call.emulator, key)
        if root_of(tasks, key) != key:
            _refuse_a_started_root(tasks, key)
        task["state"] = "suspended" if state == "SUSPEND" else "started"
        task["failures"] = {}
    return succeeded()


def drop(call: Call) -> Answer:
    """Drop a task. Those that follow it lose the link."""
    exists = call.reader.take("IF", "EXISTS")
    key = call.key()
    call.reader.end()
    with call.emulator.state.changing("tasks") as tasks:
        if not exists:
            existing(tasks, "Task", key)
        _take_out(tasks, key)
    return succeeded(f"{key} successfully dropped.")


def show(call: Call) -> Answer:
    """The tasks of the account, or of the schema."""
    of_schema = call.reader.take("IN", "SCHEMA")
    kept = call.emulator.state.of("tasks")
    place = call.key(("",)) if of_schema else ""
    return rows(_SHOWN, [_shown(key, task) for key, task in sorted(kept.items()) if key.startswith(place)])


def create_integration(call: Call) -> Answer:
    """Keep a notification integration. Only a queue can be told of failed tasks."""
    exists = call.reader.take("IF", "NOT", "EXISTS")
    name = call.reader.name()
    options = call.reader.options()
    call.reader.end()
    if unknown := options.keys() - _OF_INTEGRATIONS:
        raise syntax_error(f"a notification integration has no {', '.join(sorted(unknown))}")
    if (options.get("TYPE"), options.get("DIRECTION")) != ("QUEUE", "OUTBOUND"):
        raise syntax_error("the emulator's notification integrations have TYPE = QUEUE and DIRECTION = OUTBOUND")
    with call.emulator.state.changing("integrations") as integrations:
        if name in integrations and not exists and not call.replacing:
            raise already_exists(name)
        integrations[name] = options
    return succeeded(f"Integration {name} successfully created.")


def require_execute_task(emulator: Emulator, key: str) -> Session:
    """A session of the task's owner, who needs EXECUTE TASK.

    Raises:
        ProgrammingError: the owner may not execute tasks.
    """
    session = Session(role=emulator.state.of("owners")[f"TASK {key}"])
    if not Access(emulator.state, session).has_on_account("EXECUTE TASK"):
        raise error("Cannot execute task, EXECUTE TASK privilege must be granted to owner role", 91089, "23001")
    return session


def root_of(tasks: Tasks, key: str) -> str:
    """The task at the beginning of a task's graph."""
    while after := tasks[key]["after"]:
        key = after[0]
    return key


def graph_of(tasks: Tasks, root: str) -> Iterator[str]:
    """The tasks of a graph, each one behind those that it follows."""
    found = [root]
    yield root
    while following := [key for key, task in tasks.items() if key not in found and set(task["after"]) & set(found)]:
        ready = [key for key in following if not set(tasks[key]["after"]) - set(found)]
        found += ready
        yield from ready


def _take_out(tasks: dict[str, dict[str, Any]], key: str) -> None:
    if key not in tasks:
        return
    if len([*graph_of(tasks, root_of(tasks, key))]) > 1:
        _refuse_a_started_root(tasks, key)
    del tasks[key]
    for task in tasks.values():
        task["after"] = [predecessor for predecessor in task["after"] if predecessor != key]


def _refuse_a_started_root(tasks: Tasks, key: str) -> None:
    root = root_of(tasks, key)
    if tasks[root]["state"] == "started":
        raise error(
            f"Unable to update graph with root task {root} since that root task is not suspended.", 91421, "22000"
        )


def _shown(key: str, task: Mapping[str, Any]) -> tuple[object, ...]:
    _, schema, name = key.split(".")
    listed = {**task, "name": name, "schema_name": schema, "predecessors": json.dumps(task["after"])}
    return tuple(listed[column] for column in _SHOWN)


RULES = [
    Rule(["CREATE TASK"], create, delegated=True, need=creating("TASK")),
    Rule(["ALTER TASK"], resume_or_suspend, need=on_object("OPERATE", "TASK")),
    Rule(["DROP TASK"], drop, need=dropping("TASK")),
    Rule(["SHOW TASKS"], show),
    Rule(["CREATE NOTIFICATION INTEGRATION"], create_integration, need=creating("INTEGRATION", "CREATE INTEGRATION")),
]
