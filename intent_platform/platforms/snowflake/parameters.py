"""Where the parameters of a connection come from: the settings, a connection by name, or the parameters file.

Reads files and opens no connection.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from intent_platform.errors import SettingsError
from intent_platform.settings import Settings
from intent_platform.settings.platforms import SnowflakeSettings

SCHEMA = "ONLINE_SHOPPERS_INTENTION"
_DEFAULT_WAREHOUSE = "COMPUTE_WH"
#: What proves who one is, in the connector's names. Whoever gives one of them gives all: they do not mix.
_PROOFS = frozenset({"authenticator", "password", "private_key", "private_key_file", "token", "token_file_path"})
_CREDENTIALS = _PROOFS | {"private_key_file_pwd", "private_key_passphrase", "passcode"}
#: Authenticators whose token says who one is.
_NEED_NO_USER = frozenset(
    {"OAUTH", "PROGRAMMATIC_ACCESS_TOKEN", "WORKLOAD_IDENTITY"}
    | {"OAUTH_AUTHORIZATION_CODE", "OAUTH_CLIENT_CREDENTIALS"}
)


def connection_parameters(settings: Settings) -> Mapping[str, Any]:
    """The connection's parameters, by the connector's names.

    A named connection of `connections.toml`, else the parameters file when it is there; the settings' own values
    win over both, credentials as a whole. Without a database it is MLSYSTEM_DEV or MLSYSTEM_PROD, without a schema
    ONLINE_SHOPPERS_INTENTION, without a role the one that `make setup` makes, `<database>_RUNNER`.

    Raises:
        SettingsError: account, user or a way to prove who one is cannot be found, or a file cannot be read.
    """
    own = settings.snowflake
    named = _named_connection(own.connection) if own.connection else _parameters_file(own)
    given = _given(own)
    if _CREDENTIALS & given.keys():
        named = {name: value for name, value in named.items() if name not in _CREDENTIALS}
    found = {
        "database": f"MLSYSTEM_{settings.deployment.upper()}",
        "schema": SCHEMA,
        "warehouse": _DEFAULT_WAREHOUSE,
        **named,
        **given,
    }
    found.setdefault("role", f"{found['database']}_RUNNER")
    if {"token", "token_file_path"} & found.keys():
        found.setdefault("authenticator", "oauth")
    if "private_key" in found:
        found.setdefault("authenticator", "snowflake_jwt")
    _refuse_incomplete(found, settings)
    return found


def _given(own: SnowflakeSettings) -> dict[str, Any]:
    """What the settings say themselves, secrets in plain text."""
    not_the_connectors = {"connection", "parameters_file", "statement_timeout_seconds"}
    values = own.model_dump(by_alias=True, exclude=not_the_connectors)
    return {name: _plain(value) for name, value in values.items() if value is not None and _plain(value) != ""}


def _plain(value: object) -> object:
    match value:
        case SecretStr():
            return value.get_secret_value()
        case Path():
            return str(value)
        case _:
            return value


def _named_connection(name: str) -> dict[str, Any]:
    from snowflake.connector.config_manager import CONFIG_MANAGER
    from snowflake.connector.errors import ConfigSourceError, MissingConfigOptionError

    try:
        connections: Any = CONFIG_MANAGER["connections"]
        found = dict(connections[name])
    except (ConfigSourceError, KeyError) as error:
        if not isinstance(error, MissingConfigOptionError | KeyError):
            raise SettingsError(f"connections.toml cannot be read: {error} {error.__cause__}") from error
        raise SettingsError(
            f"connections.toml has no connection {name!r}: add it there, or set "
            "INTENT_PLATFORM_SNOWFLAKE_CONNECTION to one that it has (`snow connection list` shows them)"
        ) from error
    if "private_key_path" in found:  # what the command line tool calls it
        found.setdefault("private_key_file", found.pop("private_key_path"))
    return _filled(found)


def _parameters_file(own: SnowflakeSettings) -> dict[str, Any]:
    file = own.parameters_file
    if file is None or not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SettingsError(f"{file} is not JSON ({error}): see docs/snowflake.md for what it holds") from error
    if not isinstance(found, dict):
        raise SettingsError(f"{file} must hold one JSON object: see docs/snowflake.md for its keys")
    return _filled(found)


def _filled(found: Mapping[str, Any]) -> dict[str, Any]:
    """Empty values of a file are values that are not there."""
    return {name: value for name, value in found.items() if value not in (None, "")}


def _refuse_incomplete(found: Mapping[str, Any], settings: Settings) -> None:
    if "account" not in found:
        raise SettingsError(
            f"deployment {settings.deployment} knows no Snowflake account: set "
            "INTENT_PLATFORM_SNOWFLAKE_ACCOUNT and _USER, or INTENT_PLATFORM_SNOWFLAKE_CONNECTION to a name in "
            f"connections.toml, or write {settings.snowflake.parameters_file}"
        )
    if not _PROOFS & found.keys():
        raise SettingsError(
            f"the connection to Snowflake account {found['account']} has no way to prove who you are: give a "
            "private_key_file, an authenticator (externalbrowser, oauth, programmatic_access_token) or a password"
        )
    if "user" not in found and str(found.get("authenticator", "")).upper() not in _NEED_NO_USER:
        raise SettingsError(
            f"the connection to Snowflake account {found['account']} names no user: set INTENT_PLATFORM_SNOWFLAKE_USER"
        )
    if "private_key_file" in found:
        _refuse_unreadable_key(str(found["private_key_file"]), found.get("private_key_file_pwd"))
    if "token_file_path" in found and not Path(str(found["token_file_path"])).is_file():
        raise SettingsError(f"there is no token file {found['token_file_path']}: see token_file_path of the connection")


def _refuse_unreadable_key(file: str, passphrase: str | None) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        load_pem_private_key(Path(file).read_bytes(), passphrase.encode() if passphrase else None)
    except OSError as error:
        raise SettingsError(
            f"the private key {file} cannot be read ({error.strerror}): set INTENT_PLATFORM_SNOWFLAKE_PRIVATE_KEY_FILE "
            "to its path"
        ) from error
    except (ValueError, TypeError) as error:  # TypeError: encrypted without a passphrase, or the other way round
        raise SettingsError(
            f"the private key {file} cannot be opened: it must be a PEM file (PKCS#8), and "
            "INTENT_PLATFORM_SNOWFLAKE_PRIVATE_KEY_FILE_PWD its passphrase if it is encrypted, else unset"
        ) from error
