"""Compares existing tables with the contract, and changes tables that another release has made.

Each table has a version, which `TABLE_VERSIONS` records. A table without optional columns of this release gets them. A
derived table is dropped and created again, if all its days can be rebuilt. For any other table, the error names the
statements that change it. The adapters list the columns and run the statements.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from intent_platform.errors import WarehouseError
from intent_platform.tables import RAW_DELETIONS, TABLE_VERSIONS, TABLES, Column, Table

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExistingColumn:
    """A column of an existing table. `type` is in the terms of the contract."""

    type: str
    nullable: bool


@dataclass(frozen=True)
class ExistingTables:
    """The tables of a warehouse: the columns by table and name, and the recorded versions by table.

    A table from before the first record has no version. `lasting_days` counts the days of a derived table that cannot
    be rebuilt, because their raw sessions were deleted.
    """

    columns: Mapping[str, Mapping[str, ExistingColumn]]
    versions: Mapping[str, int]
    lasting_days: Callable[[Table], int]

    @classmethod
    def listed(
        cls,
        rows: Iterable[tuple[str, str, str, bool]],
        fetch: Callable[[str], Iterable[tuple[Any, ...]]],
    ) -> "ExistingTables":
        """The tables in a listing of columns.

        Args:
            rows: table, column, type in the terms of the contract, and nullability of each column.
            fetch: returns the rows of a query. It reads the versions and the deletions if there are tables of them.
        """
        columns: dict[str, dict[str, ExistingColumn]] = {}
        for table, column, kind, nullable in rows:
            columns.setdefault(table, {})[column] = ExistingColumn(kind, nullable)
        versions = fetch(f"SELECT NAME, VERSION FROM {TABLE_VERSIONS.name}") if TABLE_VERSIONS.name in columns else ()

        def days_that_cannot_be_rebuilt(table: Table) -> int:
            if RAW_DELETIONS.name not in columns:
                return 0
            counted = f"SELECT COUNT(DISTINCT {table.date_column}) AS DAYS FROM {table.name}"
            ((days,),) = fetch(f"{counted} WHERE {_without_raw_sessions(table)}")
            return int(days)

        return cls(columns, {str(name): int(version) for name, version in versions}, days_that_cannot_be_rebuilt)


@dataclass(frozen=True)
class TableChange:
    """What one table needs.

    Attributes:
        table: the table of the contract.
        dropped: the columns in which the table differs, if it must be dropped and created again.
        created: whether it must be created.
        added: the columns that it gets.
    """

    table: Table
    dropped: tuple[str, ...] = ()
    created: bool = False
    added: tuple[Column, ...] = ()


def changes_of(existing: ExistingTables, place: str) -> list[TableChange]:
    """What the tables need to meet the contract; empty if they meet it.

    A table of a newer release is used as it is if it has all columns of this one and its others may be empty.

    Args:
        existing: the existing tables.
        place: the database or file of the tables, for messages.

    Raises:
        WarehouseError: a table that is not derived has other columns, and they cannot be added. Or a derived table
            must be rebuilt and has days that cannot be.
    """
    changes = []
    for table in TABLES:
        columns = existing.columns.get(table.name)
        if columns is None:
            changes.append(TableChange(table, created=True))
            continue
        version = existing.versions.get(table.name, 0)
        added = tuple(column for column in table.columns if column.name not in columns)
        removed = [name for name in columns if name not in table.column_names]
        if not added and (not removed or version > table.version):
            if all(columns[name].nullable for name in removed):
                changes += [TableChange(table)] if version < table.version else []
                continue
        elif not removed and version <= table.version and all(column.nullable for column in added):
            changes.append(TableChange(table, added=added))
            continue
        if not table.derived:
            raise _refusal(table, columns, version, place)
        if days := existing.lasting_days(table):
            raise WarehouseError(
                f"table {table.name} in {place} was created by another release (it differs in "
                f"{', '.join(_differences(table, columns))}), and {days} of its days cannot be rebuilt, because their "
                f"raw sessions were deleted: copy these days if you need them, then run {_deletion(table)}"
            )
        changes.append(TableChange(table, dropped=tuple(_differences(table, columns)), created=True))
    return changes


def make_changes(
    changes: Iterable[TableChange],
    place: str,
    execute: Callable[[str], object],
    definition: Callable[[Table], Iterable[str]] = lambda table: (table.ddl,),
) -> None:
    """Make the changes, record the versions, and log a warning for each table that is dropped first.

    Args:
        changes: the result of `changes_of`. The table of versions comes first in it.
        place: the database or file of the tables, for messages.
        execute: runs one statement.
        definition: returns the statements that create one table.
    """
    for change in changes:
        table = change.table
        if change.dropped:
            _log.warning(
                "table %s in %s was created by another release (it differs in %s): it is empty now, and "
                "catch_up_sensor requests its days again",
                *(table.name, place, ", ".join(change.dropped)),
            )
            execute(f"DROP TABLE {table.name}")
        if change.created:
            for statement in definition(table):
                execute(statement)
        for column in change.added:
            _log.info("table %s in %s gets the column %s", table.name, place, column.name)
            execute(_addition(table, column))
        execute(f"DELETE FROM {TABLE_VERSIONS.name} WHERE NAME = '{table.name}'")
        execute(f"INSERT INTO {TABLE_VERSIONS.name} (NAME, VERSION) VALUES ('{table.name}', {table.version})")


def mending_statements(table: Table, columns: Mapping[str, ExistingColumn]) -> Iterator[str]:
    """The statements that give an existing table the columns of the contract.

    If one column was removed and one of the same type was added, the statement renames the column. Snowflake and
    DuckDB both know the types. An added column is empty, and the reader must fill it.
    """
    removed = [name for name in columns if name not in table.column_names]
    added = [column for column in table.columns if column.name not in columns]
    if len(removed) == len(added) == 1 and columns[removed[0]].type == added[0].type:
        yield f"ALTER TABLE {table.name} RENAME COLUMN {removed[0]} TO {added[0].name}"
        return
    for column in added:
        yield _addition(table, column)
    for name in removed:
        yield f"ALTER TABLE {table.name} DROP COLUMN {name}"


def _refusal(table: Table, columns: Mapping[str, ExistingColumn], version: int, place: str) -> WarehouseError:
    differences = ", ".join(_differences(table, columns))
    if version > table.version:
        return WarehouseError(
            f"table {table.name} in {place} was written by a newer release (version {version} of the table, this "
            f"release knows {table.version}; it differs in {differences}): install the newer release again, or "
            "restore a backup of this one"
        )
    return WarehouseError(
        f"table {table.name} in {place} was created by another release (it differs in {differences}): make a copy of "
        f"it, then run {'; '.join(mending_statements(table, columns))}"
    )


def _deletion(table: Table) -> str:
    """The statement by which a person gives up the days that cannot be rebuilt."""
    return f"DELETE FROM {table.name} WHERE {_without_raw_sessions(table)}"


def _without_raw_sessions(table: Table) -> str:
    """The condition that the raw sessions of a row's day were deleted."""
    return f"{table.date_column} < (SELECT MAX(KEPT_FROM) FROM {RAW_DELETIONS.name})"


def _addition(table: Table, column: Column) -> str:
    kind = "TIMESTAMP" if column.type == "TIMESTAMP_NTZ" else column.type
    return f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}"


def _differences(table: Table, columns: Iterable[str]) -> list[str]:
    """The names of the columns that only one of the two has. Types are not compared."""
    return sorted(set(columns).symmetric_difference(table.column_names))
