"""Named objects of several kinds: find one, and drop those of a schema."""

from typing import Any

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Rule, Sql
from intent_platform_tests.snowflake_emulator.errors import not_found
from intent_platform_tests.snowflake_emulator.needs import dropping

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


def drop_schema(call: Call) -> Answer:
    """Drop a schema with its objects. fakesnow drops the tables."""
    call.reader.take("IF", "EXISTS")
    place = ".".join((call.connection.database or "", *call.reader.parts())[-2:]) + "."
    for kind in _CONTAINED:
        with call.emulator.state.changing(kind) as kept:
            for key in [key for key in kept if key.startswith(place)]:
                del kept[key]
    return Sql(call.reader.sql)


RULES = [
    Rule(["DROP SCHEMA"], drop_schema, delegated=True, need=dropping("SCHEMA")),
]
