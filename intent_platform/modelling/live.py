"""Quality of live scores, computed from counts by day and by bin of score.

Single sessions are not needed, so measuring a day costs the same for a thousand sessions and for ten million.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from intent_platform.modelling.bootstrap import average_precision, expanded_tail
from intent_platform.modelling.intervals import Interval

BINS = 1000  # of equal width in the square root of the score, because most scores are small
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LiveScores:
    """The scores of one version and the purchases that followed, as sums by day.

    Attributes:
        sessions, purchases: counts by day and by bin of score, lowest bin first, shape (days, BINS).
        expected, variance: the sums by day of the scores p and of p (1 - p), shape (days,).
        squared_errors: the sum by day of (p - purchase)², where purchase is 0 or 1, shape (days,).
    """

    sessions: Counts
    purchases: Counts
    expected: npt.NDArray[np.float64]
    variance: npt.NDArray[np.float64]
    squared_errors: npt.NDArray[np.float64]

    def of(self, days: slice) -> "LiveScores":
        """Return the same for some of the days."""
        return LiveScores(
            self.sessions[days],
            self.purchases[days],
            self.expected[days],
            self.variance[days],
            self.squared_errors[days],
        )

    @cached_property
    def rows(self) -> int:
        """The number of sessions on all days."""
        return int(self.sessions.sum())

    @cached_property
    def positives(self) -> int:
        """The number of purchases among them."""
        return int(self.purchases.sum())

    @property
    def has_both_classes(self) -> bool:
        """Whether there are at least two purchases and two other sessions, as the ranking metrics need."""
        return 2 <= self.positives <= self.rows - 2

    @property
    def brier(self) -> float:
        """The mean squared difference of score and purchase (0 or 1)."""
        return float(self.squared_errors.sum()) / self.rows

    @property
    def pr_auc(self) -> float:
        """The average precision, where scores of one bin count as equal."""
        return float(_pr_auc(self, np.ones((1, len(self.sessions)), dtype=np.int64))[0])

    def roc_auc(self, confidence: float) -> Interval:
        """Return the ROC-AUC, where scores of one bin count as equal, with the interval of DeLong et al. (1988).

        ROC-AUC is the share of pairs (a purchase and another session) in the right order; ties count half.
        """
        positive = self.purchases.sum(axis=0)
        negative = self.sessions.sum(axis=0) - positive
        # For a session of each bin, the share of the other class that is ranked correctly relative to it.
        over = (np.cumsum(negative) - negative / 2) / (self.rows - self.positives)
        under = (self.positives - np.cumsum(positive) + positive / 2) / self.positives
        area = float(np.average(over, weights=positive))
        variance = _variance_of_mean(over, positive) + _variance_of_mean(under, negative)
        reach = _normal_quantile(confidence) * variance**0.5
        return Interval(area, area - reach, area + reach, confidence)

    def purchases_per_expected(self, confidence: float) -> Interval:
        """Return the purchases divided by the sum of the scores: 1 if the scores are calibrated.

        The interval assumes that sessions purchase independently, with the probabilities that they are scored with.
        """
        expected = float(self.expected.sum())
        reach = _normal_quantile(confidence) * float(np.sqrt(self.variance.sum())) / expected
        ratio = self.positives / expected
        return Interval(ratio, ratio - reach, ratio + reach, confidence)


def pr_auc_over(first: LiveScores, second: LiveScores, *, resamples: int, confidence: float, seed: int) -> Interval:
    """Return the PR-AUC of `first` minus that of `second` on the same days.

    Whole days are resampled. `bootstrap.pr_auc_difference` explains the interval.

    Raises:
        ValueError: there are fewer than two days, or no purchase.
    """
    days = len(first.sessions)
    if days < 2:
        raise ValueError("resampling days needs at least two days")

    def difference(times: Counts) -> npt.NDArray[np.float64]:
        return _pr_auc(first, times) - _pr_auc(second, times)

    drawn = np.random.default_rng(seed).integers(0, days, size=(resamples, days))
    replicates = difference(np.stack([np.bincount(draw, minlength=days) for draw in drawn]))
    defined = replicates[~np.isnan(replicates)]
    tail = expanded_tail(confidence, days)
    low, high = np.quantile(defined, [tail, 1 - tail])
    estimate = float(difference(np.ones((1, days), dtype=np.int64))[0])
    return Interval(estimate, float(low), float(high), confidence, len(defined))


def _pr_auc(live: LiveScores, times: Counts) -> npt.NDArray[np.float64]:
    """Return the PR-AUC of each replicate, where `times` is how often each day counts, shape (replicates, days)."""
    # Each bin becomes two weighted rows: its sessions without a purchase, and its purchases.
    labels = np.repeat([0, 1], BINS)
    scores = np.tile(np.arange(BINS, dtype=np.float64), 2)
    weights_by_day = np.hstack([live.sessions - live.purchases, live.purchases])
    return average_precision(labels, scores, times @ weights_by_day)


def _variance_of_mean(values: npt.NDArray[np.float64], counts: Counts) -> float:
    """Return the variance of the mean of `values` that occur `counts` times, at least twice in all."""
    rows = int(counts.sum())
    mean = np.average(values, weights=counts)
    return float(np.average((values - mean) ** 2, weights=counts)) / (rows - 1)


def _normal_quantile(confidence: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf((1 + confidence) / 2))
