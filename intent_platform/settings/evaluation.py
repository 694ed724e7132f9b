"""Settings of the evaluation: its test window, and the gate that decides on promotions."""

from typing import Annotated, Literal

from pydantic import Field

from intent_platform.settings.types import Count, Entries, Margin, Positive, Probability, Resamples, Section


class EvaluationSettings(Section):
    """The test window of an evaluation."""

    days: Positive = Field(
        14, description="Days of the test window, which begins on the first day of the partition's month."
    )


class GateSettings(Section):
    """The rules by which a challenger replaces the champion; docs/gate.md measures how often they are right."""

    policy: Literal["evidence", "greater"] = Field(
        "evidence",
        description="`evidence` decides by a paired bootstrap with guardrails. "
        "`greater` promotes the model with the higher PR-AUC.",
    )
    resamples: Resamples = Field(2000, description="Number of bootstrap resamples.")
    confidence: Probability = Field(
        0.90,
        description="Confidence of the two-sided interval. At 0.90, an equal model passes as better 1 time in 20.",
    )
    seed: int = Field(0, description="Seed of the resamples.")
    minimum_purchases: Positive = Field(
        10, description="With fewer purchases in its test sessions, an evaluation does not decide."
    )
    pool_below_purchases: Count = Field(
        100,
        description="If the test window has fewer purchases, earlier months are added to it. "
        "They are months that neither model was trained on.",
    )
    pool_months: Count = Field(
        12, le=120, description="How many months back the evaluation looks for such months. 0 adds none."
    )
    cluster_days: Annotated[int, Field(ge=2)] = Field(
        7,
        description="With this many test days or more, whole days are resampled, because sessions of a day are alike.",
    )
    fresher_margin: Margin | None = Field(
        0.02,
        description="A challenger trained on later days need not be better than the champion. "
        "The interval of its PR-AUC difference must lie above minus this margin. `null` removes the rule.",
    )
    guardrail_margins: Entries[Literal["roc_auc", "brier", "log_loss", "calibration_error"], Margin] = Field(
        {"roc_auc": 0.04, "brier": 0.015, "log_loss": 0.05, "calibration_error": 0.06},
        description="The interval of each metric must show that the challenger is worse by at most this margin. "
        "`null` removes a guardrail.",
    )
    slice_margin: Margin = Field(0.10, description="The same margin for PR-AUC within each `VISITORTYPE`.")
    slice_minimum_purchases: Positive = Field(40, description="A `VISITORTYPE` with fewer purchases is not judged.")
