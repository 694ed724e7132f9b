"""The schedules of the platform, Asia/Tokyo: each follows a clock and asks for its job's own partition.

A tick's partition is computed when it ticks: yesterday for daily jobs, this month for monthly ones.
"""

from typing import Any

import dagster as dg

from intent_platform.automation.jobs import EVALUATION_JOB, SCORES_JOB, SESSIONS_JOB, TRAINING_JOB
from intent_platform.clocks import Clock, clocks_of
from intent_platform.settings import ScheduleSettings

#: By clock: the job that it starts, and what the UI says of its schedule.
_STARTS = {
    "sessions": (SESSIONS_JOB, "Yesterday's sessions."),
    "scores": (SCORES_JOB, "Yesterday's scores."),
    "training": (TRAINING_JOB, "This month's challenger."),
    "evaluation": (EVALUATION_JOB, "This month's evaluation, then the champion."),
}


def build_schedules(schedules: ScheduleSettings) -> list[Any]:  # Dagster does not export the type that it makes
    """All schedules; running from the start when the settings say so."""
    status = dg.DefaultScheduleStatus.RUNNING if schedules.running_by_default else dg.DefaultScheduleStatus.STOPPED
    return [_schedule(clock, status) for clock in clocks_of(schedules).values()]


def schedule_name(clock: Clock) -> str:
    """What the schedule of a clock is called."""
    return f"{clock.name}_schedule"


def _schedule(clock: Clock, status: dg.DefaultScheduleStatus) -> Any:
    job, description = _STARTS[clock.name]
    return dg.build_schedule_from_partitioned_job(
        job,
        name=schedule_name(clock),
        description=description,
        # For a partitioned job Dagster takes no cron string; a test compares the one that it makes with the clock's.
        hour_of_day=clock.hour,
        day_of_month=clock.day_of_month,
        default_status=status,
    )
