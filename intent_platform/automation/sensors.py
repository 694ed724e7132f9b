"""Sensors: facts outside Dagster's schedules that ask for runs.

Alerts are in `alerts`, missed days in `catch_up`, the observed table in `observation`. Each says in its docstring
whether it is edge- or level-triggered. None of them changes a row.
"""

from datetime import timedelta
from hashlib import sha256

import dagster as dg

from intent_platform.automation.alerts import check_sensor, failure_sensor
from intent_platform.automation.catch_up import SENSOR_TIMEOUT_SECONDS, catch_up_sensor, range_request
from intent_platform.automation.jobs import SCORES_JOB, SESSIONS_JOB
from intent_platform.automation.observation import table_sensor
from intent_platform.errors import WarehouseError
from intent_platform.partitions import Window, merged, now, trailing_window
from intent_platform.pipeline.counts import newest_day
from intent_platform.pipeline.scoring import outdated_scores
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.ports import Platform
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.landing import LandingFeed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.settings import Settings
from intent_platform.tables import SCORES

#: A tick has 60 seconds. Files that are not read through by then are seen by a later tick.
_LOOK_SECONDS = 20


def build_sensors(settings: Settings, source: Feed | ObservedTable) -> list[dg.SensorDefinition]:
    """All sensors; running from the start when the settings say so."""
    running = settings.schedules.running_by_default
    status = dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED
    return [
        _landing_sensor(source, status),
        table_sensor(settings, source, status),
        _champion_sensor(settings, status),
        catch_up_sensor(settings, source, status),
        failure_sensor(settings, status),
        check_sensor(settings, status),
    ]


def _landing_sensor(source: Feed | ObservedTable, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.sensor(
        name="landing_sensor",
        jobs=[SESSIONS_JOB],
        default_status=status,
        minimum_interval_seconds=30,
        description="New files in the landing folder: load the days that they hold.",
    )
    def landing_sensor() -> dg.SensorResult | dg.SkipReason:
        """Level-triggered by the files that wait.

        The run key holds their identity and the day, so that each state is asked for once a day: a load that
        failed is tried again.
        """
        if not isinstance(source, LandingFeed):
            return dg.SkipReason(f"the feed is {source.name}, not landing")
        today = now().date()
        yesterday = Window(today - timedelta(days=1), today)
        # A file without readable days belongs to no load: yesterday's says, by a check, what is wrong with it.
        files = [(file, file.span or yesterday) for file in source.pending(_LOOK_SECONDS)]
        ready = [(file, span) for file, span in files if span.end <= today]
        if not ready:
            return dg.SkipReason(f"no file with days that are over waits in {source.folder}")
        requests = []
        for window in merged(span for _, span in ready):
            names = sorted(f"{f.name}:{f.size}:{f.mtime_ns}" for f, span in ready if span.overlaps(window))
            digest = sha256("\n".join(names).encode()).hexdigest()[:16]
            requests.append(range_request(SESSIONS_JOB.name, window, f"landing-{digest}-asked-{today}"))
        return dg.SensorResult(run_requests=requests)

    return landing_sensor


def _champion_sensor(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    days = settings.scoring.rescore_days

    @dg.sensor(
        name="champion_sensor",
        jobs=[SCORES_JOB],
        default_status=status,
        minimum_interval_seconds=15,
        description=f"The champion changed: of the last {days} scored days, score again those that another one scored.",
    )
    def champion_sensor(platform: dg.ResourceParam[Platform]) -> dg.SensorResult | dg.SkipReason:
        """Level-triggered: days with scores that another version gave before the last move.

        Scores given after the move are somebody's choice and stay. The run key holds the day: a run that failed is
        asked for again.
        """
        try:
            with platform.warehouse.connect(timeout_seconds=SENSOR_TIMEOUT_SECONDS) as connection:
                latest = read_ledger(connection).latest
                if latest is None:
                    return dg.SkipReason("no version was champion yet")
                newest = newest_day(connection, SCORES)
                if newest is None:
                    return dg.SkipReason("nothing was scored yet")
                window = trailing_window(newest, days)
                window = Window(max(window.start, settings.first_day), window.end)
                outdated = outdated_scores(connection, window, latest)
        except WarehouseError as error:
            return dg.SkipReason(str(error))
        if outdated is None:
            return dg.SkipReason(f"the scores of the last {days} scored days are the champion's")
        key = f"champion-move-{latest.number}-{outdated}-asked-{now().date()}"
        return dg.SensorResult(run_requests=[range_request(SCORES_JOB.name, outdated, key)])

    return champion_sensor
