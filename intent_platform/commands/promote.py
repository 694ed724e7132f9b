"""Make a version champion, whatever the gate decided.

The command runs the promotion job in this process. The job refuses a version that does not exist or cannot score.
"""

from argparse import ArgumentParser
from collections.abc import Mapping

from intent_platform.automation.jobs import PROMOTION_JOB
from intent_platform.definitions import build_definitions
from intent_platform.instance import open_instance, run_job
from intent_platform.platforms import platform_for
from intent_platform.platforms.champion import settle
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.versions import name_or_nobody, validated_version_name
from intent_platform.settings import load_settings
from intent_platform.terminal import bold, open_console


def options(parser: ArgumentParser) -> None:
    """Declare the version and the reason."""
    parser.add_argument("--version", required=True, help="the new champion: v_YYMMDD_HHMMSS")
    parser.add_argument("--reason", required=True, help="why; the ledger keeps it")


def run(version: str, reason: str) -> None:
    """Make `version` champion by force and print the result.

    Raises:
        IntentPlatformError: the version cannot be champion, or the reason is empty. The champion stays.
    """
    config = {"ops": {"champion_alias": {"config": {"force": validated_version_name(version), "reason": reason}}}}
    move_and_report(PROMOTION_JOB.name, config, " in place of {before}. The ledger records the cause `force`")


def move_and_report(job: str, config: Mapping[str, object], consequence: str) -> None:
    """Run a job that moves the champion, and print what its own row in the ledger says.

    Args:
        job: the name of the job.
        config: its run config.
        consequence: the text after the name of the new champion. `{before}` stands for the previous one.
    """
    settings = load_settings()
    platform, console = platform_for(settings), open_console(soft_wrap=True)
    with open_instance(settings) as instance:
        settled = settle(platform)
        for sentence in settled.repairs:
            console.print(sentence)
        run = run_job(build_definitions(settings), instance, job, config=config)
    with platform.warehouse.connect() as connection:
        move = read_ledger(connection).made_by(run.run_id)
    if move is None:
        console.print(f"{name_or_nobody(settled.version)} is already the champion. Nothing was moved.")
        return
    before, days = move.from_version or "nobody", settings.scoring.rescore_days
    console.print(
        "The champion is now ",
        bold(move.to_version),
        f"{consequence.format(before=before)}. With `make dev` running, the last {days} scored days are scored again.",
        sep="",
    )
