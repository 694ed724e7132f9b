"""The schedules, in Asia/Tokyo time. Each follows a clock and requests one partition of its job.

The partition follows from the time of the tick: yesterday for a daily job, the current month for a monthly job.
"""

from typing import Any

import dagster as dg

from intent_platform.automation.jobs import EVALUATION_JOB, SCORES_JOB, SESSIONS_JOB, TRAINING_JOB
from intent_platform.clocks import Clock, clocks_of
from intent_platform.settings.operation import ScheduleSettings

#: For each clock, the job that it starts and the schedule's description in the UI.
_STARTS = {
    "sessions": (SESSIONS_JOB, "Load yesterday's sessions and compute their features."),
    "scores": (SCORES_JOB, "Score yesterday's sessions and measure the scores."),
    "training": (TRAINING_JOB, "Train this month's challenger."),
    "evaluation": (EVALUATION_JOB, "Evaluate this month's challenger, and promote it if the gate decides so."),
}


def build_schedules(schedules: ScheduleSettings) -> list[Any]:  # Dagster does not export the type
    """Return all schedules. With `schedules.running_by_default` they run from the start."""
    status = dg.DefaultScheduleStatus.RUNNING if schedules.running_by_default else dg.DefaultScheduleStatus.STOPPED
    return [_schedule(clock, status) for clock in clocks_of(schedules).values()]


def schedule_name(clock: Clock) -> str:
    """Return the name of the schedule that follows a clock."""
    return f"{clock.name}_schedule"


def _schedule(clock: Clock, status: dg.DefaultScheduleStatus) -> Any:
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
