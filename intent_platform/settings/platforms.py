"""Settings of the platforms: waiting for the warehouse, its memory, and the connection to Snowflake."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, SecretStr

from intent_platform.settings.types import AbsolutePath, Positive, Section


class WarehouseSettings(Section):
    """How long to wait for the warehouse, and how much memory the local warehouse uses."""

    timeout_seconds: float = Field(
        60.0,
        ge=0,
        description="Seconds to wait for a local warehouse that another process holds, or for a lock on Snowflake.",
    )
    memory_gb: float = Field(
        2.0, ge=0.25, le=100_000, description="Memory of the local warehouse, in GB. Work that needs more goes to disk."
    )


class SnowflakeSettings(Section):
    """The connection of `dev` and `prod`, whose secrets never appear in a log.

    The names are those of Snowflake's connector.
    """

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    connection: str | None = Field(
        None, description="Name of a connection in `connections.toml`. `null` means `parameters_file`, if it exists."
    )
    parameters_file: AbsolutePath | None = Field(
        None,
        description="JSON file with the parameters of the connection. `null` means `connection_parameters_dev.json` or "
        "`connection_parameters_prod.json` in the current folder.",
    )
    account: str | None = Field(
        None, description="Account. This setting and those below override the named connection and the file."
    )
    user: str | None = Field(None, description="User name. Some tokens need none.")
    role: str | None = Field(None, description="Role. `null` means `<database>_RUNNER`, which `make setup` creates.")
    warehouse: str | None = Field(None, description="Virtual warehouse. `null` means `COMPUTE_WH`.")
    database: str | None = Field(None, description="Database. `null` means `MLSYSTEM_DEV` or `MLSYSTEM_PROD`.")
    schema_: str | None = Field(None, alias="schema", description="Schema. `null` means `ONLINE_SHOPPERS_INTENTION`.")
    authenticator: str | None = Field(
        None,
        description="`externalbrowser` (single sign-on), `oauth`, `programmatic_access_token`, `workload_identity`, or "
        "another value of the connector. With `null`, it follows from the other credentials.",
    )
    workload_identity_provider: Literal["AWS", "AZURE", "GCP", "OIDC"] | None = Field(
        None,
        description="Who vouches for this machine, for a login without a stored secret. `OIDC` also needs `token`.",
    )
    password: SecretStr | None = Field(
        None, repr=False, description="Password. Secrets belong in the environment, not in `config.yml`."
    )
    token: SecretStr | None = Field(
        None, repr=False, description="OAuth token, programmatic access token, or OIDC token."
    )
    private_key_file: AbsolutePath | None = Field(
        None, description="PEM file of a private key. Use a key pair on a server."
    )
    private_key_file_pwd: SecretStr | None = Field(
        None, repr=False, description="Passphrase of an encrypted private key."
    )
    host: str | None = Field(None, description="Host, for a private link or a test double.")
    port: Annotated[int, Field(gt=0, lt=65_536)] | None = Field(
        None, description="Port, for a private link or a test double."
    )
    protocol: Literal["https", "http"] | None = Field(
        None, description="Protocol, for a private link or a test double."
    )
    statement_timeout_seconds: Positive | None = Field(
        3600, description="Seconds after which Snowflake cancels a statement. `null` leaves the limit to the account."
    )
    error_integration: str | None = Field(
        None, description="Notification integration of type `QUEUE` that learns of failed tasks. `null` means none."
    )
