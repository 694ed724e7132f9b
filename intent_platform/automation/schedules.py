"""The schedules, in Asia/Tokyo time. Each follows a clock and requests one partition of its job.

The partition follows from the time of the tick: yesterday for a daily job, the current month for a monthly job. The
job of the retention has no partitions.
"""

from typing import Any

import dagster as dg

from intent_platform.automation.jobs import EVALUATION_JOB, SCORES_JOB, SESSIONS_JOB, TRAINING_JOB
from intent_platform.automation.retention import RETENTION_JOB
from intent_platform.clocks import Clock, clocks_of
from intent_platform.partitions import TIMEZONE_NAME
from intent_platform.settings import Settings

#: For each clock, the job that it starts and the schedule's description in the UI.
_STARTS = {
    "sessions": (SESSIONS_JOB, "Load yesterday's sessions and compute their features."),
    "scores": (SCORES_JOB, "Score yesterday's sessions and measure the scores."),
    "training": (TRAINING_JOB, "Train this month's challenger."),
    "evaluation": (EVALUATION_JOB, "Evaluate this month's challenger, and promote it if the gate decides so."),
}


def build_schedules(settings: Settings) -> list[Any]:  # Dagster does not export the type
    """Return all schedules. With `schedules.running_by_default` they run from the start."""
    running = settings.schedules.running_by_default
    status = dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED
    return [_schedule(clock, status) for clock in clocks_of(settings).values()]


def schedule_name(clock: Clock) -> str:
    """Return the name of the schedule that follows a clock."""
    return f"{clock.name}_schedule"


def _schedule(clock: Clock, status: dg.DefaultScheduleStatus) -> Any:
    if clock.name == "retention":
        return dg.ScheduleDefinition(
            schedule_name(clock),
            job_name=RETENTION_JOB,
            description="Delete raw sessions that are older than retention.raw_days.",
            cron_schedule=clock.cron,
            execution_timezone=TIMEZONE_NAME,
            default_status=status,
        )
    job, description = _STARTS[clock.name]
    return dg.build_schedule_from_partitioned_job(
        job,
        name=schedule_name(clock),
        description=description,
        # Dagster builds the cron string of a partitioned job itself. A test compares it with that of the clock.
        hour_of_day=clock.hour,
        day_of_month=clock.day_of_month,
        default_status=status,
    )
