"""Statements about named objects of several kinds: find, drop, resume, suspend."""

from typing import Any

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Rule, Sql
from intent_platform_tests.snowflake_emulator.errors import not_found, syntax_error
from intent_platform_tests.snowflake_emulator.results import succeeded

_CONTAINED = ("models", "monitors", "stages", "procedures", "tasks", "event_tables")


def existing(kept: dict[str, Any], what: str, key: str) -> dict[str, Any]:
    """The object of that name.

    Raises:
        ProgrammingError: it does not exist.
    """
    if key not in kept:
        raise not_found(what, key)
    known: dict[str, Any] = kept[key]
    return known


def drop_task(call: Call) -> Answer:
    """Drop a task."""
    exists = call.reader.take("IF", "EXISTS")
    key = call.key()
    with call.emulator.state.changing("tasks") as tasks:
        if not exists:
            existing(tasks, "Task", key)
        tasks.pop(key, None)
    return succeeded(f"{key} successfully dropped.")


def drop_schema(call: Call) -> Answer:
    """Drop a schema with its objects. fakesnow drops the tables."""
    call.reader.take("IF", "EXISTS")
    place = ".".join((call.connection.database or "", *call.reader.parts())[-2:]) + "."
    for kind in _CONTAINED:
        with call.emulator.state.changing(kind) as kept:
            for key in [key for key in kept if key.startswith(place)]:
                del kept[key]
    return Sql(call.reader.sql)


def resume_or_suspend(call: Call) -> Answer:
    """Resume or suspend a task."""
    call.reader.take("IF", "EXISTS")
    key = call.key()
    state = call.reader.take_any("RESUME", "SUSPEND")
    call.reader.end()
    if state is None:
        raise syntax_error("a task is resumed or suspended")
    with call.emulator.state.changing("tasks") as tasks:
        existing(tasks, "Task", key)["state"] = "suspended" if state == "SUSPEND" else "started"
    return succeeded()


RULES = [
    Rule(["DROP TASK"], drop_task),
    Rule(["DROP SCHEMA"], drop_schema, delegated=True),
    Rule(["ALTER TASK"], resume_or_suspend),
]
