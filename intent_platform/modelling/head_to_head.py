"""The basis of a decision: the facts of a head-to-head (`HeadToHead`) and its measurements (`Comparison`).

This module does not judge. The rules are in `gate_rules`, and their order is in `promotion`.
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
    """One side of a head-to-head: a version, its scores (probabilities, shape (rows,)) and its training window.

    `out_of_fold` are the metrics of its training. They decide on a first champion when the test window has too little
    evidence. `quarantine` is the reason why no evaluation may promote the version; None if it is not quarantined.
    """

    name: str
    scores: Scores
    training_window: Window
    out_of_fold: Metrics
    quarantine: str | None = None


@dataclass(frozen=True)
class HeadToHead:
    """A challenger and the champion on the same rows. `champion` is None if there is no champion yet.

    `labels` (0 or 1), `days` and `slices` (VISITORTYPE) have shape (rows,), in the order of the scores of both sides.
    The rows are the sessions of `test_window`. If it has too few purchases, the sessions of the earlier windows in
    `pooled` are added. Windows are half-open, Asia/Tokyo.

    Raises:
        ValueError: shapes differ, or scores are not probabilities.
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
                raise ValueError(
                    f"labels, days, slices and the scores of {contender.name} must have one entry for each row"
                )
            if not np.all((contender.scores >= 0) & (contender.scores <= 1)):  # refuses NaN too
                raise ValueError(f"the scores of {contender.name} must be probabilities between 0 and 1")

    @property
    def windows(self) -> tuple[Window, ...]:
        """The test window and the pooled windows: everything that is tested on."""
        return (self.test_window, *self.pooled)


def windows_to_pool(
    test: Window, earlier: Iterable[Window], purchases: Callable[[Window], int], enough: int
) -> tuple[Window, ...]:
    """Return the earlier windows to add to the test window until there are enough purchases.

    The result is empty if the test window has enough. Windows without a purchase are left out.

    Args:
        test: the test window.
        earlier: the windows that may be added, in order of preference.
        purchases: returns the number of purchases in a window.
        enough: the number of purchases to reach.
    """
    pooled, total = [], purchases(test)
    for window in earlier:
        if total >= enough:
            break
        added = purchases(window)
        if added:
            pooled.append(window)
            total += added
    return tuple(pooled)


@dataclass(frozen=True)
class Guardrail:
    """A test of non-inferiority: in one metric, the challenger may be worse than the champion by `margin` at most.

    Attributes:
        metric: the metric that is compared.
        slice: the VISITORTYPE whose sessions are compared; None for all sessions.
        purchases: the number of purchases among these sessions.
        challenger, champion: the metric of each side.
        worse_by: how much worse the challenger is, as an estimate; negative if it is better.
        at_worst: the upper end of the interval of `worse_by`, which must not exceed the margin.
        margin: the largest loss that the policy allows.
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
    """The measurements of a head-to-head under a policy. Each is computed when it is first read."""

    head_to_head: HeadToHead
    policy: GateSettings

    @cached_property
    def challenger(self) -> Metrics:
        """The metrics of the challenger on the tested rows."""
        return measure(self.head_to_head.labels, self.head_to_head.challenger.scores)

    @cached_property
    def champion(self) -> Metrics | None:
        """The metrics of the champion on the tested rows; None without a champion."""
        champion = self.head_to_head.champion
        return None if champion is None else measure(self.head_to_head.labels, champion.scores)

    @property
    def has_both_classes(self) -> bool:
        """Whether there are purchases and other sessions, as PR-AUC needs."""
        return 0 < self.challenger.positives < self.challenger.sessions

    @property
    def has_evidence(self) -> bool:
        """Whether there are both classes, and at least `gate.minimum_purchases` purchases."""
        return self.has_both_classes and self.challenger.positives >= self.policy.minimum_purchases

    @cached_property
    def clusters(self) -> Clusters:
        """The number of each row's day, from 0; None if there are fewer days than `gate.cluster_days`."""
        days, numbers = np.unique(self.head_to_head.days, return_inverse=True)
        return numbers if len(days) >= self.policy.cluster_days else None

    @cached_property
    def difference(self) -> Interval | None:
        """The challenger's PR-AUC minus the champion's, by paired bootstrap; None without a champion or a PR-AUC."""
        return self._pr_auc_difference(np.ones(len(self.head_to_head.labels), dtype=bool))

    @cached_property
    def roc_auc_difference(self) -> Interval | None:
        """The second opinion: the challenger's ROC-AUC minus the champion's, by DeLong's method; None if undefined."""
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
        """The PR-AUC that a first champion must exceed to have skill; None with a champion, or without a PR-AUC.

        The level is that of the upper end of the policy's two-sided interval. So it is as strict as the rule
        `superior`.
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
        """One guardrail for each margin of the policy, and one for each slice with enough purchases.

        Empty without a champion.
        """
        return (*self._guardrails(), *self._slices())

    def _guardrails(self) -> Iterator[Guardrail]:
        head_to_head = self.head_to_head
        if head_to_head.champion is None or self.champion is None or not self.has_both_classes:
            return
        for metric, margin in self.policy.guardrail_margins.items():
            if metric == "roc_auc":
                if self.roc_auc_difference is None:
                    continue
                # A higher ROC-AUC is better, but a lower loss is better: the sign and the end of the interval change.
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
            yield Guardrail(
                metric=metric,
                slice=None,
                purchases=purchases,
                challenger=challenger,
                champion=champion,
                worse_by=worse_by,
                at_worst=at_worst,
                margin=margin,
            )

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
                    metric="pr_auc",
                    slice=str(name),
                    purchases=int(labels.sum()),
                    challenger=challenger,
                    champion=champion,
                    worse_by=-difference.estimate,
                    at_worst=-difference.low,
                    margin=self.policy.slice_margin,
                )

    def _pr_auc_difference(self, members: npt.NDArray[np.bool_]) -> Interval | None:
        head_to_head, labels = self.head_to_head, self.head_to_head.labels[members]
        if head_to_head.champion is None or not 0 < labels.sum() < len(labels):
            return None
        clusters = self.clusters
        if clusters is not None:  # a slice may be missing on some days, and clusters are numbered without gaps
            clusters = np.unique(clusters[members], return_inverse=True)[1]
        return pr_auc_difference(
            labels,
            head_to_head.challenger.scores[members],
            head_to_head.champion.scores[members],
            resamples=self.policy.resamples,
            confidence=self.policy.confidence,
            seed=self.policy.seed,
            # A single day cannot be resampled, so its sessions are.
            clusters=clusters if clusters is not None and clusters.max() > 0 else None,
        )


def _brier_losses(labels: Labels, scores: Scores) -> Scores:
    return (scores - labels) ** 2


#: Metrics that are means over the rows, each with the function that returns what a row contributes.
_LOSSES = {"brier": _brier_losses, "log_loss": log_losses, "calibration_error": calibration_errors}
