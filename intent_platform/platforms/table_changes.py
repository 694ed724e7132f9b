"""Tables that another release made: derived ones are made anew, any other is refused with the statements that mend it.

How to list the columns and how to run a statement is the adapters' work.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping

from intent_platform.errors import WarehouseError
from intent_platform.tables import TABLES, Column, Table

#: Of each table that exists, by name: its columns and their types, as the contract names them.
ExistingColumns = Mapping[str, Mapping[str, str]]

_log = logging.getLogger(__name__)


def tables_to_make(existing: ExistingColumns, place: str) -> list[Table]:
    """The tables of the contract that are missing, and the derived ones with other columns. Changes nothing.

    Raises:
        WarehouseError: a table that cannot be derived again has other columns. `place` says where it is.
    """
    to_make = []
    for table in TABLES:
        columns = existing.get(table.name)
        if columns is None or (table.derived and _differences(table, columns)):
            to_make.append(table)
        elif different := _differences(table, columns):
            raise WarehouseError(
                f"table {table.name} in {place} was made by another release (it differs in {', '.join(different)}): "
                f"make a copy of it, then run {'; '.join(mending_statements(table, columns))}"
            )
    return to_make


def make_tables(
    existing: ExistingColumns,
    place: str,
    execute: Callable[[str], object],
    definition: Callable[[Table], Iterable[str]] = lambda table: (table.ddl,),
) -> None:
    """Make what `tables_to_make` names; `definition` gives the statements of one table. Logs each one made anew.

    Raises:
        WarehouseError: see `tables_to_make`; nothing was changed.
    """
    for table in tables_to_make(existing, place):
        if table.name in existing:
            different = ", ".join(_differences(table, existing[table.name]))
            _log.warning(
                "table %s in %s was made by another release (it differs in %s): it is empty now, and catch_up_sensor "
                "asks for its days again",
                *(table.name, place, different),
            )
            execute(f"DROP TABLE {table.name}")
        for statement in definition(table):
            execute(statement)


def mending_statements(table: Table, columns: Mapping[str, str]) -> Iterator[str]:
    """The statements that give an existing table the columns of the contract.

    One column that went and one of the same type that came are taken for a new name. Types are those that both
    Snowflake and DuckDB know. An added column is empty, and the reader fills it.
    """
    gone = [name for name in columns if name not in table.column_names]
    new = [column for column in table.columns if column.name not in columns]
    if len(gone) == len(new) == 1 and columns[gone[0]] == new[0].type:
        yield f"ALTER TABLE {table.name} RENAME COLUMN {gone[0]} TO {new[0].name}"
        return
    for column in new:
        yield f"ALTER TABLE {table.name} ADD COLUMN {column.name} {_portable_type(column)}"
    for name in gone:
        yield f"ALTER TABLE {table.name} DROP COLUMN {name}"


def _portable_type(column: Column) -> str:
    return "TIMESTAMP" if column.type == "TIMESTAMP_NTZ" else column.type


def _differences(table: Table, columns: Iterable[str]) -> list[str]:
    return sorted(set(columns).symmetric_difference(table.column_names))
