"""Finds the connection parameters in the settings, in a named connection or in the parameters file.

The module reads files and opens no connection.
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
#: Parameters that prove who the user is, by the connector's names.
_PROOFS = frozenset(
    {"authenticator", "password", "private_key", "private_key_file", "token", "token_file_path"}
    | {"workload_identity_provider"}
)
#: Credentials are used as a whole, never mixed: settings with one of these names replace all of a file.
_CREDENTIALS = _PROOFS | {"private_key_file_pwd", "private_key_passphrase", "passcode"}
_WORKLOAD_IDENTITY = "WORKLOAD_IDENTITY"
#: Authenticators that need no user name, because the token identifies the user.
_NEED_NO_USER = frozenset(
    {"OAUTH", "PROGRAMMATIC_ACCESS_TOKEN", _WORKLOAD_IDENTITY}
    | {"OAUTH_AUTHORIZATION_CODE", "OAUTH_CLIENT_CREDENTIALS"}
)


def connection_parameters(settings: Settings) -> Mapping[str, Any]:
    """The connection parameters by the connector's names.

    - They come from a named connection of `connections.toml`, or else from the parameters file if it exists.
    - Values of the settings override both. Credentials of the settings replace all credentials of a file.
    - The default database is MLSYSTEM_DEV or MLSYSTEM_PROD, and the default schema is ONLINE_SHOPPERS_INTENTION.
    - The default role is `<database>_RUNNER`, which `make setup` creates.

    Raises:
        SettingsError: account, user or credentials are missing, or a file cannot be read.
    """
    section = settings.snowflake
    from_file = _named_connection(section.connection) if section.connection else _parameters_file(section)
    from_settings = _values_of(section)
    if _CREDENTIALS & from_settings.keys():
        from_file = {name: value for name, value in from_file.items() if name not in _CREDENTIALS}
    parameters = {
        "database": f"MLSYSTEM_{settings.deployment.upper()}",
        "schema": SCHEMA,
        "warehouse": _DEFAULT_WAREHOUSE,
        **from_file,
        **from_settings,
    }
    parameters.setdefault("role", f"{parameters['database']}_RUNNER")
    # A token without an authenticator is an OAuth token, and a private key means key-pair authentication.
    if "workload_identity_provider" in parameters:
        parameters.setdefault("authenticator", _WORKLOAD_IDENTITY)
    if {"token", "token_file_path"} & parameters.keys():
        parameters.setdefault("authenticator", "oauth")
    if "private_key" in parameters:
        parameters.setdefault("authenticator", "snowflake_jwt")
    _refuse_incomplete(parameters, settings)
    return parameters


def _values_of(section: SnowflakeSettings) -> dict[str, Any]:
    """The connection parameters in the settings, with secrets in plain text."""
    not_for_the_connector = {"connection", "parameters_file", "statement_timeout_seconds", "error_integration"}
    values = section.model_dump(by_alias=True, exclude=not_for_the_connector)
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
        parameters = dict(connections[name])
    except (ConfigSourceError, KeyError) as error:
        if not isinstance(error, MissingConfigOptionError | KeyError):
            raise SettingsError(f"connections.toml cannot be read: check it. {error} {error.__cause__}") from error
        raise SettingsError(
            f"connections.toml has no connection {name!r}: add it, or set INTENT_PLATFORM_SNOWFLAKE_CONNECTION to one "
            "of its connections (`snow connection list` shows them)"
        ) from error
    if "private_key_path" in parameters:  # the name in Snowflake's command line tool
        parameters.setdefault("private_key_file", parameters.pop("private_key_path"))
    return _without_empty(parameters)


def _parameters_file(section: SnowflakeSettings) -> dict[str, Any]:
    file = section.parameters_file
    if file is None or not file.is_file():
        return {}
    try:
        parameters = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SettingsError(f"{file} is not JSON ({error}): docs/snowflake.md shows its form") from error
    if not isinstance(parameters, dict):
        raise SettingsError(f"{file} must hold one JSON object: docs/snowflake.md lists its keys")
    return _without_empty(parameters)


def _without_empty(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a file without those that have an empty value, which counts as missing."""
    return {name: value for name, value in parameters.items() if value not in (None, "")}


def _refuse_incomplete(parameters: Mapping[str, Any], settings: Settings) -> None:
    if "account" not in parameters:
        raise SettingsError(
            f"deployment {settings.deployment} has no Snowflake account: set INTENT_PLATFORM_SNOWFLAKE_ACCOUNT and "
            "_USER, or set INTENT_PLATFORM_SNOWFLAKE_CONNECTION to a name in connections.toml, or write "
            f"{settings.snowflake.parameters_file}"
        )
    if not _PROOFS & parameters.keys():
        raise SettingsError(
            f"the connection to Snowflake account {parameters['account']} has no way to prove who you are: set a "
            "private_key_file, an authenticator (externalbrowser, oauth, programmatic_access_token), a "
            "workload_identity_provider or a password"
        )
    if "user" not in parameters and str(parameters.get("authenticator", "")).upper() not in _NEED_NO_USER:
        raise SettingsError(
            f"the connection to Snowflake account {parameters['account']} names no user: set "
            "INTENT_PLATFORM_SNOWFLAKE_USER"
        )
    if str(parameters.get("authenticator", "")).upper() == _WORKLOAD_IDENTITY:
        _refuse_incomplete_identity(parameters)
    if "private_key_file" in parameters:
        _refuse_unreadable_key(str(parameters["private_key_file"]), parameters.get("private_key_file_pwd"))
    if "token_file_path" in parameters and not Path(str(parameters["token_file_path"])).is_file():
        raise SettingsError(
            f"the token file {parameters['token_file_path']} does not exist: correct token_file_path of the connection"
        )


def _refuse_incomplete_identity(parameters: Mapping[str, Any]) -> None:
    provider = str(parameters.get("workload_identity_provider", "")).upper()
    if not provider:
        raise SettingsError(
            f"the connection to Snowflake account {parameters['account']} logs in by workload identity and names no "
            "provider: set INTENT_PLATFORM_SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER to AWS, AZURE, GCP or OIDC"
        )
    if provider == "OIDC" and not {"token", "token_file_path"} & parameters.keys():
        raise SettingsError(
            f"the connection to Snowflake account {parameters['account']} logs in by OIDC and has no token: set "
            "INTENT_PLATFORM_SNOWFLAKE_TOKEN to the token that the provider issued for this job"
        )


def _refuse_unreadable_key(file: str, passphrase: str | None) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        load_pem_private_key(Path(file).read_bytes(), passphrase.encode() if passphrase else None)
    except OSError as error:
        raise SettingsError(
            f"the private key {file} cannot be read ({error.strerror}): set INTENT_PLATFORM_SNOWFLAKE_PRIVATE_KEY_FILE "
            "to its path"
        ) from error
    except (ValueError, TypeError) as error:  # TypeError: a passphrase is missing, or the key is not encrypted
        raise SettingsError(
            f"the private key {file} cannot be opened: use a PEM file (PKCS#8). Set "
            "INTENT_PLATFORM_SNOWFLAKE_PRIVATE_KEY_FILE_PWD to its passphrase only if it is encrypted"
        ) from error
