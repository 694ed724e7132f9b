"""The table of the feed `table` is looked at: what changed in it since, day by day, is an event of `source`.

The events ask for nothing themselves; `catch_up` asks for the days of `dataset` that are older.
"""

import dagster as dg

from intent_platform.assets.observed_source import observations
from intent_platform.automation.catch_up import SENSOR_TIMEOUT_SECONDS
from intent_platform.errors import WarehouseError
from intent_platform.partitions import Window, now
from intent_platform.pipeline.observation import days_held
from intent_platform.platforms.ports import Platform
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.settings import Settings


def table_sensor(
    settings: Settings, source: Feed | ObservedTable, status: dg.DefaultSensorStatus
) -> dg.SensorDefinition:
    """The sensor. It has no cursor: what was said before is in the instance."""

    @dg.sensor(
        name="table_sensor",
        default_status=status,
        minimum_interval_seconds=settings.table.every_seconds,
        description="Days of the observed table whose rows came, went or were loaded again: say so.",
    )
    def table_sensor(
        context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
    ) -> dg.SensorResult | dg.SkipReason:
        """Level-triggered: rows and latest LOADED_AT of every day that is over, against what was said of it last.

        A table that cannot be read fails the tick, so that it is seen; one that is held is looked at next time.
        """
        if not isinstance(source, ObservedTable):
            return dg.SkipReason(f"the feed is {settings.feed}, not table")
        window = Window(settings.first_day, max(settings.first_day, now().date()))
        try:
            with platform.warehouse.connect(timeout_seconds=SENSOR_TIMEOUT_SECONDS) as connection:
                held = days_held(connection, source, window)
        except WarehouseError as error:
            return dg.SkipReason(str(error))
        events = observations(context.instance, held, window)
        if not events:
            return dg.SkipReason(f"no day of {source.title} changed since it was looked at last")
        return dg.SensorResult(asset_events=events)

    return table_sensor
