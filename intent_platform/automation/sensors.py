"""All sensors together. This module defines those for landing files and for a new champion.

The others are in `abandoned_runs`, `alerts`, `catch_up` and `observation`. The docstring of each sensor says whether
it is edge- or level-triggered. No sensor changes a row.
"""

from datetime import timedelta
from hashlib import sha256

import dagster as dg

from intent_platform.automation import SENSOR_TIMEOUT_SECONDS
from intent_platform.automation.abandoned_runs import define_abandoned_runs_sensor
from intent_platform.automation.alerts import define_check_sensor, define_failure_sensor
from intent_platform.automation.catch_up import define_catch_up_sensor
from intent_platform.automation.gaps import range_request
from intent_platform.automation.jobs import SCORES_JOB, SESSIONS_JOB
from intent_platform.automation.observation import define_table_sensor
from intent_platform.errors import FeedError, WarehouseError
from intent_platform.partitions import Window, merged, now
from intent_platform.pipeline.rescoring import recently_outdated
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.ports import Platform
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.landing import LandingFeed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.settings import Settings

#: How long a tick waits for file scans. Dagster ends a tick after 60 seconds. A later tick sees the remaining files.
_SCAN_SECONDS = 20


def build_sensors(settings: Settings, source: Feed | ObservedTable) -> list[dg.SensorDefinition]:
    """Return all sensors. With `schedules.running_by_default` they run from the start.

    The sensor for abandoned runs always does.
    """
    running = settings.schedules.running_by_default
    status = dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED
    return [
        _define_landing_sensor(source, status),
        define_table_sensor(settings, source, status),
        _define_champion_sensor(settings, status),
        define_catch_up_sensor(settings, source, status),
        define_failure_sensor(settings, status),
        define_check_sensor(settings, status),
        define_abandoned_runs_sensor(),
    ]


def _define_landing_sensor(source: Feed | ObservedTable, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.sensor(
        jobs=[SESSIONS_JOB],
        default_status=status,
        minimum_interval_seconds=30,
        description="Load the days that new files in the landing folder contain.",
    )
    def landing_sensor() -> dg.SensorResult | dg.SkipReason:
        """Level-triggered by complete files whose days are over.

        The run key contains the identity of the files and today's date. The sensor therefore requests each state of the
        folder once a day, and tries a failed load again on the next day.
        """
        if not isinstance(source, LandingFeed):
            return dg.SkipReason(f"the feed is {source.name}, not landing")
        today = now().date()
        yesterday = Window(today - timedelta(days=1), today)
        # A file without readable days joins yesterday's load, whose check `feed_is_readable` reports it.
        try:
            files = [(file, file.span or yesterday) for file in source.pending(_SCAN_SECONDS)]
        except FeedError as error:
            return dg.SkipReason(str(error))
        ready = [(file, span) for file, span in files if span.end <= today]
        if not ready:
            return dg.SkipReason(f"no file in {source.folder} is ready: it must be complete and contain only past days")
        requests = []
        for window in merged(span for _, span in ready):
            names = sorted(f"{f.name}:{f.state.size}:{f.state.mtime_ns}" for f, span in ready if span.overlaps(window))
            digest = sha256("\n".join(names).encode()).hexdigest()[:16]
            requests.append(range_request(SESSIONS_JOB.name, window, f"landing-{digest}-asked-{today}"))
        return dg.SensorResult(run_requests=requests)

    return landing_sensor


def _define_champion_sensor(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    days = settings.scoring.rescore_days

    @dg.sensor(
        jobs=[SCORES_JOB],
        default_status=status,
        minimum_interval_seconds=15,
        description=(
            f"After the champion changes, score those of the last {days} scored days again that an earlier one scored."
        ),
    )
    def champion_sensor(platform: dg.ResourceParam[Platform]) -> dg.SensorResult | dg.SkipReason:
        """Level-triggered by recent days that an earlier champion scored.

        Scores by a version that somebody named stay. The run key contains today's date, so the sensor requests a failed
        run again on the next day.
        """
        try:
            with platform.warehouse.connect(timeout_seconds=SENSOR_TIMEOUT_SECONDS) as connection:
                latest = read_ledger(connection).latest
                if latest is None:
                    return dg.SkipReason("no version is champion yet")
                outdated = recently_outdated(connection, latest, settings)
        except WarehouseError as error:
            return dg.SkipReason(str(error))
        if not outdated:
            return dg.SkipReason(f"no scores of the last {days} scored days are outdated")
        key = f"champion-move-{latest.number}-{{}}-asked-{now().date()}"
        return dg.SensorResult(
            run_requests=[range_request(SCORES_JOB.name, days, key.format(days)) for days in outdated]
        )

    return champion_sensor
