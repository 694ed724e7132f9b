"""The Snowflake warehouse: one session per conversation; tables that are missing are made, none is changed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from intent_platform.errors import WarehouseError
from intent_platform.platforms.snowflake.connection import SnowflakeConnection
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.tables import TABLES

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection as Client


@dataclass
class SnowflakeWarehouse:
    """The tables of one deployment; see `ports.Warehouse`. Sessions do not exclude each other."""

    connector: SnowflakeConnector
    _checked: bool = field(default=False, init=False, repr=False)

    @contextmanager
    def connect(self, *, writing: bool = False, timeout_seconds: float | None = None) -> Iterator[SnowflakeConnection]:  # noqa: ARG002  all sessions may write
        """A connection of its own, closed on leaving. `timeout_seconds` is how long a statement waits for a lock."""
        wait = self.connector.settings.warehouse.timeout_seconds if timeout_seconds is None else timeout_seconds
        with self.connector.open(lock_seconds=wait) as client:
            connection = SnowflakeConnection(client, self.connector.parameters)
            if not self._checked:
                _make_missing_tables(connection, self.connector.place)
                self._checked = True
            yield connection


def _make_missing_tables(connection: SnowflakeConnection, place: str) -> None:
    """Make the tables of the contract that are missing.

    Raises:
        WarehouseError: one that is there has other columns, or the role may not make one.
    """
    listed = connection.fetch(
        "SELECT TABLE_NAME, COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = CURRENT_SCHEMA()"
    )
    found: dict[str, set[str]] = {}
    for row in listed.to_pylist():
        found.setdefault(row["TABLE_NAME"], set()).add(row["COLUMN_NAME"])
    for table in TABLES:
        columns = found.get(table.name)
        if columns is None:
            connection.execute(table.ddl)
        elif columns != set(table.column_names):
            different = ", ".join(sorted(columns.symmetric_difference(table.column_names)))
            raise WarehouseError(
                f"table {table.name} in {place} was made by another release (it differs in {different}): rename it, or "
                "use another schema"
            )


@dataclass(frozen=True)
class BorrowedWarehouse:
    """The warehouse of a session that is under way: a stored procedure has one, and cannot open another."""

    client: "Client"
    parameters: Mapping[str, Any]  # for messages

    @contextmanager
    def connect(self, *, writing: bool = False, timeout_seconds: float | None = None) -> Iterator[SnowflakeConnection]:  # noqa: ARG002  it is what it is
        """The one session, left open."""
        yield SnowflakeConnection(self.client, self.parameters)
