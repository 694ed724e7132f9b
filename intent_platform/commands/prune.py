"""Delete old versions that never were champion."""

from argparse import ArgumentParser

from rich.console import Console

from intent_platform.errors import SettingsError
from intent_platform.pipeline.retention import prune
from intent_platform.platforms import platform_for
from intent_platform.settings import load_settings


def options(parser: ArgumentParser) -> None:
    """How many versions stay."""
    parser.add_argument("--keep", type=int, required=True, help="so many of the newest stay in any case")


def run(keep: int) -> None:
    """Keep the newest `keep` versions and everyone that the ledger names; say what went."""
    if keep < 1:
        raise SettingsError(f"keep={keep}: keep at least one version")
    gone = prune(platform_for(load_settings()), keep)
    Console().print(f"Deleted {len(gone)} versions" + (f": {', '.join(gone)}." if gone else "."), soft_wrap=True)
