"""Put a backup in the place of the home folder's files.

Every file is compared with its checksum first. The replaced files stay in the home folder.
"""

from argparse import ArgumentParser
from pathlib import Path

from intent_platform.errors import SettingsError
from intent_platform.instance.claim import unused
from intent_platform.settings import load_settings
from intent_platform.settings.types import absolute_path
from intent_platform.terminal import open_console
from intent_platform.upkeep.backup import restore


def options(parser: ArgumentParser) -> None:
    """Declare the folder of the backup."""
    parser.add_argument(
        "--from",
        dest="backup",
        required=True,
        type=absolute_path,
        help="the folder of a backup",
    )


def run(backup: Path) -> None:
    """Restore the backup and print where the replaced files are.

    Raises:
        BackupError: the backup is not complete. The home is unchanged.
        InstanceError: `make dev` or a run of a command uses the home.
        SettingsError: the deployment is not local.
    """
    settings = load_settings()
    if settings.deployment != "local":
        raise SettingsError(f"{settings.deployment} is Snowflake, which keeps its own backups: see docs/snowflake.md")
    with unused(settings.home / "dagster"):
        manifest, replaced = restore(settings, backup)
    kept = f" The files before are in {replaced}: delete them when you no longer need them." if replaced else ""
    open_console().print(
        f"Restored {len(manifest.files):,} files of {manifest.made_at:%Y-%m-%d %H:%M} to {settings.home}.{kept}",
        soft_wrap=True,
    )
