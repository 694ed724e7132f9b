"""`make rollback version=…`: the rollback job, run at once in this process."""

from rich.console import Console

from intent_platform.automation.rollback import ROLLBACK_JOB
from intent_platform.commands.instance import open_instance, run_job
from intent_platform.definitions import build_definitions
from intent_platform.platforms import platform_for
from intent_platform.platforms.versions import validated_version_name
from intent_platform.settings import load_settings

PREVIOUS = "previous"


def roll_back(version: str, reason: str) -> None:
    """Roll back to `version` (or to the previous champion) and say what happened."""
    settings = load_settings()
    # A mistyped name is refused before anything is opened.
    target = "" if version == PREVIOUS else validated_version_name(version)
    registry = platform_for(settings).registry
    with open_instance(settings) as instance:
        before = registry.champion()
        config = {"ops": {"roll_back": {"config": {"version": target, "reason": reason}}}}
        run_job(build_definitions(settings), instance, ROLLBACK_JOB, config=config)
    after = registry.champion()
    if before == after:
        Console().print(f"{after} is the champion already: nothing was moved.")
    else:
        Console().print(
            f"The champion is now [bold]{after}[/bold]; {before} is quarantined. With `make dev` running, the last "
            f"{settings.scoring.rescore_days} scored days are scored again by themselves.",
            soft_wrap=True,
        )
