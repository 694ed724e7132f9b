"""`make rollback version=…` and `make promote version=… reason=…`: a person moves the champion, at once.

Both run a job of the code location in this process; who may be champion is decided there.
"""

from collections.abc import Mapping

from rich.console import Console

from intent_platform.automation.jobs import PROMOTION_JOB
from intent_platform.automation.rollback import ROLLBACK_JOB
from intent_platform.commands.instance import open_instance, run_job
from intent_platform.definitions import build_definitions
from intent_platform.platforms import platform_for
from intent_platform.platforms.versions import name_or_nobody, validated_version_name
from intent_platform.settings import load_settings

PREVIOUS = "previous"


def roll_back(version: str, reason: str) -> None:
    """Roll back to `version` (or to the previous champion), quarantine the champion left, and say what happened."""
    # A mistyped name is refused before anything is opened.
    target = "" if version == PREVIOUS else validated_version_name(version)
    config = {"ops": {"rollback_champion": {"config": {"version": target, "reason": reason}}}}
    _move(ROLLBACK_JOB, config, "; {before} is quarantined")


def promote(version: str, reason: str) -> None:
    """Make `version` the champion whatever the gate says, and say what happened."""
    config = {"ops": {"champion_alias": {"config": {"force": validated_version_name(version), "reason": reason}}}}
    _move(PROMOTION_JOB.name, config, " in place of {before}, by force: the ledger says so")


def _move(job: str, config: Mapping[str, object], then: str) -> None:
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
