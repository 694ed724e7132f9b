"""The account while the doctor asks: its open connections, and the objects that several probes need.

All statements that create something are sent in the scratch schema of the connector.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from intent_platform.platforms.snowflake.connection import SnowflakeConnection
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.doctor.tiny import log_tiny_version
from intent_platform.platforms.snowflake.failures import explained_alike
from intent_platform.platforms.snowflake.registry import SnowflakeRegistry
from intent_platform.platforms.versions import ModelVersion

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection as Client

_SESSION_GONE = 390111


@dataclass
class Account:
    """An account with an open connection to the scratch schema.

    Attributes:
        connector: connects to the scratch schema.
        schema: the schema of the platform, which the doctor only reads.
        client: the open connection.
        is_full: whether slow probes ask too.
    """

    connector: SnowflakeConnector
    schema: str
    client: "Client"
    is_full: bool = False

    @property
    def connection(self) -> SnowflakeConnection:
        """The open connection, as the platform uses it."""
        return SnowflakeConnection(self.client, self.connector.parameters)

    @property
    def registry(self) -> SnowflakeRegistry:
        """The platform's registry in the scratch schema."""
        return SnowflakeRegistry(self.connector.connect, self.connector.snowpark)

    @cached_property
    def version(self) -> ModelVersion:
        """The first version of the scratch schema, logged from this process."""
        return log_tiny_version(self.registry, self.connector.settings)

    def run(self, sql: str) -> None:
        """Send a statement and ignore its result."""
        with self.client.cursor() as cursor:
            cursor.execute(sql)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """All rows of a statement, by column name."""
        with self.client.cursor() as cursor:
            cursor.execute(sql)
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def value(self, sql: str) -> Any:
        """The only value of a query."""
        [row] = self.rows(sql)
        [value] = row.values()
        return value

    def refusal(self, sql: str, *, of: "Client | None" = None) -> int | None:
        """The number of the error with which Snowflake refuses a statement. None if the statement succeeds.

        An error of the connection itself is raised, because it says nothing about the statement.
        """
        from snowflake.connector import errors

        with (of or self.client).cursor() as cursor:
            try:
                cursor.execute(sql)
            except errors.ProgrammingError as error:
                if error.errno is None or explained_alike(error.errno, _SESSION_GONE):
                    raise
                return error.errno
        return None

    @contextmanager
    def other_client(self, lock_seconds: float) -> Iterator["Client"]:
        """A second connection. Its statements wait `lock_seconds` for a lock."""
        with self.connector.open(lock_seconds=lock_seconds) as client:
            yield client
