"""Delete old versions that never were champion."""

from argparse import ArgumentParser

from intent_platform.errors import SettingsError
from intent_platform.pipeline.retention import prune
from intent_platform.platforms import platform_for
from intent_platform.settings import load_settings
from intent_platform.terminal import open_console


def options(parser: ArgumentParser) -> None:
    """Declare how many versions to keep."""
    parser.add_argument("--keep", type=int, required=True, help="how many of the newest versions to keep")


def run(keep: int) -> None:
    """Delete leftovers and all versions but the newest `keep` and those in the ledger, and print what was deleted.

    Raises:
        SettingsError: `keep` is below 1.
    """
    if keep < 1:
        raise SettingsError(f"keep is {keep}, but at least one version must stay: set it to 1 or more")
    pruned = prune(platform_for(load_settings()), keep)
    names = f": {', '.join(pruned.versions)}" if pruned.versions else ""
    console = open_console(soft_wrap=True)
    console.print(f"Deleted {len(pruned.versions)} versions{names}.")
    if pruned.leftovers:
        console.print(f"Deleted {pruned.leftovers} leftovers of interrupted trainings or deletions.")
