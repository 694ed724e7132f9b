"""Connecting to Snowflake, and what each session says of itself.

Built on `dagster_snowflake.SnowflakeResource`. Where the parameters come from is in `parameters`, what a failure means
to a user in `failures`.
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
_NETWORK_SECONDS = 300
#: What `SnowflakeResource` calls the parameters that it knows; the connector's others are passed through it.
_RESOURCE_FIELDS = {
    **{name: name for name in ("account", "user", "password", "role", "warehouse", "database", "schema")},
    "authenticator": "authenticator",
    "private_key_file": "private_key_path",
    "private_key_file_pwd": "private_key_password",
}
#: Single sign-on and a second factor are asked for once, not for every connection, where the account allows it.
_KEEPING_LOGINS = {"client_store_temporary_credential": True, "client_request_mfa_token": True}


@dataclass(frozen=True)
class SnowflakeConnector:
    """How to connect to the account of a deployment. Opens nothing until it is asked to."""

    settings: Settings

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """The connection's parameters, by the connector's names; see `parameters.connection_parameters`."""
        return connection_parameters(self.settings)

    @property
    def place(self) -> str:
        """`account/DATABASE.SCHEMA`, for messages."""
        found = self.parameters
        return f"{found['account']}/{found['database']}.{found['schema']}".upper()

    @contextmanager
    def open(
        self, *, lock_seconds: float | None = None, login_seconds: int = _LOGIN_SECONDS, schema: bool = True
    ) -> Iterator["SnowflakeConnection"]:
        """A connection of its own, always closed on leaving.

        Statements carry a query tag, times are Asia/Tokyo, and one whose client is gone is ended. `lock_seconds` is
        how long a statement waits for another transaction; without `schema` the session begins outside of schema and
        role, which may not exist yet.

        Raises:
            SettingsError: the parameters are incomplete.
            WarehouseError: Snowflake cannot be reached or refuses; the text says what to do.
        """
        from dagster_snowflake import SnowflakeResource

        session_parameters: dict[str, object] = {
            "QUERY_TAG": query_tag(self.settings.deployment),
            "TIMEZONE": TIMEZONE_NAME,
            "ABORT_DETACHED_QUERY": True,
        }
        if self.settings.snowflake.statement_timeout_seconds is not None:
            session_parameters["STATEMENT_TIMEOUT_IN_SECONDS"] = self.settings.snowflake.statement_timeout_seconds
        if lock_seconds is not None:
            session_parameters["LOCK_TIMEOUT"] = max(1, round(lock_seconds))
        found = {n: v for n, v in self.parameters.items() if schema or n not in ("database", "schema", "role")}
        known = {ours: found.pop(name) for name, ours in _RESOURCE_FIELDS.items() if name in found}
        resource = SnowflakeResource(
            **{"user": "", **known},
            login_timeout=login_seconds,
            network_timeout=_NETWORK_SECONDS,
            autocommit=True,
            additional_snowflake_connection_args={**_KEEPING_LOGINS, **found, "session_parameters": session_parameters},
        )
        with explained(self.parameters), resource.get_connection() as connection:
            try:
                yield connection
            finally:
                connection.close()  # the resource leaves it open after an exception

    @contextmanager
    def snowpark(self) -> Iterator["Session"]:
        """The same as a Snowpark session."""
        from snowflake.snowpark import Session
        from snowflake.snowpark.exceptions import SnowparkClientException

        with self.open() as connection:
            session = Session.builder.configs({"connection": connection}).create()
            try:
                yield session
            finally:
                with suppress(SnowparkClientException):  # a session that is gone cannot be closed: its own error counts
                    session.close()
