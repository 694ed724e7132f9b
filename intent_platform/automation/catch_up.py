"""Nothing is missed: partitions that no schedule materialized, and days whose upstream changed since.

Level-triggered: it looks at what is there and asks for what is not, once, until it is there or has failed too often.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import dagster as dg

from intent_platform.automation.alerts import announce
from intent_platform.automation.jobs import EVALUATION_JOB, PROMOTION_JOB, SCORES_JOB, SESSIONS_JOB, TRAINING_JOB
from intent_platform.clocks import Clock, clocks_of
from intent_platform.errors import WarehouseError
from intent_platform.partitions import (
    PARTITION,
    Window,
    add_months,
    day_of,
    merged,
    month_window,
    now,
    range_tags,
    trailing_window,
    training_window,
)
from intent_platform.pipeline.promotion import pending_promotion
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.ports import Platform
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.settings import Settings

#: How long a sensor waits for a warehouse that a run holds: the next tick comes soon.
SENSOR_TIMEOUT_SECONDS = 2.0
_GRACE = timedelta(hours=1)
_TAG = "intent_platform/catch_up"
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
_FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_MATERIALIZED = dg.DagsterEventType.ASSET_MATERIALIZATION

#: For each day the number of the event that materialized it last: later events have higher numbers.
_Materialized = Mapping[date, int]


@dataclass(frozen=True)
class Gap:
    """Consecutive days, or a month, that a job has to make. `cause` tells it from an earlier gap over the same days."""

    job: str
    window: Window
    cause: int
    month: str | None = None

    @property
    def identity(self) -> str:
        """What its runs are tagged with."""
        return f"{self.job} {self.window} {self.cause}"

    def request(self, attempt: int) -> dg.RunRequest:
        """One run over all its days."""
        key, tags = f"{self.identity} attempt {attempt}", {_TAG: self.identity}
        if self.month is None:
            return range_request(self.job, self.window, key, tags)
        return dg.RunRequest(run_key=key, job_name=self.job, tags={PARTITION: self.month, **tags})


def range_request(job: str, window: Window, run_key: str, tags: Mapping[str, str] | None = None) -> dg.RunRequest:
    """One run of a daily job over all days of `window`."""
    return dg.RunRequest(run_key=run_key, job_name=job, tags={**range_tags(window), **(tags or {})})


def catch_up_sensor(
    settings: Settings, source: Feed | ObservedTable, status: dg.DefaultSensorStatus
) -> dg.SensorDefinition:
    """The sensor; its cursor names the gaps that it gave up."""
    days = settings.scoring.catch_up_days

    @dg.sensor(
        name="catch_up_sensor",
        jobs=[SESSIONS_JOB, SCORES_JOB, TRAINING_JOB, EVALUATION_JOB, PROMOTION_JOB],
        default_status=status,
        minimum_interval_seconds=60,
        description=(
            f"Partitions whose clock was in the last {days} days and that no schedule materialized, and days whose "
            "sessions changed since: ask for them, sessions first. A promotion decided and not carried out, too."
        ),
    )
    def catch_up_sensor(
        context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
    ) -> dg.SensorResult | dg.SkipReason:
        if not source.is_available():
            return dg.SkipReason(f"the feed {settings.feed} was not fetched yet: make demo or make setup does")
        requests = []
        given_up: set[str] = set(json.loads(context.cursor)) if context.cursor else set()
        if promotion := _pending_promotion(context.instance, platform):
            requests.append(promotion)
        gaps = _sessions_gaps(settings, source, context.instance)
        if all(gap.identity in given_up for gap in gaps):  # months are made of days
            gaps += _months_gaps(settings, source, context.instance)
        gaps += _scores_gaps(settings, source, context.instance, platform)
        standing = {gap.identity for gap in gaps}
        for gap in gaps:
            attempts = context.instance.get_runs_count(
                dg.RunsFilter(tags={_TAG: gap.identity}, statuses=_FAILED, job_name=gap.job)
            )
            if attempts < settings.scoring.catch_up_attempts:
                if not context.instance.get_runs_count(dg.RunsFilter(job_name=gap.job, statuses=_UNFINISHED)):
                    requests.append(gap.request(attempts + 1))
            elif gap.identity not in given_up:
                announce(
                    settings,
                    context.log,
                    f"{gap.job} of {gap.window} failed {attempts} times ({settings.deployment}) and is not asked for "
                    "again: mend the cause and materialize these days",
                )
                given_up.add(gap.identity)
        cursor = json.dumps(sorted(given_up & standing))
        if requests:
            return dg.SensorResult(run_requests=requests, cursor=cursor)
        return dg.SensorResult(
            skip_reason=f"nothing of the last {days} days is missing or stale, or its run is under way, or given up",
            cursor=cursor,
        )

    return catch_up_sensor


def _pending_promotion(instance: dg.DagsterInstance, platform: Platform) -> dg.RunRequest | None:
    """An evaluation that says promote, and whose champion_alias did not run: asked for once a day, it is idempotent."""
    jobs = (EVALUATION_JOB.name, PROMOTION_JOB.name)
    if any(instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=_UNFINISHED)) for job in jobs):
        return None
    try:
        with platform.warehouse.connect(timeout_seconds=SENSOR_TIMEOUT_SECONDS) as connection:
            ledger = read_ledger(connection)
            pending = pending_promotion(connection, ledger, ledger.latest.to_version if ledger.latest else None)
    except WarehouseError:
        return None  # busy: the next tick asks again
    if pending is None:
        return None
    return dg.RunRequest(
        run_key=f"promotion of {pending.challenger} for {pending.month} asked {now().date()}",
        job_name=PROMOTION_JOB.name,
    )


def _sessions_gaps(settings: Settings, source: Feed | ObservedTable, instance: dg.DagsterInstance) -> list[Gap]:
    """Days that are due and not in `dataset`, whose `source` is newer than that, or that the feed has more of now."""
    changed = dg.DagsterEventType.ASSET_OBSERVATION if isinstance(source, ObservedTable) else _MATERIALIZED
    loaded, dataset = _materialized(instance, "source", changed), _materialized(instance, "dataset")
    due = _due(settings, source, clocks_of(settings.schedules)["sessions"])
    missing = {day for day in due if day not in dataset}
    late = {day for day, final in source.completion_days(due).items() if _loaded_before(instance, day, final)}
    return _gaps(SESSIONS_JOB.name, missing | late | _stale(dataset, loaded), loaded)


def _loaded_before(instance: dg.DagsterInstance, day: date, final: date) -> bool:
    """Whether the sessions of `day` were loaded, and not since `final` began."""
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey("source"), asset_partitions=[day.isoformat()]), limit=1
    ).records
    loads = [record.asset_materialization for record in records if record.asset_materialization]
    return any(datetime.fromisoformat(str(load.metadata["loaded_at"].value)).date() < final for load in loads)


def _months_gaps(settings: Settings, source: Feed | ObservedTable, instance: dg.DagsterInstance) -> list[Gap]:
    """Months whose challenger or evaluation is due, whose clock is within the look-back days, and that lack it."""
    clocks, today = clocks_of(settings.schedules), now().date()
    extent = source.extent()
    challenged, evaluated = (
        instance.get_materialized_partitions(dg.AssetKey(asset)) for asset in ("challenger_model", "evaluation")
    )
    gaps = []
    for month in (add_months(today, -1).isoformat(), add_months(today, 0).isoformat()):
        days = training_window(month, settings.training.months)
        has_days = days.end > settings.first_day and (extent is None or days.overlaps(extent))
        if has_days and month not in challenged and _ticked(settings, month, clocks["training"]):
            gaps.append(Gap(TRAINING_JOB.name, month_window(month), 0, month))
        if month in challenged and month not in evaluated and _ticked(settings, month, clocks["evaluation"]):
            gaps.append(Gap(EVALUATION_JOB.name, month_window(month), 0, month))
    return gaps


def _ticked(settings: Settings, month: str, clock: Clock) -> bool:
    """Whether the clock ticked in the month, an hour ago or earlier, within the look-back days."""
    look_back = timedelta(days=settings.scoring.catch_up_days)
    return any(tick + _GRACE <= now() < tick + look_back for tick in clock.ticks_in(month_window(month)))


def _scores_gaps(
    settings: Settings, source: Feed | ObservedTable, instance: dg.DagsterInstance, platform: Platform
) -> list[Gap]:
    """Days that are due, in `dataset` and not scored, and scored days whose `dataset` is newer: late sessions."""
    dataset, scores = _materialized(instance, "dataset"), _materialized(instance, "scores")
    due = _due(settings, source, clocks_of(settings.schedules)["scores"])
    missing = {day for day in due if day in dataset and day not in scores}
    stale = {day for day in _stale(scores, dataset) if day in scores}
    if not missing | stale or not _has_champion(platform):
        return []
    return _gaps(SCORES_JOB.name, missing | stale, dataset)


def _stale(asset: _Materialized, upstream: _Materialized) -> set[date]:
    return {day for day, number in upstream.items() if asset.get(day, 0) < number}


def _gaps(job: str, days: Iterable[date], upstream: _Materialized) -> list[Gap]:
    windows = merged(Window(day, day + timedelta(days=1)) for day in days)
    return [Gap(job, window, max(upstream.get(day, 0) for day in window)) for window in windows]


def _due(settings: Settings, source: Feed | ObservedTable, clock: Clock) -> Window:
    """The look-back days that the source has and whose daily clock, on the day after, ticked an hour ago or earlier."""
    last_due = (now() - timedelta(hours=clock.hour) - _GRACE).date() - timedelta(days=1)
    window = trailing_window(last_due, settings.scoring.catch_up_days)
    window = window.intersection(Window(settings.first_day, max(settings.first_day, window.end)))
    extent = source.extent()
    return window if extent is None else window.intersection(extent)


def _materialized(
    instance: dg.DagsterInstance, asset: str, event: dg.DagsterEventType = _MATERIALIZED
) -> _Materialized:
    """An observed `source` is never materialized: for it, `event` is that a change was seen."""
    numbers = instance.get_latest_storage_id_by_partition(dg.AssetKey(asset), event)
    return {day_of(key): number for key, number in numbers.items()}


def _has_champion(platform: Platform) -> bool:
    try:
        with platform.warehouse.connect(timeout_seconds=SENSOR_TIMEOUT_SECONDS) as connection:
            return read_ledger(connection).latest is not None
    except WarehouseError:
        return False  # busy: the next tick asks again
