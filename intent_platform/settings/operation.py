"""Sections of daily operation: repair of scores, monitoring, clocks and alerts."""

from typing import Annotated

from pydantic import Field

from intent_platform.settings.types import (
    Factor,
    Hour,
    Margin,
    MonthDay,
    Positive,
    Probability,
    Resamples,
    Section,
)


class ScoringSettings(Section):
    """How far back scores are repaired."""

    rescore_days: Positive = Field(
        31, description="Days that are scored again after the champion changed, back from the newest scored day."
    )
    catch_up_days: Positive = Field(
        14, description="How many days back missing days, challengers and evaluations are looked for."
    )
    catch_up_attempts: Positive = Field(
        3, description="Failed runs of the same missing days after which they are given up and an alert is sent."
    )


class MonitoringSettings(Section):
    """When measures of live scores and sessions are flagged."""

    days: Positive = Field(7, description="Days that are measured together: a day and those before it.")
    minimum_purchases: Positive = Field(20, description="Days with fewer purchases say nothing about the scores.")
    confidence: Probability = Field(0.99, description="Confidence of the interval that raises a flag.")
    resamples: Resamples = Field(1000, description="Number of bootstrap resamples.")
    seed: int = Field(0, description="Seed of the resamples.")
    roc_auc_margin: Margin = Field(
        0.05, description="A ROC-AUC surely further than this below the version's out-of-fold ROC-AUC is flagged."
    )
    calibration_factor: Factor = Field(
        1.5, description="Purchases surely above expected × factor, or below expected / factor, are flagged."
    )
    drift_limit: Annotated[float, Field(gt=0)] = Field(
        0.25, description="A feature is flagged when its population stability index is above this limit."
    )
    rejected_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.05, description="A load is flagged when a larger share of its rows was rejected."
    )
    volume_days: Annotated[int, Field(ge=7)] = Field(
        28, description="The sessions of a day are compared with the median of this many days before it."
    )
    volume_factor: Factor = Field(
        3.0, description="Sessions above median × factor, or below median / factor, are flagged."
    )


class ScheduleSettings(Section):
    """The clocks: hours of the day and days of the month, Asia/Tokyo."""

    sessions_hour: Hour = Field(5, description="Hour at which `source` and `dataset` of yesterday are made.")
    scores_hour: Hour = Field(8, description="Hour at which the scores of yesterday are made.")
    training_day: MonthDay = Field(1, description="Day of the month on which a challenger is trained.")
    training_hour: Hour = Field(10, description="Hour at which the challenger is trained.")
    evaluation_day: MonthDay = Field(15, description="Day of the month of the evaluation, after the test window.")
    evaluation_hour: Hour = Field(10, description="Hour of the evaluation, which the promotion follows.")
    running_by_default: bool = Field(
        True, description="If false, schedules and sensors stay off until somebody switches them on in the UI."
    )


class AlertSettings(Section):
    """Where alerts go besides the log."""

    webhook_url: str | None = Field(
        None,
        repr=False,
        description='Receives `{"text": …}` when a run fails or a check finds an error. `null` means the log only.',
    )
