"""Nothing is missed: partitions that no schedule materialized, and days whose upstream or whose features changed since.

Level-triggered: it looks at what is there and asks for what is not, once, until it is there or has failed too often.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import dagster as dg

from intent_platform.assets.data_versions import outdated_days
from intent_platform.automation.alerts import announce
from intent_platform.automation.jobs import EVALUATION_JOB, PROMOTION_JOB, SCORES_JOB, SESSIONS_JOB, TRAINING_JOB
from intent_platform.errors import WarehouseError
from intent_platform.partitions import (
    TIMEZONE,
    Window,
    add_months,
    day_of,
    merged,
    month_window,
    now,
    trailing_window,
    training_window,
)
from intent_platform.pipeline.dataset import CODE_VERSION
from intent_platform.pipeline.promotion import pending_promotion
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.ports import Warehouse
from intent_platform.sessions.feed import open_feed
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
    """Consecutive days, or a month, that a job has to make; of its assets only those of `only` when they are named.

    `cause` tells it from an earlier gap over the same days.
    """

    job: str
    window: Window
    cause: int | str
    month: str | None = None
    only: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """What its runs are tagged with."""
        return f"{self.job} {self.window} {self.cause}"

    def request(self, attempt: int) -> dg.RunRequest:
        """One run over all its days."""
        key, tags = f"{self.identity} attempt {attempt}", {_TAG: self.identity}
        if self.month is None:
            return range_request(self.job, self.window, key, tags, self.only)
        return dg.RunRequest(run_key=key, job_name=self.job, tags={"dagster/partition": self.month, **tags})


def range_request(
    job: str, window: Window, run_key: str, tags: Mapping[str, str] | None = None, only: Sequence[str] = ()
) -> dg.RunRequest:
    """One run of a daily job over all days of `window`, of all its assets or `only` of some."""
    keys = window.keys
    days = {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]}
    return dg.RunRequest(
        run_key=run_key,
        job_name=job,
        tags={**days, **(tags or {})},
        asset_selection=[dg.AssetKey(asset) for asset in only] or None,
    )


def catch_up_sensor(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """The sensor; its cursor names the gaps that it gave up."""
    days = settings.scoring.catch_up_days

    @dg.sensor(
        name="catch_up_sensor",
        jobs=[SESSIONS_JOB, SCORES_JOB, TRAINING_JOB, EVALUATION_JOB, PROMOTION_JOB],
        default_status=status,
        minimum_interval_seconds=60,
        description=(
            f"Partitions whose clock was in the last {days} days and that no schedule materialized, and days whose "
            "sessions changed since: ask for them, sessions first. All days whose features an earlier SELECT made, and "
            "a promotion decided and not carried out, too."
        ),
    )
    def catch_up_sensor(
        context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.SensorResult | dg.SkipReason:
        if not open_feed(settings).is_available():
            return dg.SkipReason(f"the feed {settings.feed} was not fetched yet: make demo or make setup does")
        requests = []
        given_up: set[str] = set(json.loads(context.cursor)) if context.cursor else set()
        if promotion := _pending_promotion(context.instance, warehouse):
            requests.append(promotion)
        gaps = _sessions_gaps(settings, context.instance)
        if all(gap.identity in given_up for gap in gaps):  # months are made of days
            gaps += _months_gaps(settings, context.instance)
        gaps += _scores_gaps(settings, context.instance, warehouse)
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


def _pending_promotion(instance: dg.DagsterInstance, warehouse: Warehouse) -> dg.RunRequest | None:
    """An evaluation that says promote, and whose champion_alias did not run: asked for once a day, it is idempotent."""
    jobs = (EVALUATION_JOB.name, PROMOTION_JOB.name)
    if any(instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=_UNFINISHED)) for job in jobs):
        return None
    try:
        with warehouse.connect(timeout_seconds=SENSOR_TIMEOUT_SECONDS) as connection:
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


def _sessions_gaps(settings: Settings, instance: dg.DagsterInstance) -> list[Gap]:
    """Days that are due and not in `dataset`, whose `source` is newer than that, or that the feed has more of now.

    Days that another SELECT made are asked for of `dataset` alone: their sessions are loaded already. The columns of
    DATASET changed with the SELECT, and a table that was made anew is empty. So every such day counts, however old.
    Months wait for these gaps, since a challenger needs the columns over its whole training window.
    """
    source, dataset = _source_changes(settings, instance), _materialized(instance, "dataset")
    due = _due(settings, settings.schedules.sessions_hour)
    missing = {day for day in due if day not in dataset}
    late = {
        day for day, final in open_feed(settings).completion_days(due).items() if _loaded_before(instance, day, final)
    }
    behind = missing | late | _stale(dataset, source)
    outdated = {day for day in outdated_days(instance) - behind if day >= settings.first_day}
    rebuilds = [Gap(SESSIONS_JOB.name, days, CODE_VERSION, only=("dataset",)) for days in _ranges(outdated)]
    return _gaps(SESSIONS_JOB.name, behind, source) + rebuilds


def _loaded_before(instance: dg.DagsterInstance, day: date, final: date) -> bool:
    """Whether the sessions of `day` were loaded, and not since `final` began."""
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey("source"), asset_partitions=[day.isoformat()]), limit=1
    ).records
    loads = [record.asset_materialization for record in records if record.asset_materialization]
    return any(datetime.fromisoformat(str(load.metadata["loaded_at"].value)).date() < final for load in loads)


def _months_gaps(settings: Settings, instance: dg.DagsterInstance) -> list[Gap]:
    """Months whose challenger or evaluation is due, whose clock is within the look-back days, and that lack it."""
    clocks, today = settings.schedules, now().date()
    extent = open_feed(settings).extent()
    challenged, evaluated = (
        instance.get_materialized_partitions(dg.AssetKey(asset)) for asset in ("challenger_model", "evaluation")
    )
    gaps = []
    for month in (add_months(today, -1).isoformat(), add_months(today, 0).isoformat()):
        days = training_window(month, settings.training.months)
        has_days = days.end > settings.first_day and (extent is None or days.overlaps(extent))
        if has_days and month not in challenged and _ticked(settings, month, clocks.training_day, clocks.training_hour):
            gaps.append(Gap(TRAINING_JOB.name, month_window(month), 0, month))
        if (
            month in challenged
            and month not in evaluated
            and _ticked(settings, month, clocks.evaluation_day, clocks.evaluation_hour)
        ):
            gaps.append(Gap(EVALUATION_JOB.name, month_window(month), 0, month))
    return gaps


def _ticked(settings: Settings, month: str, day: int, hour: int) -> bool:
    """Whether a month's clock ticked an hour ago or earlier, within the look-back days."""
    tick = datetime.combine(day_of(month).replace(day=day), time(hour), TIMEZONE)
    return tick + _GRACE <= now() < tick + timedelta(days=settings.scoring.catch_up_days)


