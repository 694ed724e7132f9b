"""A platform is a warehouse plus a model registry: the ports, what is common to all, and the adapters.

Adapters are imported when a deployment asks for them, so that loading the code location stays fast.
"""

from intent_platform.platforms.ports import Platform
from intent_platform.settings import Settings


def platform_for(settings: Settings) -> Platform:
    """The platform of `settings.deployment`. Opens nothing: connections are made when they are used."""
    if settings.deployment == "local":
        from intent_platform.platforms.local import local_platform

        return local_platform(settings)
    from intent_platform.platforms.snowflake import snowflake_platform

    return snowflake_platform(settings)
