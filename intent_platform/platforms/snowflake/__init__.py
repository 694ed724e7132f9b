"""The Snowflake platform of `dev` and `prod`: tables, models and the pointer live in one schema of one account.

What was tried without an account, and what never was against a real one, is in docs/snowflake.md.
"""

from intent_platform.platforms.ports import Platform
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.registry import SnowflakeRegistry
from intent_platform.platforms.snowflake.warehouse import SnowflakeWarehouse
from intent_platform.settings import Settings


def snowflake_platform(settings: Settings) -> Platform:
    """The platform of `settings.deployment`. Touches neither files nor network before it is used."""
    connector = SnowflakeConnector(settings)
    return Platform(warehouse=SnowflakeWarehouse(connector), registry=SnowflakeRegistry(connector.snowpark))