def _scores_gaps(settings: Settings, instance: dg.DagsterInstance, warehouse: Warehouse) -> list[Gap]:
    """Days that are due, in `dataset` and not scored, and scored days whose `dataset` is newer.

    Where the sessions of a day changed, its scores are wrong, and it is scored again however old it is. Where only its
    features were made again, the scores are what marketing read at the time. Then only due days are scored again.
    A day that waits for its features is not scored: DATASET may hold no row of it.
    """
    dataset, scores = _materialized(instance, "dataset"), _materialized(instance, "scores")
    source, due = _source_changes(settings, instance), _due(settings, settings.schedules.scores_hour)
    missing = {day for day in due if day in dataset and day not in scores}
    redone = {day for day in _stale(scores, dataset) if day in scores}
    stale = {day for day in redone if day in due or source.get(day, 0) > scores[day]}
    days = (missing | stale) - outdated_days(instance)
    if not days or not _has_champion(warehouse):
        return []
    return _gaps(SCORES_JOB.name, days, dataset)


def _stale(asset: _Materialized, upstream: _Materialized) -> set[date]:
    return {day for day, number in upstream.items() if asset.get(day, 0) < number}


def _gaps(job: str, days: Iterable[date], upstream: _Materialized) -> list[Gap]:
    return [Gap(job, window, max(upstream.get(day, 0) for day in window)) for window in _ranges(days)]


def _ranges(days: Iterable[date]) -> list[Window]:
    return merged(Window(day, day + timedelta(days=1)) for day in days)


def _due(settings: Settings, hour: int) -> Window:
    """The look-back days that the feed has and whose schedule (at `hour`, the day after) passed an hour ago."""
    last_due = (now() - timedelta(hours=hour) - _GRACE).date() - timedelta(days=1)
    window = trailing_window(last_due, settings.scoring.catch_up_days)
    window = window.intersection(Window(settings.first_day, max(settings.first_day, window.end)))
    extent = open_feed(settings).extent()
    return window if extent is None else window.intersection(extent)


def _source_changes(settings: Settings, instance: dg.DagsterInstance) -> _Materialized:
    """An observed `source` is never materialized: for it, the event is that a change was seen."""
    changed = dg.DagsterEventType.ASSET_OBSERVATION if settings.feed == "table" else _MATERIALIZED
    return _materialized(instance, "source", changed)


def _materialized(
    instance: dg.DagsterInstance, asset: str, event: dg.DagsterEventType = _MATERIALIZED
) -> _Materialized:
    numbers = instance.get_latest_storage_id_by_partition(dg.AssetKey(asset), event)
    return {day_of(key): number for key, number in numbers.items()}


def _has_champion(warehouse: Warehouse) -> bool:
    try:
        with warehouse.connect(timeout_seconds=SENSOR_TIMEOUT_SECONDS) as connection:
            return read_ledger(connection).latest is not None
    except WarehouseError:
        return False  # busy: the next tick asks again
