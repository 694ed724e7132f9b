"""Opens connections to Snowflake with `dagster_snowflake.SnowflakeResource`, and sets their session parameters.

`parameters` finds the connection parameters, and `failures` explains errors to the user.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from intent_platform.partitions import TIMEZONE_NAME
from intent_platform.platforms.snowflake.failures import explained
from intent_platform.platforms.snowflake.parameters import connection_parameters
from intent_platform.platforms.snowflake.query_tag import query_tag
from intent_platform.settings import Settings

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection
    from snowflake.snowpark import Session

_LOGIN_SECONDS = 60
#: Snowflake's defaults. An account or a user may have others, and then a date would be read or written differently.
_FORMATS = {"DATE_INPUT_FORMAT": "AUTO", "DATE_OUTPUT_FORMAT": "YYYY-MM-DD", "TIMESTAMP_INPUT_FORMAT": "AUTO"}
#: How much longer than Snowflake the client waits for the end of a statement.
_GRACE_SECONDS = 60
#: The fields of `SnowflakeResource` by the connector's names. The resource passes other parameters to the connector.
_RESOURCE_FIELDS = {
    **{name: name for name in ("account", "user", "password", "role", "warehouse", "database", "schema")},
    "authenticator": "authenticator",
    "private_key_file": "private_key_path",
    "private_key_file_pwd": "private_key_password",
}
#: Cached logins: users sign on once, not for every connection, if the account allows it.
_CACHED_LOGINS = {"client_store_temporary_credential": True, "client_request_mfa_token": True}


@dataclass(frozen=True)
class SnowflakeConnector:
    """Connects to the account of a deployment. It opens no connection before its first use."""

    settings: Settings

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """The connection parameters by the connector's names; see `parameters.connection_parameters`."""
        return connection_parameters(self.settings)

    @property
    def place(self) -> str:
        """`ACCOUNT/DATABASE.SCHEMA`, for messages."""
        parameters = self.parameters
        return f"{parameters['account']}/{parameters['database']}.{parameters['schema']}".upper()

    @contextmanager
    def open(
        self, *, lock_seconds: float | None = None, login_seconds: int = _LOGIN_SECONDS, schema: bool = True
    ) -> Iterator["SnowflakeConnection"]:
        """Open a connection and close it at the end.

        Statements carry a query tag, and times are in Asia/Tokyo. Snowflake ends a statement whose client is gone.

        Args:
            lock_seconds: seconds that a statement waits for another transaction. None keeps the account's limit.
            login_seconds: seconds after which a login fails.
            schema: whether to use the database, the schema and the role. Without them the connection works before
                they exist.

        Raises:
            SettingsError: the parameters are incomplete.
            WarehouseError: Snowflake cannot be reached or refuses the connection. The message says what to do.
        """
        from dagster_snowflake import SnowflakeResource

        session_parameters: dict[str, object] = {
            "QUERY_TAG": query_tag(self.settings.deployment),
            "TIMEZONE": TIMEZONE_NAME,
            "ABORT_DETACHED_QUERY": True,
            **_FORMATS,
        }
        limit = self.settings.snowflake.statement_timeout_seconds
        if limit is not None:
            session_parameters["STATEMENT_TIMEOUT_IN_SECONDS"] = limit
        if lock_seconds is not None:
            session_parameters["LOCK_TIMEOUT"] = max(1, round(lock_seconds))
        others = {n: v for n, v in self.parameters.items() if schema or n not in ("database", "schema", "role")}
        fields = {field: others.pop(name) for name, field in _RESOURCE_FIELDS.items() if name in others}
        resource = SnowflakeResource(
            **{"user": "", **fields},  # the resource requires a user, but some tokens need none
            login_timeout=login_seconds,
            # The connector cancels every statement after this time, and repeats lost requests until then.
            network_timeout=None if limit is None else limit + _GRACE_SECONDS,
            autocommit=True,
            additional_snowflake_connection_args={**_CACHED_LOGINS, **others, "session_parameters": session_parameters},
        )
        with explained(self.parameters), resource.get_connection() as connection:
            try:
                yield connection
            finally:
                connection.close()  # after an exception the resource leaves it open

    @contextmanager
    def snowpark(self) -> Iterator["Session"]:
        """Open a connection as a Snowpark session, and close it at the end."""
        from snowflake.snowpark import Session
        from snowflake.snowpark.exceptions import SnowparkClientException

        with self.open() as connection:
            session = Session.builder.configs({"connection": connection}).create()
            try:
                yield session
            finally:
                # If the connection was lost, closing fails as well, and would hide the first error.
                with suppress(SnowparkClientException):
                    session.close()
