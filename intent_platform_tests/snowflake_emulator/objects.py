"""What statements about named objects have in common: finding, dropping, resuming and suspending them."""

from typing import Any

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Rule, Sql
from intent_platform_tests.snowflake_emulator.errors import absent, syntax_error
from intent_platform_tests.snowflake_emulator.results import done

_KINDS = {"TASK": "tasks", "PROCEDURE": "procedures"}
_CONTAINED = ("models", "stages", "procedures", "tasks", "event_tables")


def found(kept: dict[str, Any], what: str, key: str) -> dict[str, Any]:
    """The object of that name.

    Raises:
        ProgrammingError: there is none.
    """
    if key not in kept:
        raise absent(what, key)
    known: dict[str, Any] = kept[key]
    return known


def drop(call: Call) -> Answer:
    """Forget an object."""
    what, kind = _kind(call)
    exists = call.reader.take("IF", "EXISTS")
    key = call.key()
    with call.emulator.state.changing(kind) as kept:
        if not exists:
            found(kept, what, key)
        kept.pop(key, None)
    return done(f"{key} successfully dropped.")


def drop_container(call: Call) -> Answer:
    """What is in it goes with it; fakesnow drops the tables."""
    of_schema = call.reader.tokens[1].text.upper() == "SCHEMA"
    call.reader.take("IF", "EXISTS")
    parts = call.reader.parts()
    place = ".".join((call.connection.database or "", *parts)[-2:] if of_schema else parts) + "."
    for kind in _CONTAINED:
        with call.emulator.state.changing(kind) as kept:
            for key in [key for key in kept if key.startswith(place)]:
                del kept[key]
    return Sql(call.reader.sql)


def switch(call: Call) -> Answer:
    """Resume or suspend."""
    call.reader.take("IF", "EXISTS")
    key = call.key()
    state = call.reader.take_any("RESUME", "SUSPEND")
    call.reader.end()
    if state is None:
        raise syntax_error("a task is resumed or suspended")
    with call.emulator.state.changing("tasks") as tasks:
        found(tasks, "Task", key)["state"] = "suspended" if state == "SUSPEND" else "started"
    return done()


def _kind(call: Call) -> tuple[str, str]:
    words = " ".join(token.text.upper() for token in call.reader.tokens[1 : call.reader.place])
    return words.capitalize(), _KINDS[words]


RULES = [
    Rule(["DROP TASK", "DROP PROCEDURE"], drop),
    Rule(["DROP SCHEMA", "DROP DATABASE"], drop_container, delegated=True),
    Rule(["ALTER TASK"], switch),
]
