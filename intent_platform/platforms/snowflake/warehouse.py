"""The Snowflake warehouse. The first connection creates the missing tables of the contract."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from intent_platform.platforms.snowflake.connection import SnowflakeConnection
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.procedure_connection import ProcedureConnection
from intent_platform.platforms.table_changes import ExistingTables, changes_of, make_changes

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
        """Open a connection and close it at the end. For `timeout_seconds`, see `SnowflakeConnector.connect`."""
        with self.connector.connect(timeout_seconds) as connection:
            if not self._checked:
                place = self.connector.place
                make_changes(changes_of(_existing_tables(connection), place), place, connection.execute)
                self._checked = True
            yield connection


def _existing_tables(connection: SnowflakeConnection) -> ExistingTables:
    def rows(sql: str) -> Iterator[tuple[Any, ...]]:
        return (tuple(row.values()) for row in connection.fetch(sql).to_pylist())

    listed = rows(
        "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, IS_NULLABLE FROM INFORMATION_SCHEMA.COLUMNS "
        "WHERE TABLE_SCHEMA = CURRENT_SCHEMA()"
    )
    columns = ((table, name, _CONTRACT_TYPES.get(kind, kind), null == "YES") for table, name, kind, null in listed)
    return ExistingTables.listed(columns, rows)


@dataclass(frozen=True)
class BorrowedWarehouse:
    """The warehouse on an open connection. A stored procedure has one connection and cannot open another."""

    client: "Client"
    parameters: Mapping[str, Any]  # for error messages

    @contextmanager
    def connect(self, *, writing: bool = False, timeout_seconds: float | None = None) -> Iterator[ProcedureConnection]:  # noqa: ARG002  the port has these parameters
        """The open connection. It stays open at the end."""
        yield ProcedureConnection(self.client, self.parameters)
