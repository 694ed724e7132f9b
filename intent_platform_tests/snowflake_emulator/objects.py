"""Statements about named objects of several kinds: find, drop, resume, suspend."""

from typing import Any

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Rule, Sql
from intent_platform_tests.snowflake_emulator.errors import not_found, syntax_error
from intent_platform_tests.snowflake_emulator.results import succeeded

_KINDS = {"TASK": "tasks", "PROCEDURE": "procedures"}
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


def drop(call: Call) -> Answer:
    """Drop an object."""
    what, kind = _kind(call)
    exists = call.reader.take("IF", "EXISTS")
    key = call.key()
    with call.emulator.state.changing(kind) as kept:
        if not exists:
            existing(kept, what, key)
        kept.pop(key, None)
    return succeeded(f"{key} successfully dropped.")


def drop_container(call: Call) -> Answer:
    """Drop a schema or database with its objects. fakesnow drops the tables."""
    of_schema = call.reader.tokens[1].text.upper() == "SCHEMA"
    call.reader.take("IF", "EXISTS")
    parts = call.reader.parts()
    place = ".".join((call.connection.database or "", *parts)[-2:] if of_schema else parts) + "."
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


def _kind(call: Call) -> tuple[str, str]:
    words = " ".join(token.text.upper() for token in call.reader.tokens[1 : call.reader.place])
    return words.capitalize(), _KINDS[words]


RULES = [
    Rule(["DROP TASK", "DROP PROCEDURE"], drop),
    Rule(["DROP SCHEMA", "DROP DATABASE"], drop_container, delegated=True),
    Rule(["ALTER TASK"], resume_or_suspend),
]
