"""Tasks: statements on a schedule. `tick` runs those that are scheduled for a given time."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Emulator, Rule
from intent_platform_tests.snowflake_emulator.errors import syntax_error
from intent_platform_tests.snowflake_emulator.results import rows, succeeded

_CRON = "USING CRON "
_OPTIONS = {"WAREHOUSE", "SCHEDULE", "COMMENT", "QUERY_TAG", "SUSPEND_TASK_AFTER_NUM_FAILURES", "USER_TASK_TIMEOUT_MS"}


def create(call: Call) -> Answer:
    """Create or replace a task, suspended at first."""
    reader = call.reader
    exists = reader.take("IF", "NOT", "EXISTS")
    key = call.key()
    options = reader.options()
    if unknown := options.keys() - _OPTIONS:
        raise syntax_error(f"a task has no {', '.join(sorted(unknown))}")
    reader.expect("AS")
    if not options.get("SCHEDULE", "").startswith(_CRON):
        raise syntax_error("the emulator's tasks have a SCHEDULE = 'USING CRON …'")
    with call.emulator.state.changing("tasks") as tasks:
        if key in tasks and exists:
            return succeeded(f"{key} already exists, statement succeeded.")
        if key in tasks and not call.replacing:
            raise syntax_error(f"Object '{key}' already exists.")
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
        if task["state"] == "started" and _ticks(task["schedule"], at)
    ]


def _ticks(schedule: str, at: datetime) -> bool:
    *fields, zone = schedule.removeprefix(_CRON).split()
    local = at.astimezone(ZoneInfo(zone))
    now = (local.minute, local.hour, local.day, local.month, local.isoweekday() % 7)
    return all(field in ("*", str(value)) for field, value in zip(fields, now, strict=True))


RULES = [
    Rule(["CREATE TASK"], create, delegated=True),
    Rule(["SHOW TASKS"], show),
]
