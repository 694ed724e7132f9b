"""The Snowflake platform of `dev` and `prod`: tables, models and the pointer are in one schema of one account.

It was tested with an emulated account, not with a real one; see docs/snowflake.md.
"""

from intent_platform.platforms.ports import Platform
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.monitor import SnowflakeMonitor
from intent_platform.platforms.snowflake.registry import SnowflakeRegistry
from intent_platform.platforms.snowflake.warehouse import SnowflakeWarehouse
from intent_platform.settings import Settings


def snowflake_platform(settings: Settings) -> Platform:
    """The platform of `settings.deployment`. It opens no file and no connection before its first use."""
    connector = SnowflakeConnector(settings)
    return Platform(
        warehouse=SnowflakeWarehouse(connector),
        registry=SnowflakeRegistry(connector.connect, connector.snowpark),
        monitor=SnowflakeMonitor(lambda: str(connector.parameters["warehouse"])),
    )
