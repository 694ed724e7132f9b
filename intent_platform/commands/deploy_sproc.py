"""Snowflake: declare the stored procedures.

They are for those who run the platform inside Snowflake, without Dagster.
"""

from argparse import ArgumentParser

from intent_platform.pipeline.training import git_commit
from intent_platform.platforms.snowflake.deployment import deploy_procedures, deployment_connector
from intent_platform.settings import load_settings


def options(parser: ArgumentParser) -> None:
    """Whether anything is sent."""
    parser.add_argument("--dry-run", action="store_true", help="show the statements, run none")


def run(*, dry_run: bool) -> None:
    """Declare the stored procedures."""
    deploy_procedures(deployment_connector(load_settings()), print, commit=git_commit(), dry=dry_run)
