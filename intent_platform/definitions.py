"""The code location: `build_definitions(settings)`, which tests and production share."""

import warnings

import dagster as dg

from intent_platform.assets import build_assets
from intent_platform.assets.checks import build_checks
from intent_platform.automation.jobs import ASSET_JOBS
from intent_platform.automation.rollback import define_rollback_job
from intent_platform.automation.schedules import build_schedules
from intent_platform.automation.sensors import build_sensors
from intent_platform.platforms import platform_for
from intent_platform.sessions.choice import session_source
from intent_platform.settings import Settings, load_settings


def build_definitions(settings: Settings) -> dg.Definitions:
    """Everything Dagster shows and runs, for these settings. Opens and creates nothing."""
    source = session_source(settings)
    with warnings.catch_warnings():
        # One run for a range, and months before the first partition: in beta, used knowingly, tested end to end.
        for name in ("backfill_policy", "allow_nonexistent_upstream_partitions"):
            warnings.filterwarnings("ignore", category=dg.BetaWarning, message=f".*`{name}`.*")
        assets = build_assets(settings, source)
    return dg.Definitions(
        assets=assets,
        asset_checks=build_checks(settings, source),
        jobs=[*ASSET_JOBS, define_rollback_job(settings, source)],
        schedules=build_schedules(settings.schedules),
        sensors=build_sensors(settings, source),
        resources={"platform": platform_for(settings)},
        # Steps share one process: a step of its own would pay seconds of imports and a second writer.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions for the settings of `config.yml` and the environment; read when Dagster loads them."""
    return build_definitions(load_settings())
