"""What a decision rests on: the facts of a challenge (`HeadToHead`) and all that is measured from them (`Comparison`).

No judgement here: the rules are in `rules`, their order in `promotion`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from intent_platform.modelling.bootstrap import chance_pr_auc, pr_auc_difference
from intent_platform.modelling.intervals import Clusters, Interval, mean_difference, roc_auc_difference
from intent_platform.modelling.metrics import Labels, Metrics, Scores, calibration_errors, log_losses, measure
from intent_platform.partitions import Window
from intent_platform.settings.evaluation import GateSettings

GuardrailMetric = Literal["roc_auc", "brier", "log_loss", "calibration_error", "pr_auc"]


@dataclass(frozen=True)
class Contender:
    """One side: a version, its scores (probabilities, shape (rows,)) and what it was trained on.

    `out_of_fold` are the metrics of its training: a first champion is taken on their strength when the test
    window has too little evidence. `quarantine` is why no evaluation may promote it, when that is so.
    """

    name: str
    scores: Scores
    training_window: Window
    out_of_fold: Metrics
    quarantine: str | None = None


@dataclass(frozen=True)
class HeadToHead:
    """A challenger and the champion (or none) on the same rows.

    `labels` (0 or 1), `days` and `slices` (VISITORTYPE) have shape (rows,), in the order of both scores. The rows are
    those of `test_window` and, where that has too few purchases, of the earlier `pooled` windows. Windows are
    half-open, Asia/Tokyo.

    Raises:
        ValueError: shapes differ, or scores are no probabilities.
    """

    challenger: Contender
    champion: Contender | None
    test_window: Window
    labels: Labels
    days: npt.NDArray[np.datetime64]
    slices: npt.NDArray[np.generic]
    pooled: tuple[Window, ...] = ()

    def __post_init__(self) -> None:
        for contender in (self.challenger, self.champion):
            if contender is None:
                continue
            if not len(contender.scores) == len(self.labels) == len(self.slices) == len(self.days):
                raise ValueError("labels, days, scores and slices must have one entry for each row")
            if not np.all((contender.scores >= 0) & (contender.scores <= 1)):  # false for NaN too
                raise ValueError("scores must be probabilities")

    @property
    def windows(self) -> tuple[Window, ...]:
        """Everything that is tested on."""
        return (self.test_window, *self.pooled)


def windows_to_pool(
    test: Window, earlier: Iterable[Window], purchases: Callable[[Window], int], enough: int
) -> tuple[Window, ...]:
    """As many of the `earlier` windows, in their order, as bring the purchases up to `enough`; none if `test` has them.

    Windows without a purchase add nothing and are left out.
    """
    chosen, found = [], purchases(test)
    for window in earlier:
        if found >= enough:
            break
        added = purchases(window)
        if added:
            chosen.append(window)
            found += added
    return tuple(chosen)


@dataclass(frozen=True)
class Guardrail:
    """A metric in which the challenger may be worse by `margin` at most, among all visitors or those of one `slice`.

    A test of non-inferiority: `worse_by` is the estimate, negative when the challenger is better, and `at_worst` the
    upper end of its interval, which has to stay within the margin.
    """

    metric: GuardrailMetric
    slice: str | None
    purchases: int
    challenger: float
    champion: float
    worse_by: float
    at_worst: float
    margin: float

    @property
    def holds(self) -> bool:
        """Whether the challenger is shown to be within the margin."""
        return self.at_worst <= self.margin


@dataclass(frozen=True)
class Comparison:
    """A contest under a policy, measured. Nothing is computed before a rule or a reader asks."""

    head_to_head: HeadToHead
    policy: GateSettings

    @cached_property
    def challenger(self) -> Metrics:
        """Of the challenger on the rows tested."""
        return measure(self.head_to_head.labels, self.head_to_head.challenger.scores)

    @cached_property
    def champion(self) -> Metrics | None:
        """Of the champion on the rows tested; None when there is no champion."""
        champion = self.head_to_head.champion
        return None if champion is None else measure(self.head_to_head.labels, champion.scores)

    @property
    def has_both_classes(self) -> bool:
        """Whether there are purchases and others, without which PR-AUC says nothing."""
        return 0 < self.challenger.positives < self.challenger.sessions

    @property
    def has_evidence(self) -> bool:
        """Whether there are both classes and as many purchases as the policy asks for."""
        return self.has_both_classes and self.challenger.positives >= self.policy.minimum_purchases

    @cached_property
    def clusters(self) -> Clusters:
        """The day of each row, numbered; None when there are fewer days than `gate.cluster_days`."""
        days, numbers = np.unique(self.head_to_head.days, return_inverse=True)
        return numbers if len(days) >= self.policy.cluster_days else None

    @cached_property
    def difference(self) -> Interval | None:
        """Challenger's PR-AUC minus the champion's, by paired bootstrap; None without a champion or PR-AUC."""
        return self._pr_auc_difference(np.ones(len(self.head_to_head.labels), dtype=bool))

    @cached_property
    def roc_auc_difference(self) -> Interval | None:
        """The second opinion: challenger's ROC-AUC minus the champion's, by DeLong; None where it is not defined."""
        head_to_head = self.head_to_head
        if head_to_head.champion is None or not 2 <= self.challenger.positives <= self.challenger.sessions - 2:
            return None
        return roc_auc_difference(
            head_to_head.labels,
            head_to_head.challenger.scores,
            head_to_head.champion.scores,
            self.clusters,
            self.policy.confidence,
        )

    @cached_property
    def chance(self) -> float | None:
        """The PR-AUC that a first champion must exceed to have skill; None with a champion, or without PR-AUC.

        As sure as "superior" is: the level is that of the upper end of the policy's two-sided interval.
        """
        if self.head_to_head.champion is not None or not self.has_both_classes:
            return None
        return chance_pr_auc(
            self.head_to_head.labels,
            self.head_to_head.challenger.scores,
            resamples=self.policy.resamples,
            level=(1 + self.policy.confidence) / 2,
            seed=self.policy.seed,
        )

    @cached_property
    def guardrails(self) -> tuple[Guardrail, ...]:
        """One for each margin of the policy, and one for each slice with enough purchases; empty without a champion."""
        return (*self._guardrails(), *self._slices())

    def _guardrails(self) -> Iterator[Guardrail]:
        head_to_head = self.head_to_head
        if head_to_head.champion is None or self.champion is None or not self.has_both_classes:
            return
        for metric, margin in self.policy.guardrail_margins.items():
            if metric == "roc_auc":
                if self.roc_auc_difference is None:
                    continue
                worse_by, at_worst = -self.roc_auc_difference.estimate, -self.roc_auc_difference.low
            else:
                loss = _LOSSES[metric]
                interval = mean_difference(
                    loss(head_to_head.labels, head_to_head.challenger.scores),
                    loss(head_to_head.labels, head_to_head.champion.scores),
                    self.clusters,
                    self.policy.confidence,
                )
                worse_by, at_worst = interval.estimate, interval.high
            challenger, champion = getattr(self.challenger, metric), getattr(self.champion, metric)
            purchases = self.challenger.positives
            yield Guardrail(metric, None, purchases, challenger, champion, worse_by, at_worst, margin)

    def _slices(self) -> Iterator[Guardrail]:
        head_to_head = self.head_to_head
        if head_to_head.champion is None:
            return
        for name in np.unique(head_to_head.slices):
            members = head_to_head.slices == name
            labels = head_to_head.labels[members]
            if labels.sum() < self.policy.slice_minimum_purchases:
                continue
            challenger, champion = (
                measure(labels, contender.scores[members]).pr_auc
                for contender in (head_to_head.challenger, head_to_head.champion)
            )
            difference = self._pr_auc_difference(members)
            if challenger is not None and champion is not None and difference is not None:
                yield Guardrail(
                    "pr_auc",
                    str(name),
                    int(labels.sum()),
                    challenger,
                    champion,
                    -difference.estimate,
                    -difference.low,
                    self.policy.slice_margin,
                )

    def _pr_auc_difference(self, members: npt.NDArray[np.bool_]) -> Interval | None:
        head_to_head, labels = self.head_to_head, self.head_to_head.labels[members]
        if head_to_head.champion is None or not 0 < labels.sum() < len(labels):
            return None
        clusters = self.clusters
        if clusters is not None:  # a slice may be missing on some days
            clusters = np.unique(clusters[members], return_inverse=True)[1]
        return pr_auc_difference(
            labels,
            head_to_head.challenger.scores[members],
            head_to_head.champion.scores[members],
            resamples=self.policy.resamples,
            confidence=self.policy.confidence,
            seed=self.policy.seed,
            clusters=clusters if clusters is not None and clusters.max() > 0 else None,
        )


def _brier_losses(labels: Labels, scores: Scores) -> Scores:
    return (scores - labels) ** 2


#: Metrics that are the mean of something about each row.
_LOSSES = {"brier": _brier_losses, "log_loss": log_losses, "calibration_error": calibration_errors}
