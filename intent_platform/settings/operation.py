"""Settings of daily operation: repeated scoring and catch-up, monitoring, retention, clocks and alerts."""

from typing import Annotated

from pydantic import Field, HttpUrl, Secret

from intent_platform.settings.types import (
    Days,
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
    """How far back days are scored again, and how far back missing work is caught up."""

    rescore_days: Days = Field(
        31, description="Number of days that are scored again after the champion changed, up to the newest scored day."
    )
    catch_up_days: Days = Field(
        14, description="How many days back catch-up looks for missing days, challengers and evaluations."
    )
    catch_up_attempts: Positive = Field(
        3, description="After this many failed runs of the same days, catch-up gives up and sends an alert."
    )


class MonitoringSettings(Section):
    """When a measure of the live scores or of the sessions is flagged."""

    days: Days = Field(7, description="Days that are measured together: a day and the days before it.")
    minimum_purchases: Positive = Field(
        20, description="With fewer purchases in these days, the scores are not judged."
    )
    confidence: Probability = Field(
        0.99,
        description="Confidence of the intervals in this section.",
    )
    resamples: Resamples = Field(1000, description="Number of bootstrap resamples.")
    seed: int = Field(0, description="Seed of the resamples.")
    roc_auc_margin: Margin = Field(
        0.05,
        description="A ROC-AUC is flagged if its whole interval is below the out-of-fold ROC-AUC minus this margin.",
    )
    calibration_factor: Factor = Field(
        1.5,
        description="Purchases are flagged if the interval is above expected × factor, or below expected / factor.",
    )
    drift_limit: Annotated[float, Field(gt=0)] = Field(
        0.25, description="A feature is flagged if its population stability index is above this limit."
    )
    rejected_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.05, description="A load is flagged if a larger share of its rows was rejected."
    )
    volume_days: Annotated[int, Field(ge=7, le=3_660)] = Field(
        28, description="The number of sessions of a day is compared with the median of this many earlier days."
    )
    volume_factor: Factor = Field(
        3.0, description="A day is flagged if its sessions are above median × factor, or below median / factor."
    )


class RetentionSettings(Section):
    """How long raw sessions are kept: the tables `SOURCE` and `SOURCE_REJECTED`, and the accepted files."""

    raw_days: Days | None = Field(
        None,
        description="Raw sessions of a day are deleted after this many days, every day. "
        "Features, scores, evaluations and versions stay. `null` keeps raw sessions for ever.",
    )


class ScheduleSettings(Section):
    """The clocks: hours of the day and days of the month, Asia/Tokyo."""

    retention_hour: Hour = Field(
        4, description="Hour of the deletion of old raw sessions, if `retention.raw_days` is set."
    )
    sessions_hour: Hour = Field(5, description="Hour of the run of `source` and `dataset` for yesterday.")
    scores_hour: Hour = Field(8, description="Hour of the run of `scores` for yesterday.")
    training_day: MonthDay = Field(1, description="Day of the month of the training of a challenger.")
    training_hour: Hour = Field(10, description="Hour of the training.")
    evaluation_day: MonthDay = Field(15, description="Day of the month of the evaluation, after the test window.")
    evaluation_hour: Hour = Field(10, description="Hour of the evaluation. The promotion follows it.")
    running_by_default: bool = Field(
        True, description="If false, schedules and sensors are off until somebody switches them on in the UI."
    )


class AlertSettings(Section):
    """Where alerts go besides the log."""

    webhook_url: Secret[HttpUrl] | None = Field(
        None,
        repr=False,
        description='Receives `{"text": …}` when a run fails or a check finds an error. `null` means the log only.',
    )
