"""Make an earlier version champion.

The command runs the rollback job in this process. The job refuses a version that does not exist or cannot score.
"""

from argparse import ArgumentParser

from intent_platform.automation.rollback import ROLLBACK_JOB, rollback_config
from intent_platform.commands.promote import move_and_report
from intent_platform.platforms.ledger import NO_REASON
from intent_platform.platforms.versions import validated_version_name

PREVIOUS = "previous"


def options(parser: ArgumentParser) -> None:
    """Declare the version and the reason."""
    parser.add_argument("--version", required=True, help=f"v_YYMMDD_HHMMSS, or '{PREVIOUS}' for the previous champion")
    parser.add_argument("--reason", default=NO_REASON, help="why; the ledger keeps it")


def run(version: str, reason: str) -> None:
    """Roll back to `version`, quarantine the version it replaces, and print the result.

    Raises:
        IntentPlatformError: the version cannot be champion. The champion stays.
    """
    # A mistyped name is refused before any connection opens.
    target = "" if version == PREVIOUS else validated_version_name(version)
    move_and_report(ROLLBACK_JOB, rollback_config(target, reason), ". {before} is quarantined")
