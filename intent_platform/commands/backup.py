"""Copy the home folder to a new folder.

The copy holds warehouse, registry and Dagster's store in one consistent state. `make dev` may run meanwhile.
"""

from argparse import ArgumentParser
from pathlib import Path

from intent_platform.settings import load_settings
from intent_platform.settings.types import absolute_path
from intent_platform.terminal import open_console
from intent_platform.upkeep.backup import back_up


def options(parser: ArgumentParser) -> None:
    """Declare the folder of the backup. The shell does not expand `~` after `make … to=`, so the option does."""
    parser.add_argument("--to", required=True, type=absolute_path, help="a folder that does not exist")


def run(to: Path) -> None:
    """Make a backup in the folder `to` and print its size.

    Raises:
        BackupError: the folder exists or cannot be written.
        SettingsError: the deployment is not local.
        WarehouseError: the warehouse or the registry is busy for too long, or damaged.
    """
    manifest = back_up(load_settings(), to)
    open_console().print(
        f"Backed up {len(manifest.files):,} files, {manifest.size / 1e6:,.1f} MB, to {to}. "
        f"To go back to them: make restore from={to}",
        soft_wrap=True,
    )
