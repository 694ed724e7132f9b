"""Deploy the tasks to Snowflake.

The tasks call the stored procedures at the times of the schedules, or after each other. They run the platform without
Dagster.
"""

from argparse import ArgumentParser

from intent_platform.platforms.snowflake.deployment import deployment_connector
from intent_platform.platforms.snowflake.tasks import deploy_tasks
from intent_platform.settings import load_settings


def options(parser: ArgumentParser) -> None:
    """Declare the task, the option that starts the tasks and the option that prevents changes."""
    parser.add_argument("--only", help="the only task to create, such as PREDICTION_DAILY, with those after it")
    parser.add_argument("--resume", action="store_true", help="start the tasks; without it they stay suspended")
    parser.add_argument("--dry-run", action="store_true", help="print the statements without running them")


def run(*, only: str | None, resume: bool, dry_run: bool) -> None:
    """Create the tasks, and start them if `resume` is set. With `dry_run`, only print the statements.

    Raises:
        UnknownObject: the settings do not have the task `only`.
        SettingsError: the deployment is local.
    """
    deploy_tasks(deployment_connector(load_settings()), print, resume=resume, dry=dry_run, only=only)
