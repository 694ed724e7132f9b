"""Compares existing tables with the contract, and handles tables whose columns come from another release.

A derived table is dropped and created again. For any other table, the error names the statements that change it. The
adapters list the columns and run the statements.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping

from intent_platform.errors import WarehouseError
from intent_platform.tables import TABLES, Column, Table

#: The existing tables by name, each with its columns and their types in the terms of the contract.
ExistingColumns = Mapping[str, Mapping[str, str]]

_log = logging.getLogger(__name__)


def tables_to_make(existing: ExistingColumns, place: str) -> list[Table]:
    """The tables of the contract that are missing, and the derived tables whose columns differ from it.

    Args:
        existing: the existing tables.
        place: the database or file of the tables, for messages.

    Raises:
        WarehouseError: a table that is not derived has other columns.
    """
    to_make = []
    for table in TABLES:
        columns = existing.get(table.name)
        if columns is None or (table.derived and _differences(table, columns)):
            to_make.append(table)
        elif differences := _differences(table, columns):
            raise WarehouseError(
                f"table {table.name} in {place} was created by another release (it differs in "
                f"{', '.join(differences)}): make a copy of it, then run "
                f"{'; '.join(mending_statements(table, columns))}"
            )
    return to_make


def make_tables(
    existing: ExistingColumns,
    place: str,
    execute: Callable[[str], object],
    definition: Callable[[Table], Iterable[str]] = lambda table: (table.ddl,),
) -> None:
    """Create the tables of `tables_to_make`, and log a warning for each table that is dropped first.

    Args:
        existing: the existing tables.
        place: the database or file of the tables, for messages.
        execute: runs one statement.
        definition: returns the statements that create one table.

    Raises:
        WarehouseError: a table that is not derived has other columns. Nothing was changed.
    """
    for table in tables_to_make(existing, place):
        if table.name in existing:
            differences = ", ".join(_differences(table, existing[table.name]))
            _log.warning(
                "table %s in %s was created by another release (it differs in %s): it is empty now, and "
                "catch_up_sensor requests its days again",
                *(table.name, place, differences),
            )
            execute(f"DROP TABLE {table.name}")
        for statement in definition(table):
            execute(statement)


def mending_statements(table: Table, columns: Mapping[str, str]) -> Iterator[str]:
    """The statements that give an existing table the columns of the contract.

    If one column was removed and one of the same type was added, the statement renames the column. Snowflake and
    DuckDB both know the types. An added column is empty, and the reader must fill it.
    """
    removed = [name for name in columns if name not in table.column_names]
    added = [column for column in table.columns if column.name not in columns]
    if len(removed) == len(added) == 1 and columns[removed[0]] == added[0].type:
        yield f"ALTER TABLE {table.name} RENAME COLUMN {removed[0]} TO {added[0].name}"
        return
    for column in added:
        yield f"ALTER TABLE {table.name} ADD COLUMN {column.name} {_portable_type(column)}"
    for name in removed:
        yield f"ALTER TABLE {table.name} DROP COLUMN {name}"


def _portable_type(column: Column) -> str:
    return "TIMESTAMP" if column.type == "TIMESTAMP_NTZ" else column.type


def _differences(table: Table, columns: Iterable[str]) -> list[str]:
    """The names of the columns that only one of the two has. Types are not compared."""
    return sorted(set(columns).symmetric_difference(table.column_names))
