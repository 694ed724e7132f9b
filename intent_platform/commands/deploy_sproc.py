"""Deploy the stored procedures to Snowflake.

The procedures run the platform inside Snowflake, without Dagster.
"""

from argparse import ArgumentParser

from intent_platform.pipeline.training import git_commit
from intent_platform.platforms.snowflake.deployment import deploy_procedures, deployment_connector
from intent_platform.settings import load_settings


def options(parser: ArgumentParser) -> None:
    """Declare the procedure, and the option that prevents changes."""
    parser.add_argument("--only", help="the only procedure to create, such as PREDICTION")
    parser.add_argument("--dry-run", action="store_true", help="print the statements without running them")


def run(*, only: str | None, dry_run: bool) -> None:
    """Upload the package and create the stored procedures. With `dry_run`, only print the statements.

    Raises:
        UnknownObject: there is no procedure `only`.
        SettingsError: the deployment is local.
    """
    deploy_procedures(deployment_connector(load_settings()), print, commit=git_commit(), dry=dry_run, only=only)
