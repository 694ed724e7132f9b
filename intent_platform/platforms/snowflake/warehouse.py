"""The Snowflake warehouse. The first connection creates the missing tables of the contract."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from intent_platform.platforms.snowflake.connection import SnowflakeConnection
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.table_changes import make_tables

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection as Client

#: The types of the contract by their names in INFORMATION_SCHEMA.
_CONTRACT_TYPES = {"TEXT": "VARCHAR", "NUMBER": "INTEGER", "FLOAT": "DOUBLE"}


@dataclass
class SnowflakeWarehouse:
    """The tables of one deployment; see `ports.Warehouse`. Many connections can write at the same time."""

    connector: SnowflakeConnector
    _checked: bool = field(default=False, init=False, repr=False)

    @contextmanager
    def connect(self, *, writing: bool = False, timeout_seconds: float | None = None) -> Iterator[SnowflakeConnection]:  # noqa: ARG002  every connection can write
        """Open a connection and close it at the end. `timeout_seconds` limits how long a statement waits for a lock."""
        wait = self.connector.settings.warehouse.timeout_seconds if timeout_seconds is None else timeout_seconds
        with self.connector.open(lock_seconds=wait) as client:
            connection = SnowflakeConnection(client, self.connector.parameters)
            if not self._checked:
                make_tables(_existing_columns(connection), self.connector.place, connection.execute)
                self._checked = True
            yield connection


def _existing_columns(connection: SnowflakeConnection) -> dict[str, dict[str, str]]:
    listed = connection.fetch(
        "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM INFORMATION_SCHEMA.COLUMNS "
        "WHERE TABLE_SCHEMA = CURRENT_SCHEMA()"
    )
    existing: dict[str, dict[str, str]] = {}
    for row in listed.to_pylist():
        kind = row["DATA_TYPE"]
        existing.setdefault(row["TABLE_NAME"], {})[row["COLUMN_NAME"]] = _CONTRACT_TYPES.get(kind, kind)
    return existing


@dataclass(frozen=True)
class BorrowedWarehouse:
    """The warehouse on an open connection. A stored procedure has one connection and cannot open another."""

    client: "Client"
    parameters: Mapping[str, Any]  # for error messages

    @contextmanager
    def connect(self, *, writing: bool = False, timeout_seconds: float | None = None) -> Iterator[SnowflakeConnection]:  # noqa: ARG002  the port has these parameters
        """The open connection. It stays open at the end."""
        yield SnowflakeConnection(self.client, self.parameters)
