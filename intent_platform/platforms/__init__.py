"""A platform is a warehouse and a model registry: the ports, the code that all platforms share, and the adapters.

`platform_for` imports an adapter only when a deployment needs it. This keeps loading the code location fast.
"""

from intent_platform.platforms.ports import Platform
from intent_platform.settings import Settings


def platform_for(settings: Settings) -> Platform:
    """The platform of `settings.deployment`. It opens no connection before its first use."""
    if settings.deployment == "local":
        from intent_platform.platforms.local import local_platform

        return local_platform(settings)
    from intent_platform.platforms.snowflake import snowflake_platform

    return snowflake_platform(settings)
