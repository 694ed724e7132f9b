"""Sensors: facts outside Dagster's schedules that ask for runs, and the alert for failed ones.

Each says in its docstring whether it is edge- or level-triggered. None of them writes anything.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from hashlib import sha256
from urllib.request import Request, urlopen

import dagster as dg

from intent_platform.automation.jobs import SCORES_JOB, SESSIONS_JOB
from intent_platform.errors import WarehouseError
from intent_platform.partitions import Window, day_of, now, trailing_window
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.ports import Warehouse
from intent_platform.sessions.feed import open_feed
from intent_platform.sessions.landing import LandingFeed
from intent_platform.settings import Settings

_PATIENCE_SECONDS = 2.0
_GRACE = timedelta(hours=1)
_WEBHOOK_TIMEOUT_SECONDS = 10
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def build_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """All sensors; running from the start when the settings say so."""
    running = settings.schedules.running_by_default
    status = dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED
    return [
        _landing_sensor(settings, status),
        _champion_sensor(settings, status),
        _catch_up_sensor(settings, status),
        _failure_sensor(settings, status),
    ]


def range_request(job: str, window: Window, run_key: str) -> dg.RunRequest:
    """One run of a daily job over all days of `window`."""
    keys = window.keys
    return dg.RunRequest(
        run_key=run_key,
        job_name=job,
        tags={"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]},
    )


def _landing_sensor(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
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
        feed = open_feed(settings)
        if not isinstance(feed, LandingFeed):
            return dg.SkipReason(f"the feed is {feed.name}, not landing")
        today = now().date()
        yesterday = Window(today - timedelta(days=1), today)
        # A file without readable days is taken by any load: yesterday's says what is wrong with it.
        files = [(file, file.span or yesterday) for file in feed.pending()]
        ready = [(file, span) for file, span in files if span.end <= today]
        if not ready:
            return dg.SkipReason(f"no file with days that are over waits in {settings.landing_folder}")
        requests = []
        for window in merged(span for _, span in ready):
            names = sorted(f"{f.name}:{f.size}:{f.mtime_ns}" for f, span in ready if span.overlaps(window))
            digest = sha256("\n".join(names).encode()).hexdigest()[:16]
            requests.append(range_request(SESSIONS_JOB.name, window, f"landing-{digest}-asked-{today}"))
        return dg.SensorResult(run_requests=requests)

    return landing_sensor


def merged(windows: Iterable[Window]) -> list[Window]:
    """The fewest windows that cover the same days, in order; adjoining ones become one."""
    result: list[Window] = []
    for window in sorted(windows):
        if result and window.start <= result[-1].end:
            result[-1] = Window(result[-1].start, max(result[-1].end, window.end))
        else:
            result.append(window)
    return result


def _champion_sensor(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    days = settings.scoring.rescore_days

    @dg.sensor(
        name="champion_sensor",
        jobs=[SCORES_JOB],
        default_status=status,
        minimum_interval_seconds=15,
        description=f"The champion changed: score the last {days} scored days again.",
    )
    def champion_sensor(
        context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.SensorResult | dg.SkipReason:
        """Edge-triggered by the ledger; the cursor is the number of the last move seen."""
        try:
            with warehouse.session(patience=_PATIENCE_SECONDS) as session:
                latest = read_ledger(session).latest
                newest: date | None = session.fetch("SELECT MAX(SESSION_DATE) AS DAY FROM SCORES")["DAY"][0].as_py()
        except WarehouseError as error:
            return dg.SkipReason(str(error))
        seen = int(context.cursor or 0)
        if latest is None or latest.number <= seen:
            return dg.SkipReason(f"no move of the champion after number {seen}")
        if newest is None:
            return dg.SensorResult(cursor=str(latest.number), skip_reason="nothing was scored yet")
        window = trailing_window(newest, days)
        window = Window(max(window.start, settings.first_day), window.end)
        request = range_request(SCORES_JOB.name, window, f"champion-move-{latest.number}")
        return dg.SensorResult(run_requests=[request], cursor=str(latest.number))

    return champion_sensor


def _catch_up_sensor(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    days = settings.scoring.catch_up_days

    @dg.sensor(
        name="catch_up_sensor",
        jobs=[SESSIONS_JOB, SCORES_JOB],
        default_status=status,
        minimum_interval_seconds=300,
        description=f"Days of the last {days} that no schedule materialized: ask for them, sessions before scores.",
    )
    def catch_up_sensor(
        context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.SensorResult | dg.SkipReason:
        """Level-triggered by missing partitions; the run key holds the day, so a gap is asked for once a day."""
        if not open_feed(settings).is_at_hand():
            return dg.SkipReason(f"the feed {settings.feed} was not fetched yet: make demo or make setup does")
        clocks = settings.schedules
        sessions = _overdue(settings, clocks.sessions_hour)
        scores = _overdue(settings, clocks.scores_hour)
        loaded = _materialized(context.instance, "dataset")
        missing_sessions = [day for day in sessions if day not in loaded]
        scored = _materialized(context.instance, "scores")
        missing_scores = [day for day in scores if day in loaded and day not in scored]
        requests = [
            *_catch_up_requests(context.instance, SESSIONS_JOB.name, missing_sessions),
            *(
                _catch_up_requests(context.instance, SCORES_JOB.name, missing_scores)
                if _has_champion(warehouse)
                else ()
            ),
        ]
        if not requests:
            return dg.SkipReason(f"no day of the last {days} is missing, or its run is under way")
        return dg.SensorResult(run_requests=requests)

    return catch_up_sensor


def _overdue(settings: Settings, hour: int) -> Window:
    """The look-back days that the feed has and whose schedule (at `hour`, the day after) passed an hour ago."""
    last_due = (now() - timedelta(hours=hour) - _GRACE).date() - timedelta(days=1)
    window = trailing_window(last_due, settings.scoring.catch_up_days)
    window = window.intersection(Window(settings.first_day, max(settings.first_day, window.end)))
    extent = open_feed(settings).extent()
    return window if extent is None else window.intersection(extent)


def _materialized(instance: dg.DagsterInstance, asset: str) -> set[date]:
    return {day_of(key) for key in instance.get_materialized_partitions(dg.AssetKey(asset))}


def _has_champion(warehouse: Warehouse) -> bool:
    try:
        with warehouse.session(patience=_PATIENCE_SECONDS) as session:
            return read_ledger(session).latest is not None
    except WarehouseError:
        return False  # busy: the next tick asks again


def _catch_up_requests(instance: dg.DagsterInstance, job: str, missing: Sequence[date]) -> list[dg.RunRequest]:
    if not missing or instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=_UNFINISHED)):
        return []
    gaps = merged(Window(day, day + timedelta(days=1)) for day in missing)
    return [range_request(job, gap, f"catch-up-{job}-{gap.start}-{gap.end}-asked-{now().date()}") for gap in gaps]


def _failure_sensor(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        name="failure_sensor",
        default_status=status,
        description="A run failed: say so in the log, and to the webhook if one is configured.",
    )
    def failure_sensor(context: dg.RunFailureSensorContext) -> None:
        """Edge-triggered by run failures. A webhook that does not answer fails the tick, so that it is seen."""
        run = context.dagster_run
        text = f"{run.job_name} failed (run {run.run_id}, {settings.deployment}): {failure_sentence(context)}"
        context.log.error(text)
        if settings.alerts.webhook_url:
            body = json.dumps({"text": text}).encode()
            request = Request(  # noqa: S310  the address is the operator's own
                settings.alerts.webhook_url, data=body, headers={"Content-Type": "application/json"}
            )
            with urlopen(request, timeout=_WEBHOOK_TIMEOUT_SECONDS):  # noqa: S310
                pass

    return failure_sensor


def failure_sentence(context: dg.RunFailureSensorContext) -> str:
    """The innermost error of the failed step: the sentence written for the reader who has to act."""
    for event in context.get_step_failure_events():
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            return error.message.strip()
    return context.failure_event.message or "no message"
