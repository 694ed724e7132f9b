"""Results of the emulator's own statements, as SELECTs of values. fakesnow puts them into the wire format."""

from collections.abc import Iterable, Mapping, Sequence

from intent_platform_tests.snowflake_emulator.emulator import Sql

_TYPES = {bool: "BOOLEAN", int: "NUMBER(38,0)", float: "DOUBLE"}


def literal(value: object) -> str:
    """A value as a literal of SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool | int | float):
        return str(value).upper()
    return "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"


def rows(columns: Sequence[str], values: Iterable[Sequence[object]]) -> Sql:
    """A table of values. Other types than boolean and number become text."""
    selects = [
        "SELECT "
        + ", ".join(
            f'{literal(value)}::{_TYPES.get(type(value), "VARCHAR")} AS "{column}"'
            for column, value in zip(columns, row, strict=True)
        )
        for row in values
    ]
    if not selects:
        selects = ["SELECT " + ", ".join(f'NULL::VARCHAR AS "{column}"' for column in columns) + " WHERE 1 = 0"]
    return Sql(" UNION ALL ".join(selects))


def table(columns: Sequence[str], values: Iterable[Mapping[str, object]]) -> Sql:
    """The same, from values by column name."""
    return rows(columns, [[value[column] for column in columns] for value in values])


def succeeded(message: str = "Statement executed successfully.") -> Sql:
    """The result of a DDL statement: one row, one column."""
    return rows(["status"], [(message,)])
