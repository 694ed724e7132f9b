"""Move the champion back.

Runs the rollback job of the code location in this process, at once; the job decides who may be champion.
"""

from argparse import ArgumentParser

from intent_platform.automation.rollback import ROLLBACK_JOB, rollback_config
from intent_platform.commands.promote import move_and_report
from intent_platform.platforms.ledger import NO_REASON
from intent_platform.platforms.versions import validated_version_name

PREVIOUS = "previous"


def options(parser: ArgumentParser) -> None:
    """Where to go back to, and why."""
    parser.add_argument("--version", required=True, help=f"v_YYMMDD_HHMMSS; '{PREVIOUS}' for the champion before")
    parser.add_argument("--reason", default=NO_REASON, help="for the ledger")


def run(version: str, reason: str) -> None:
    """Roll back to `version` (or to the previous champion), quarantine the champion left, and say what happened."""
    # A mistyped name is refused before anything is opened.
    target = "" if version == PREVIOUS else validated_version_name(version)
    move_and_report(ROLLBACK_JOB, rollback_config(target, reason), "; {before} is quarantined")
