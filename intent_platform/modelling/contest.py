"""What a decision rests on: the facts of a challenge (`Contest`) and all that is measured from them (`Comparison`).

No judgement here: the rules are in `promotion`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from intent_platform.modelling.bootstrap import Interval, chance_pr_auc, pr_auc_difference
from intent_platform.modelling.metrics import Labels, Metrics, Scores, measure
from intent_platform.partitions import Window
from intent_platform.settings import GateSettings

GuardrailMetric = Literal["roc_auc", "brier", "log_loss", "calibration_error"]

_HIGHER_IS_BETTER = frozenset({"roc_auc"})


@dataclass(frozen=True)
class Contest:
    """A challenger and the champion (or none) on the same rows of a test window.

    `labels` (0 or 1), both scores (probabilities) and `slices` (VISITORTYPE) have shape (rows,), in one order.
    Windows are half-open, Asia/Tokyo. `out_of_fold` are the challenger's metrics from its training: a first
    champion is taken on their strength when the test window has too little evidence. The champion's name,
    scores and training window are None together.

    Raises:
        ValueError: shapes differ, scores are no probabilities, or a champion is described in part.
    """

    challenger: str
    champion: str | None
    test_window: Window
    labels: Labels
    challenger_scores: Scores
    champion_scores: Scores | None
    slices: npt.NDArray[np.generic]
    challenger_training_window: Window
    champion_training_window: Window | None
    out_of_fold: Metrics
    quarantine: str | None = None

    def __post_init__(self) -> None:
        described = [self.champion, self.champion_scores, self.champion_training_window]
        if any(part is None for part in described) and any(part is not None for part in described):
            raise ValueError("a champion needs its name, its scores and its training window, or none of them")
        for scores in (self.challenger_scores, self.champion_scores):
            if scores is None:
                continue
            if not len(scores) == len(self.labels) == len(self.slices):
                raise ValueError("labels, scores and slices must have one entry for each row")
            if not np.all((scores >= 0) & (scores <= 1)):  # false for NaN too
                raise ValueError("scores must be probabilities")


@dataclass(frozen=True)
class Guardrail:
    """A metric in which the challenger may be worse by `margin` at most. `worse_by` is negative when it is better."""

    metric: GuardrailMetric
    challenger: float
    champion: float
    worse_by: float
    margin: float

    @property
    def holds(self) -> bool:
        """Whether the challenger is within the margin."""
        return self.worse_by <= self.margin


@dataclass(frozen=True)
class Slice:
    """PR-AUC of both within one VISITORTYPE. `worse_by` is negative when the challenger is better."""

    name: str
    sessions: int
    positives: int
    challenger: float
    champion: float
    worse_by: float
    margin: float

    @property
    def holds(self) -> bool:
        """Whether the challenger is within the margin."""
        return self.worse_by <= self.margin


@dataclass(frozen=True)
class Comparison:
    """A contest under a policy, measured. Nothing is computed before a rule or a reader asks."""

    contest: Contest
    policy: GateSettings

    @cached_property
    def challenger(self) -> Metrics:
        """Of the challenger on the test window."""
        return measure(self.contest.labels, self.contest.challenger_scores)

    @cached_property
    def champion(self) -> Metrics | None:
        """Of the champion on the test window; None when there is no champion."""
        scores = self.contest.champion_scores
        return None if scores is None else measure(self.contest.labels, scores)

    @property
    def has_both_classes(self) -> bool:
        """Whether the window has purchases and others, without which PR-AUC says nothing."""
        return 0 < self.challenger.positives < self.challenger.sessions

    @property
    def has_evidence(self) -> bool:
        """Whether the window has both classes and as many purchases as the policy asks for."""
        return self.has_both_classes and self.challenger.positives >= self.policy.minimum_positives

    @cached_property
    def difference(self) -> Interval | None:
        """Challenger's PR-AUC minus the champion's, by paired bootstrap; None without a champion or PR-AUC."""
        if self.contest.champion_scores is None or not self.has_both_classes:
            return None
        return pr_auc_difference(
            self.contest.labels,
            self.contest.challenger_scores,
            self.contest.champion_scores,
            resamples=self.policy.resamples,
            confidence=self.policy.confidence,
            seed=self.policy.seed,
        )

    @cached_property
    def chance(self) -> float | None:
        """The PR-AUC that a first champion must exceed to have skill; None with a champion, or without PR-AUC.

        As sure as "superior" is: the level is that of the upper end of the policy's two-sided interval.
        """
        if self.contest.champion is not None or not self.has_both_classes:
            return None
        return chance_pr_auc(
            self.contest.labels,
            self.contest.challenger_scores,
            resamples=self.policy.resamples,
            level=(1 + self.policy.confidence) / 2,
            seed=self.policy.seed,
        )

    @cached_property
    def guardrails(self) -> tuple[Guardrail, ...]:
        """One for each margin of the policy that the window defines; empty without a champion.

        Judged by the difference itself, not by an interval. The rules already demand that the primary metric be
        shown not to be worse; a guardrail is there to stop plain harm that PR-AUC is blind to, such as a lost
        calibration. To demand evidence in four more metrics would, with the few dozen purchases of a window,
        turn away most challengers that are as good; to demand evidence of harm would let plain harm pass.
        """
        return tuple(self._guardrails())

    def _guardrails(self) -> Iterator[Guardrail]:
        if self.champion is None:
            return
        for metric, margin in self.policy.guardrail_margins.items():
            challenger: float | None = getattr(self.challenger, metric)
            champion: float | None = getattr(self.champion, metric)
            if challenger is not None and champion is not None:
                worse_by = champion - challenger if metric in _HIGHER_IS_BETTER else challenger - champion
                yield Guardrail(metric, challenger, champion, worse_by, margin)

    @cached_property
    def slices(self) -> tuple[Slice, ...]:
        """One for each VISITORTYPE with enough purchases, and others; empty without a champion."""
        return tuple(self._slices())

    def _slices(self) -> Iterator[Slice]:
        contest = self.contest
        if contest.champion_scores is None:
            return
        for name in np.unique(contest.slices):
            members = contest.slices == name
            challenger = measure(contest.labels[members], contest.challenger_scores[members])
            champion = measure(contest.labels[members], contest.champion_scores[members])
            if challenger.positives < self.policy.slice_minimum_positives:
                continue
            if challenger.pr_auc is not None and champion.pr_auc is not None:
                yield Slice(
                    str(name),
                    challenger.sessions,
                    challenger.positives,
                    challenger.pr_auc,
                    champion.pr_auc,
                    champion.pr_auc - challenger.pr_auc,
                    self.policy.slice_margin,
                )
