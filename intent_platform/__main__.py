"""`python -m intent_platform demo|setup|rollback|promote|replay|dev|…`: the command line behind the Makefile."""

import argparse
import sys
from pathlib import Path

from intent_platform.errors import IntentPlatformError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it did what it says, 1 with one sentence on stderr when a user has to act."""
    chosen = _parser().parse_args(arguments)
    try:
        # Commands are imported when they run: `--help` and a mistyped name answer at once.
        match chosen.command:
            case "demo":
                from intent_platform.commands.demo import demo

                demo(csv=chosen.csv)
            case "setup":
                from intent_platform.commands.setup import setup

                setup(csv=chosen.csv, admin_role=chosen.admin_role, dry_run=chosen.dry_run)
            case "rollback":
                from intent_platform.commands.champion import roll_back

                roll_back(version=chosen.version, reason=chosen.reason)
            case "promote":
                from intent_platform.commands.champion import promote

                promote(version=chosen.version, reason=chosen.reason)
            case "replay":
                from intent_platform.commands.replay import replay

                replay()
            case "game-day":
                from intent_platform.commands.game_day import game_day

                game_day(chosen.scenario, chosen.strength, days=chosen.days, sessions_per_day=chosen.sessions_per_day)
            case "prune":
                from intent_platform.commands.prune import prune

                prune(keep=chosen.keep)
            case "deploy-sproc":
                from intent_platform.commands.deployment import deploy_sproc

                deploy_sproc(dry_run=chosen.dry_run)
            case "deploy-task":
                from intent_platform.commands.deployment import deploy_task

                deploy_task(resume=chosen.resume, dry_run=chosen.dry_run)
            case "dev":
                from intent_platform.commands.dev import dev

                dev(port=chosen.port)
    except IntentPlatformError as error:
        print(f"{chosen.command}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        print(f"{chosen.command}: interrupted; call it again to go on", file=sys.stderr)  # noqa: T201
        return 130
    return 0


def _path(text: str) -> Path:
    """A path as typed after `csv=`, where no shell expands the `~`."""
    return Path(text).expanduser()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="intent_platform", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("demo", "load the sessions and play the months in order"),
        ("setup", "prepare the deployment and load the source data"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--csv", type=_path, help="the UCI file; without it the data is fetched once")
    setup = commands.choices["setup"]
    setup.add_argument("--admin-role", help="on Snowflake: the role that makes database and roles, once")
    setup.add_argument("--dry-run", action="store_true", help="on Snowflake: show the statements, run none")
    rollback = commands.add_parser("rollback", help="move the champion back")
    rollback.add_argument("--version", required=True, help="v_YYMMDD_HHMMSS; 'previous' for the champion before")
    rollback.add_argument("--reason", default="no reason given", help="for the ledger")
    promote = commands.add_parser("promote", help="make a version champion whatever the gate says")
    promote.add_argument("--version", required=True, help="v_YYMMDD_HHMMSS")
    promote.add_argument("--reason", required=True, help="for the ledger")
    commands.add_parser("replay", help="play promotion policies over the past months")
    game = commands.add_parser("game-day", help="rehearse what happens to a simulated shop")
    game.add_argument("--scenario", required=True, help="a kind of docs/simulator.md, or none")
    game.add_argument("--strength", type=float, default=1.0, help="above 0, up to 1")
    game.add_argument("--days", type=int, default=60, help="how many days are played")
    game.add_argument("--sessions-per-day", type=int, default=400, help="the mean of a year")
    prune = commands.add_parser("prune", help="delete old versions that never were champion")
    prune.add_argument("--keep", type=int, required=True, help="so many of the newest stay in any case")
    sproc = commands.add_parser("deploy-sproc", help="Snowflake: declare the stored procedures")
    task = commands.add_parser("deploy-task", help="Snowflake: declare the tasks")
    task.add_argument("--resume", action="store_true", help="let them tick; without it they are suspended")
    for deploy in (sproc, task):
        deploy.add_argument("--dry-run", action="store_true", help="show the statements, run none")
    dev = commands.add_parser("dev", help="the Dagster UI, schedules and sensors")
    dev.add_argument("--port", type=int, default=3000)
    return parser


if __name__ == "__main__":
    sys.exit(main())
