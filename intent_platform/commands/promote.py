"""Make a version champion whatever the gate says.

Runs the promotion job of the code location in this process, at once; the job decides who may be champion.
"""

from argparse import ArgumentParser
from collections.abc import Mapping

from rich.console import Console

from intent_platform.automation.jobs import PROMOTION_JOB
from intent_platform.definitions import build_definitions
from intent_platform.instance import open_instance, run_job
from intent_platform.platforms import platform_for
from intent_platform.platforms.versions import name_or_nobody, validated_version_name
from intent_platform.settings import load_settings


def options(parser: ArgumentParser) -> None:
    """Which version, and why."""
    parser.add_argument("--version", required=True, help="v_YYMMDD_HHMMSS")
    parser.add_argument("--reason", required=True, help="for the ledger")


def run(version: str, reason: str) -> None:
    """Make `version` the champion whatever the gate says, and say what happened."""
    config = {"ops": {"champion_alias": {"config": {"force": validated_version_name(version), "reason": reason}}}}
    move_and_report(PROMOTION_JOB.name, config, " in place of {before}, by force: the ledger says so")


def move_and_report(job: str, config: Mapping[str, object], then: str) -> None:
    """Run a job that moves the champion and print who is champion now; `then` says what it means for `{before}`."""
    settings = load_settings()
    registry = platform_for(settings).registry
    with open_instance(settings) as instance:
        before = name_or_nobody(registry.champion())
        run_job(build_definitions(settings), instance, job, config=config)
    after = name_or_nobody(registry.champion())
    if before == after:
        Console().print(f"{after} is the champion already: nothing was moved.")
    else:
        moved = f"The champion is now [bold]{after}[/bold]{then.format(before=before)}."
        days = settings.scoring.rescore_days
        again = f"With `make dev` running, the last {days} scored days are scored again by themselves."
        Console().print(f"{moved} {again}", soft_wrap=True)
