"""`make deploy-sproc` and `make deploy-task`: the platform inside Snowflake, for those who run without Dagster."""

from intent_platform.errors import SettingsError
from intent_platform.pipeline.training import git_commit
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.deployment import deploy_procedures, deploy_tasks
from intent_platform.settings import load_settings


def deploy_sproc(*, dry_run: bool) -> None:
    """Declare the stored procedures."""
    deploy_procedures(_connector(), print, commit=git_commit(), dry=dry_run)


def deploy_task(*, resume: bool, dry_run: bool) -> None:
    """Declare the tasks; they tick when `resume`."""
    deploy_tasks(_connector(), print, resume=resume, dry=dry_run)


def _connector() -> SnowflakeConnector:
    settings = load_settings()
    if settings.deployment == "local":
        raise SettingsError(
            "local has neither procedures nor tasks, Dagster does their work: set INTENT_PLATFORM_DEPLOYMENT to dev or "
            "prod"
        )
    return SnowflakeConnector(settings)
