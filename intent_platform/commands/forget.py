"""Remove a visitor from all tables and session files.

The command then searches everything that the platform keeps, and names what still knows the visitor.
"""

from argparse import ArgumentParser
from contextlib import nullcontext

from intent_platform.errors import StillNamed
from intent_platform.instance.claim import unused
from intent_platform.pipeline.forgetting import validated_uid
from intent_platform.settings import load_settings
from intent_platform.terminal import open_console
from intent_platform.upkeep.forgetting import forget


def options(parser: ArgumentParser) -> None:
    """Declare the visitor."""
    parser.add_argument("--uid", required=True, help="the UID of the visitor, a UUID")


def run(uid: str) -> None:
    """Forget the visitor, search for what is left, and print both.

    Raises:
        UnknownVisitor: `uid` is not a UUID.
        InstanceError: `make dev` or a run of a command uses the home.
        StillNamed: something in the reach of the platform still names the visitor.
    """
    visitor, settings = validated_uid(uid), load_settings()
    is_local = settings.deployment == "local"
    with unused(settings.home / "dagster") if is_local else nullcontext():
        forgotten = forget(settings, visitor)
    console = open_console(soft_wrap=True)
    rows = ", ".join(f"{count:,} of {table}" for table, count in forgotten.rows.items() if count) or "none"
    console.print(f"Deleted rows: {rows}. Removed rows of session files: {sum(forgotten.files.values()):,}.")
    if forgotten.left:
        raise StillNamed(f"visitor {visitor} is still named: {'; '.join(forgotten.left)}. Delete these, then try again")
    console.print("No table and no file of the platform names the visitor. Out of its reach are:")
    for place in forgotten.beyond:
        console.print(f"- {place}")
