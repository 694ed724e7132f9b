"""Snowflake: declare the tasks.

They call the stored procedures by the clocks of the settings, for those who run the platform without Dagster.
"""

from argparse import ArgumentParser

from intent_platform.platforms.snowflake.deployment import deploy_tasks, deployment_connector
from intent_platform.settings import load_settings


def options(parser: ArgumentParser) -> None:
    """Whether they tick, and whether anything is sent."""
    parser.add_argument("--resume", action="store_true", help="let them tick; without it they are suspended")
    parser.add_argument("--dry-run", action="store_true", help="show the statements, run none")


def run(*, resume: bool, dry_run: bool) -> None:
    """Declare the tasks; they tick when `resume`."""
    deploy_tasks(deployment_connector(load_settings()), print, resume=resume, dry=dry_run)
