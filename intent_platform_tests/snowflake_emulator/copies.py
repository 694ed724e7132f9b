"""The private copy of a table: what an open transaction sees of the table, with its own changes.

DuckDB ends a transaction at its first error, shows it one snapshot, and refuses concurrent changes. Snowflake does
neither. So each statement commits in DuckDB by itself, and inside a transaction it changes private copies.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from duckdb import DuckDBPyConnection

_PREFIX = "TRANSACTION"  # of the names of private copies
_TEMPORARY = "temp"  # DuckDB's catalog of a session's temporary tables


class Place(NamedTuple):
    """The full name of a table in DuckDB."""

    database: str
    schema: str
    name: str

    @property
    def sql(self) -> str:
        """The name in a statement."""
        return ".".join(f'"{part}"' for part in self)


def found_table(duck: DuckDBPyConnection, database: str | None, schema: str | None, name: str) -> Place | None:
    """The table that a session means by a name: a temporary one before others. None if it does not exist."""
    found = duck.execute(
        "SELECT database_name, schema_name, table_name FROM duckdb_tables() WHERE upper(table_name) = upper(?) "
        "AND (database_name = ? OR (upper(database_name) = upper(?) AND upper(schema_name) = upper(?))) "
        "ORDER BY database_name = ? DESC LIMIT 1",
        [name, _TEMPORARY, database or "", schema or "", _TEMPORARY],
    ).fetchone()
    return None if found is None else Place(*found)


def original_name(name: str) -> str:
    """The name of the table that a private copy of this name belongs to, or the same name."""
    return re.sub(rf"^{_PREFIX}_\d+_\d+_", "", name)


class PrivateCopy:
    """The copy of one table in one transaction, as a temporary table of the session.

    The copy begins with the rows of the table, and the transaction's own new rows follow them. Rows keep their order by
    `rowid` in DuckDB, also in the table itself.

    Attributes:
        place: the table.
        version: the version of the table that the copy has read.
        owns_rows: whether the transaction may change rows that it did not insert, because it holds the lock.
    """

    def __init__(self, duck: DuckDBPyConnection, place: Place, number: int, version: int) -> None:
        self._duck = duck
        self.place = place
        self.version = version
        self.owns_rows = False
        self._number = number
        self._generation = 0
        self._read_rows = 0  # rows of the copy that come from the table, while the transaction owns none of them
        self._last_read = -1  # the last row of the table that the copy has read, once the transaction owns the rows
        [(definition,)] = duck.execute(
            "SELECT sql FROM duckdb_tables() WHERE database_name = ? AND schema_name = ? AND table_name = ?", place
        ).fetchall()
        self._columns = definition[definition.index("(") :]
        with self._one_snapshot():
            self._create()

    @property
    def copy(self) -> Place:
        """The temporary table."""
        return Place(_TEMPORARY, "main", f"{_PREFIX}_{self._number}_{self._generation}_{self.place.name}")

    def own_rows(self) -> None:
        """Let the transaction change all rows of the table as it is now."""
        with self._one_snapshot():
            self._create_again()
            self._last_read = self._last_row()
        self.owns_rows = True

    def refresh(self, version: int) -> None:
        """Read what other transactions have committed. If this one owns the rows, they can only have inserted some."""
        with self._one_snapshot():
            if self.owns_rows:
                self._run(f"INSERT INTO {self.copy.sql} SELECT * FROM {self.place.sql} WHERE rowid > {self._last_read}")
                self._last_read = self._last_row()
            else:
                self._create_again()
        self.version = version

    def write_back(self) -> None:
        """Write the changes into the table. The caller begins and commits the transaction of DuckDB."""
        if self.owns_rows:
            self._run(f"DELETE FROM {self.place.sql} WHERE rowid <= {self._last_read}")
        first = 0 if self.owns_rows else self._read_rows
        self._run(f"INSERT INTO {self.place.sql} SELECT * FROM {self.copy.sql} WHERE rowid >= {first}")

    def drop(self) -> None:
        """Remove the copy."""
        self._run(f"DROP TABLE {self.copy.sql}")

    def _create(self) -> None:
        self._run(f"CREATE TEMPORARY TABLE {self.copy.sql} {self._columns}")
        self._run(f"INSERT INTO {self.copy.sql} SELECT * FROM {self.place.sql}")
        [(self._read_rows,)] = self._duck.execute(f"SELECT count(*) FROM {self.copy.sql}").fetchall()

    def _create_again(self) -> None:
        """Make a new copy from the table and the transaction's own rows."""
        before, own = self.copy, self._read_rows
        self._generation += 1
        self._create()
        self._run(f"INSERT INTO {self.copy.sql} SELECT * FROM {before.sql} WHERE rowid >= {own}")
        self._run(f"DROP TABLE {before.sql}")

    def _last_row(self) -> int:
        [(last,)] = self._duck.execute(f"SELECT coalesce(max(rowid), -1) FROM {self.place.sql}").fetchall()
        return int(last)

    def _run(self, sql: str) -> None:
        self._duck.execute(sql)

    @contextmanager
    def _one_snapshot(self) -> Iterator[None]:
        """Several reads of the table see the same rows, whoever inserts some meanwhile."""
        self._duck.begin()
        try:
            yield
        except BaseException:
            self._duck.rollback()
            raise
        self._duck.commit()
