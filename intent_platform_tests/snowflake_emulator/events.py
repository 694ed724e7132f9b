"""The event table: log records of procedures. The account, a database or a schema sets table and lowest level."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Rule, Sql
from intent_platform_tests.snowflake_emulator.errors import not_found, unknown_statement
from intent_platform_tests.snowflake_emulator.needs import creating, on_account
from intent_platform_tests.snowflake_emulator.parameters import LOG_LEVELS, refuse_value
from intent_platform_tests.snowflake_emulator.results import literal, succeeded

_COLUMNS = "TIMESTAMP TIMESTAMP_NTZ, RESOURCE_ATTRIBUTES VARCHAR, RECORD_TYPE VARCHAR, RECORD VARCHAR, VALUE VARCHAR"


def create(call: Call) -> Answer:
    """A table with Snowflake's columns. Objects are stored as text."""
    exists = "IF NOT EXISTS " if call.reader.take("IF", "NOT", "EXISTS") else ""
    key = call.key()
    call.reader.end()
    with call.emulator.state.changing("event_tables") as tables:
        tables.setdefault(key, {})
    return Sql(f"CREATE TABLE {exists}{key} ({_COLUMNS})")


def alter(call: Call) -> Answer:
    """Set the event table and the lowest level."""
    kind = call.reader.tokens[1].text.upper()
    parts = () if kind == "ACCOUNT" else call.reader.parts()
    container = ".".join((call.connection.database or "", *parts)[-2:] if kind == "SCHEMA" else parts)
    call.reader.expect("SET")
    options = call.reader.options()
    call.reader.end()
    table = options.get("EVENT_TABLE")
    if options.keys() - {"EVENT_TABLE", "LOG_LEVEL"}:
        raise unknown_statement(call.reader.sql)
    refuse_value("LOG_LEVEL", options.get("LOG_LEVEL", "OFF"))
    if container and not call.connection.has(*container.split(".")):
        raise not_found(kind.capitalize(), container)
    with call.emulator.state.changing("event_tables") as tables:
        if table is not None and table.upper() not in tables:
            raise not_found("Event table", table.upper())
        tables[f"set on {container}"] = {**tables.get(f"set on {container}", {}), **options}
    return succeeded()


def record(call: Call, procedure: str, events: Iterable[dict[str, Any]]) -> None:
    """Store the log records of a procedure. Its schema overrides its database, which overrides the account."""
    tables = call.emulator.state.of("event_tables")
    database, schema, _ = procedure.split(".")
    active: dict[str, str] = {}
    for container in ("", database, f"{database}.{schema}"):
        active |= tables.get(f"set on {container}", {})
    lowest = LOG_LEVELS.index(active.get("LOG_LEVEL", "OFF").upper())
    for event in events:
        level = {"WARNING": "WARN", "CRITICAL": "FATAL"}.get(event["level"], event["level"])
        if str(active.get("EVENT_TABLE")).upper() in tables and LOG_LEVELS.index(level) >= lowest:
            values = (
                datetime.now(UTC).replace(tzinfo=None).isoformat(" "),
                json.dumps({"snow.executable.name": procedure.rpartition(".")[2]}),
                "LOG",
                json.dumps({"severity_text": level, "scope": event["logger"]}),
                event["message"],
            )
            call.connection.cursor().execute(
                f"INSERT INTO {active['EVENT_TABLE']} SELECT {', '.join(literal(value) for value in values)}"
            )


RULES = [
    Rule(["CREATE EVENT TABLE"], create, need=creating("TABLE", "CREATE EVENT TABLE")),
    Rule(["ALTER DATABASE", "ALTER SCHEMA", "ALTER ACCOUNT"], alter, need=on_account("MODIFY LOG LEVEL")),
]
