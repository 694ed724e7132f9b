"""Deploy the tasks to Snowflake.

The tasks call the stored procedures at the times of the schedules. They run the platform without Dagster.
"""

from argparse import ArgumentParser

from intent_platform.platforms.snowflake.deployment import deploy_tasks, deployment_connector
from intent_platform.settings import load_settings


def options(parser: ArgumentParser) -> None:
    """Declare the option that starts the tasks and the option that prevents changes."""
    parser.add_argument("--resume", action="store_true", help="start the tasks; without it they stay suspended")
    parser.add_argument("--dry-run", action="store_true", help="print the statements without running them")


def run(*, resume: bool, dry_run: bool) -> None:
    """Create the tasks, and start them if `resume` is set. With `dry_run`, only print the statements.

    Raises:
        SettingsError: the deployment is local.
    """
    deploy_tasks(deployment_connector(load_settings()), print, resume=resume, dry=dry_run)
