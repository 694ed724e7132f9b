"""The clocks of the platform, Asia/Tokyo: each schedule is its partition's own.

A tick's partition is computed when it ticks: yesterday for daily jobs, this month for monthly ones.
"""

from typing import Any

import dagster as dg

from intent_platform.automation.jobs import EVALUATION_JOB, SCORES_JOB, SESSIONS_JOB, TRAINING_JOB
from intent_platform.settings.operation import ScheduleSettings


def build_schedules(clocks: ScheduleSettings) -> list[Any]:  # Dagster does not export the type that it makes
    """All schedules; running from the start when the settings say so."""
    status = dg.DefaultScheduleStatus.RUNNING if clocks.running_by_default else dg.DefaultScheduleStatus.STOPPED
    return [
        dg.build_schedule_from_partitioned_job(
            SESSIONS_JOB,
            name="sessions_schedule",
            description="Yesterday's sessions.",
            hour_of_day=clocks.sessions_hour,
            default_status=status,
        ),
        dg.build_schedule_from_partitioned_job(
            SCORES_JOB,
            name="scores_schedule",
            description="Yesterday's scores.",
            hour_of_day=clocks.scores_hour,
            default_status=status,
        ),
        dg.build_schedule_from_partitioned_job(
            TRAINING_JOB,
            name="training_schedule",
            description="This month's challenger.",
            day_of_month=clocks.training_day,
            hour_of_day=clocks.training_hour,
            default_status=status,
        ),
        dg.build_schedule_from_partitioned_job(
            EVALUATION_JOB,
            name="evaluation_schedule",
            description="This month's evaluation, then the champion.",
            day_of_month=clocks.evaluation_day,
            hour_of_day=clocks.evaluation_hour,
            default_status=status,
        ),
    ]
