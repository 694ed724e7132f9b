"""Tasks: statements on a schedule. `tick` runs those that are scheduled for a given time."""

from datetime import datetime
from typing import Any

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Emulator, Rule
from intent_platform_tests.snowflake_emulator.errors import absent_or_forbidden, already_exists, invalid_property
from intent_platform_tests.snowflake_emulator.parameters import refuse_value
from intent_platform_tests.snowflake_emulator.results import rows, succeeded
from intent_platform_tests.snowflake_emulator.schedules import Schedule

_OPTIONS = {"WAREHOUSE", "SCHEDULE", "COMMENT", "QUERY_TAG", "SUSPEND_TASK_AFTER_NUM_FAILURES", "USER_TASK_TIMEOUT_MS"}


def create(call: Call) -> Answer:
    """Create or replace a task, suspended at first."""
    reader = call.reader
    exists = reader.take("IF", "NOT", "EXISTS")
    key = call.key()
    options = reader.options()
    for unknown in options.keys() - _OPTIONS:
        raise invalid_property(unknown, "TASK")
    reader.expect("AS")
    Schedule.parsed(options.get("SCHEDULE", ""))
    refuse_value("QUERY_TAG", options.get("QUERY_TAG", ""))
    if "WAREHOUSE" in options and options["WAREHOUSE"].upper() not in call.emulator.state.of("warehouses"):
        raise absent_or_forbidden()
    with call.emulator.state.changing("tasks") as tasks:
        if key in tasks and exists:
            return succeeded(f"{key} already exists, statement succeeded.")
        if key in tasks and not call.replacing:
            raise already_exists(key)
        tasks[key] = {"schedule": options["SCHEDULE"], "definition": reader.rest, "state": "suspended"}
        tasks[key] |= {"warehouse": options.get("WAREHOUSE"), "query_tag": options.get("QUERY_TAG", "")}
    return succeeded(f"Task {key.rpartition('.')[2]} successfully created.")


def show(call: Call) -> Answer:
    """All tasks of the account."""
    kept = call.emulator.state.of("tasks")
    columns = ["name", "warehouse", "schedule", "state", "definition"]
    shown = [(key.rpartition(".")[2], *(task[column] for column in columns[1:])) for key, task in sorted(kept.items())]
    return rows(columns, shown)


def due(emulator: Emulator, at: datetime) -> list[tuple[str, dict[str, Any]]]:
    """The resumed tasks that are scheduled for the minute of `at`."""
    return [
        (key, task)
        for key, task in sorted(emulator.state.of("tasks").items())
        if task["state"] == "started" and Schedule.parsed(task["schedule"]).ticks(at)
    ]


RULES = [
    Rule(["CREATE TASK"], create, delegated=True),
    Rule(["SHOW TASKS"], show),
]
