"""The code location: `build_definitions(settings, overrides)`, which tests and production share."""

import warnings
from collections.abc import Mapping

import dagster as dg

from intent_platform.assets import build_assets
from intent_platform.automation.jobs import ASSET_JOBS
from intent_platform.automation.rollback import rollback_job
from intent_platform.automation.schedules import build_schedules
from intent_platform.automation.sensors import build_sensors
from intent_platform.platforms import platform_for
from intent_platform.settings import Settings, load_settings


def build_definitions(settings: Settings, overrides: Mapping[str, object] | None = None) -> dg.Definitions:
    """Everything Dagster shows and runs, for these settings. Opens and creates nothing.

    `overrides` replaces resources by name (`warehouse`, `registry`), for tests.
    """
    platform = platform_for(settings)
    with warnings.catch_warnings():
        # One run for a range, and months before the first partition: in beta, used knowingly, tested end to end.
        for name in ("backfill_policy", "allow_nonexistent_upstream_partitions"):
            warnings.filterwarnings("ignore", category=dg.BetaWarning, message=f".*`{name}`.*")
        assets = build_assets(settings)
    return dg.Definitions(
        assets=[asset for asset in assets if not isinstance(asset, dg.AssetChecksDefinition)],
        asset_checks=[check for check in assets if isinstance(check, dg.AssetChecksDefinition)],
        jobs=[*ASSET_JOBS, rollback_job],
        schedules=build_schedules(settings.schedules),
        sensors=build_sensors(settings),
        resources={"warehouse": platform.warehouse, "registry": platform.registry, **(overrides or {})},
        # Steps share one process: a step of its own would pay seconds of imports and a second writer.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions for the settings of `config.yml` and the environment; read when Dagster loads them."""
    return build_definitions(load_settings())
