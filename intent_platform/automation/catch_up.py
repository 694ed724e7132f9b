"""The sensor that asks for what `gaps` finds, and for promotions that nobody carried out.

It needs no memory of its requests: a filled gap no longer exists, and Dagster knows the runs under way. The cursor
holds only the gaps that it gave up and announced, to announce each of them once.
"""

import json
from datetime import date

import dagster as dg

from intent_platform.automation import SENSOR_TIMEOUT_SECONDS
from intent_platform.automation.alerts import AlertNotDelivered, announce
from intent_platform.automation.gaps import GAP_TAG, Gap, GapFinder
from intent_platform.automation.jobs import EVALUATION_JOB, PROMOTION_JOB, SCORES_JOB, SESSIONS_JOB, TRAINING_JOB
from intent_platform.errors import WarehouseError
from intent_platform.partitions import first_kept_day, now
from intent_platform.pipeline.expiry import kept_from
from intent_platform.pipeline.promotion import pending_promotion
from intent_platform.platforms.champion import is_settled
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.ports import Platform
from intent_platform.platforms.versions import name_or_nobody
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.settings import Settings

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
_FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def define_catch_up_sensor(
    settings: Settings, source: Feed | ObservedTable, status: dg.DefaultSensorStatus
) -> dg.SensorDefinition:
    """The sensor for these settings."""
    days = settings.scoring.catch_up_days

    @dg.sensor(
        jobs=[SESSIONS_JOB, SCORES_JOB, TRAINING_JOB, EVALUATION_JOB, PROMOTION_JOB],
        default_status=status,
        minimum_interval_seconds=60,
        description=(
            f"Asks for days and months that missed their clock in the last {days} days, for days whose sessions or "
            "features changed, and for promotions that were decided and not carried out."
        ),
    )
    def catch_up_sensor(
        context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
    ) -> dg.SensorResult | dg.SkipReason:
        if not source.is_available():
            # Every run would fail until somebody fetches the file, and be given up before that.
            return dg.SkipReason(f"the feed {source.name} was not fetched yet: run make demo or make setup")
        announced: set[str] = set(json.loads(context.cursor)) if context.cursor else set()
        promotion = _pending_promotion(context.instance, platform)
        requests = [promotion] if promotion else []
        attempts = settings.scoring.catch_up_attempts
        gaps = _gaps(GapFinder(settings, source, context.instance, _kept_from(platform, source)), platform, attempts)
        for gap, failures in gaps.items():
            if failures < attempts and not _is_under_way(context.instance, gap.job):
                requests.append(gap.request(failures + 1))
        try:
            for gap, failures in gaps.items():
                if failures >= attempts and gap.identity not in announced:
                    announce(settings, context.log, _farewell(gap, failures, settings.deployment))
                    announced.add(gap.identity)
        except AlertNotDelivered as error:
            context.log.warning(str(error))  # the requests must not wait for the webhook
        # A gap that was filled or changed its cause leaves the cursor, so it is announced again if it ever returns.
        cursor = json.dumps(sorted(announced & {gap.identity for gap in gaps}))
        if requests:
            return dg.SensorResult(run_requests=requests, cursor=cursor)
        return dg.SensorResult(
            skip_reason=f"nothing of the last {days} days is missing or stale, or it is under way or given up",
            cursor=cursor,
        )

    return catch_up_sensor


def _gaps(finder: GapFinder, platform: Platform, attempts: int) -> dict[Gap, int]:
    """The gaps in the order of the pipeline, with the number of failed runs of each.

    A challenger or an evaluation made from incomplete days would be wrong for ever, so months wait until no day is
    missing. Days that were given up hold nothing back: one bad file must not stop training for good.
    """
    gaps = finder.sessions()
    if all(_failures(finder.instance, gap) >= attempts for gap in gaps):
        gaps += finder.months()
    scores = finder.scores()
    if scores and _has_champion(platform):  # before the first champion nobody can score
        gaps += scores
    return {gap: _failures(finder.instance, gap) for gap in gaps}


def _kept_from(platform: Platform, source: Feed | ObservedTable) -> date:
    """The first day whose raw sessions are kept; by the setting alone if the warehouse is busy or damaged."""
    try:
        with platform.warehouse.connect(timeout_seconds=SENSOR_TIMEOUT_SECONDS) as connection:
            return kept_from(connection, source.raw_days)
    except WarehouseError:
        return first_kept_day(source.raw_days)  # a run of a deleted day is refused and changes nothing


def _failures(instance: dg.DagsterInstance, gap: Gap) -> int:
    return instance.get_runs_count(dg.RunsFilter(tags={GAP_TAG: gap.identity}, statuses=_FAILED, job_name=gap.job))


def _farewell(gap: Gap, failures: int, deployment: str) -> str:
    return (
        f"{gap.job} of {gap.window} failed {failures} times ({deployment}) and is not asked for again: "
        "fix the cause and materialize these days"
    )


def _is_under_way(instance: dg.DagsterInstance, job: str) -> bool:
    """Whether a run of the job is unfinished: it may fill the gap, and a second one would only queue behind it."""
    return instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=_UNFINISHED)) > 0


def _pending_promotion(instance: dg.DagsterInstance, platform: Platform) -> dg.RunRequest | None:
    """A run for an evaluation that says promote and was not carried out, or for a killed move.

    The run key holds the date, so a failed run is asked for again on the next day. Carrying out a promotion twice
    changes nothing.
    """
    if any(_is_under_way(instance, job.name) for job in (EVALUATION_JOB, PROMOTION_JOB)):
        return None
    try:
        with platform.warehouse.connect(timeout_seconds=SENSOR_TIMEOUT_SECONDS) as connection:
            ledger = read_ledger(connection)
            pending = pending_promotion(connection, ledger, ledger.latest.to_version if ledger.latest else None)
        if pending is not None:
            reason = f"promotion of {pending.challenger} for {pending.month}"
        elif ledger.latest is not None and not is_settled(champion := platform.registry.champion(), ledger):
            reason = f"repair after a move to {name_or_nobody(champion)}"
        else:
            return None
    except WarehouseError:
        return None  # busy: the next tick asks again
    return dg.RunRequest(run_key=f"{reason} asked {now().date()}", job_name=PROMOTION_JOB.name)


def _has_champion(platform: Platform) -> bool:
    try:
        with platform.warehouse.connect(timeout_seconds=SENSOR_TIMEOUT_SECONDS) as connection:
            return read_ledger(connection).latest is not None
    except WarehouseError:
        return False  # busy: the next tick asks again
