"""The sensor that watches the observed table. It records each changed day as an observation of `source`.

An observation starts no run. `catch_up` requests the days whose `dataset` is older than the observation.
"""

import dagster as dg

from intent_platform.assets.observed_source import observations
from intent_platform.automation import SENSOR_TIMEOUT_SECONDS
from intent_platform.errors import WarehouseError
from intent_platform.partitions import Window, now
from intent_platform.pipeline.expiry import kept_days
from intent_platform.pipeline.observation import days_held
from intent_platform.platforms.ports import Platform
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.settings import Settings


def define_table_sensor(
    settings: Settings, source: Feed | ObservedTable, status: dg.DefaultSensorStatus
) -> dg.SensorDefinition:
    """Return the sensor. It needs no cursor, because the instance holds the last recorded observations."""

    @dg.sensor(
        default_status=status,
        minimum_interval_seconds=settings.table.every_seconds,
        description=(
            "Record the days of the observed table whose rows were added, removed or loaded again. "
            "The catch-up sensor then requests these days."
        ),
    )
    def table_sensor(
        context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
    ) -> dg.SensorResult | dg.SkipReason:
        """Level-triggered by past days whose row count or latest LOADED_AT differs from the last observation.

        If another process holds the table, the next tick reads it. An unreadable table fails the tick, and the UI then
        shows the problem.
        """
        if not isinstance(source, ObservedTable):
            return dg.SkipReason(f"the feed is {settings.feed}, not table")
        window = Window(settings.first_day, max(settings.first_day, now().date()))
        try:
            with platform.warehouse.connect(timeout_seconds=SENSOR_TIMEOUT_SECONDS) as connection:
                window = kept_days(connection, window, source.raw_days)  # nobody can build the other days again
                states = days_held(connection, source, window)
        except WarehouseError as error:
            return dg.SkipReason(str(error))
        events = observations(context.instance, states, window)
        if not events:
            return dg.SkipReason(f"no day of {source.title} changed since the last observation")
        return dg.SensorResult(asset_events=events)

    return table_sensor
