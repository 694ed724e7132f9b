"""Let Snowflake monitor the champion.

The command creates the model monitor of the champion. From then on, the monitor follows each move.
"""

from argparse import ArgumentParser

from intent_platform.errors import SettingsError
from intent_platform.platforms import platform_for
from intent_platform.settings import load_settings


def options(parser: ArgumentParser) -> None:
    """Declare the option that prevents changes."""
    parser.add_argument("--dry-run", action="store_true", help="print the statements without running them")


def run(*, dry_run: bool) -> None:
    """Create or resume the monitor of the champion and suspend the others. With `dry_run`, only print the statements.

    Raises:
        SettingsError: the deployment is local.
        NoChampion: no version is champion yet.
    """
    settings = load_settings()
    if settings.deployment == "local":
        raise SettingsError(
            "local has no model monitors, because the asset monitoring does their work: set "
            "INTENT_PLATFORM_DEPLOYMENT to dev or prod"
        )
    from intent_platform.platforms.snowflake.monitor import monitor_champion

    monitor_champion(platform_for(settings), print, dry=dry_run)
