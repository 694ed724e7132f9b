"""The code location. Tests and production share `build_definitions(settings)`."""

import warnings

import dagster as dg

from intent_platform.assets import build_assets
from intent_platform.assets.checks import build_checks
from intent_platform.automation.doctor import define_doctor_jobs
from intent_platform.automation.jobs import ASSET_JOBS
from intent_platform.automation.retention import define_retention_jobs
from intent_platform.automation.rollback import define_rollback_job
from intent_platform.automation.schedules import build_schedules
from intent_platform.automation.sensors import build_sensors
from intent_platform.platforms import platform_for
from intent_platform.sessions.choice import session_source
from intent_platform.settings import Settings, load_settings
from intent_platform.workers import locking_executor


def build_definitions(settings: Settings) -> dg.Definitions:
    """Return everything that Dagster shows and runs with these settings.

    Building the definitions opens no connection and creates no file.
    """
    source = session_source(settings)
    with warnings.catch_warnings():
        # Two features of Dagster are in beta: one run for a range, and months before the first partition.
        # The platform relies on both and tests them end to end.
        for name in ("backfill_policy", "allow_nonexistent_upstream_partitions"):
            warnings.filterwarnings("ignore", category=dg.BetaWarning, message=f".*`{name}`.*")
        assets = build_assets(settings, source)
    return dg.Definitions(
        assets=assets,
        asset_checks=build_checks(settings, source),
        jobs=[
            *ASSET_JOBS,
            define_rollback_job(settings, source),
            *define_retention_jobs(settings, source),
            *define_doctor_jobs(settings),
        ],
        schedules=build_schedules(settings),
        sensors=build_sensors(settings, source),
        resources={"platform": platform_for(settings)},
        # All steps share one process. A process for each step would spend seconds on imports, and only one process
        # at a time can write the local warehouse.
        executor=locking_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions with the settings of `config.yml` and the environment.

    Dagster calls this when it loads the code location. The settings are read only then.
    """
    return build_definitions(load_settings())
