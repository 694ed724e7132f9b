"""Connecting to Snowflake: where the parameters come from, and what each session says of itself.

Built on `dagster_snowflake.SnowflakeResource`. What a failure means to a user is in `failures`.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from intent_platform.errors import SettingsError
from intent_platform.partitions import TIMEZONE_NAME
from intent_platform.platforms.snowflake.failures import explained
from intent_platform.platforms.snowflake.query_tag import query_tag
from intent_platform.settings import Settings

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection
    from snowflake.snowpark import Session

SCHEMA = "ONLINE_SHOPPERS_INTENTION"
_DEFAULT_WAREHOUSE = "COMPUTE_WH"
_LOGIN_SECONDS = 60
_NETWORK_SECONDS = 300
#: What `SnowflakeResource` calls the parameters that it knows; the connector's others are passed through it.
_RESOURCE_FIELDS = {
    **{name: name for name in ("account", "user", "password", "role", "warehouse", "database", "schema")},
    "authenticator": "authenticator",
    "private_key_file": "private_key_path",
    "private_key_file_pwd": "private_key_password",
}


@dataclass(frozen=True)
class SnowflakeConnector:
    """How to connect to the account of a deployment. Opens nothing until it is asked to."""

    settings: Settings

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """The connection's parameters, by the connector's names.

        A named connection of `connections.toml`, else the parameters file when it is there; the settings' own values
        win over both. Without a database it is MLSYSTEM_DEV or MLSYSTEM_PROD, without a schema
        ONLINE_SHOPPERS_INTENTION, without a role the one that `make setup` makes, `<database>_RUNNER`.

        Raises:
            SettingsError: account, user or a way to prove who one is cannot be found, or a file cannot be read.
        """
        own = self.settings.snowflake
        named = self._named_connection(own.connection) if own.connection else self._parameters_file()
        no_parameters = {"connection", "parameters_file", "statement_timeout_seconds"}
        given = {name: value for name, value in own.model_dump(by_alias=True, exclude=no_parameters).items() if value}
        found = {
            "database": f"MLSYSTEM_{self.settings.deployment.upper()}",
            "schema": SCHEMA,
            "warehouse": _DEFAULT_WAREHOUSE,
            **{name: value for name, value in named.items() if value not in (None, "")},
            **{name: _plain(value) for name, value in given.items()},
        }
        found.setdefault("role", f"{found['database']}_RUNNER")
        if "token" in found:
            found.setdefault("authenticator", "oauth")
        if "account" not in found:
            raise SettingsError(
                f"deployment {self.settings.deployment} knows no Snowflake account: set "
                "INTENT_PLATFORM_SNOWFLAKE_ACCOUNT and _USER, or INTENT_PLATFORM_SNOWFLAKE_CONNECTION to a name in "
                f"connections.toml, or write {self.settings.snowflake.parameters_file}"
            )
        if not {"password", "authenticator", "private_key_file"} & found.keys():
            raise SettingsError(
                f"the connection to Snowflake account {found['account']} has no way to prove who you are: give a "
                "private_key_file, an authenticator (externalbrowser, oauth, programmatic_access_token) or a password"
            )
        return found

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
            additional_snowflake_connection_args={**found, "session_parameters": session_parameters},
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

        with self.open() as connection:
            session = Session.builder.configs({"connection": connection}).create()
            try:
                yield session
            finally:
                session.close()

    def _named_connection(self, name: str) -> Mapping[str, Any]:
        from snowflake.connector.config_manager import CONFIG_MANAGER
        from snowflake.connector.errors import Error

        try:
            connections: Any = CONFIG_MANAGER["connections"]
            return dict(connections[name])
        except (Error, KeyError, tomllib.TOMLDecodeError) as error:
            raise SettingsError(
                f"connections.toml has no connection {name!r}: add it there, or set "
                "INTENT_PLATFORM_SNOWFLAKE_CONNECTION to one that it has (`snow connection list` shows them)"
            ) from error

    def _parameters_file(self) -> Mapping[str, Any]:
        file = self.settings.snowflake.parameters_file
        if file is None or not file.is_file():
            return {}
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise SettingsError(f"{file} is not JSON ({error}): see docs/snowflake.md for what it holds") from error
        if not isinstance(found, dict):
            raise SettingsError(f"{file} must hold one JSON object: see docs/snowflake.md for its keys")
        return found


def _plain(value: object) -> object:
    match value:
        case SecretStr():
            return value.get_secret_value()
        case Path():
            return str(value)
        case _:
            return value
