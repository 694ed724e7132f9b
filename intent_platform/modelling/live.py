"""How good the scores turn out to be, from counts by day and by bin of score: no single session is needed.

So measuring a day costs the same whether it has a thousand sessions or ten million.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from intent_platform.modelling.bootstrap import average_precision, expanded_tail
from intent_platform.modelling.intervals import Interval

BINS = 1000  # equal in the square root of the score: most scores are small, and told apart there
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LiveScores:
    """What one version said and what came of it.

    Attributes:
        sessions, purchases: by day and bin of score, lowest first, shape (days, BINS).
        expected, variance: by day, the sums of the scores p and of p (1 - p), shape (days,).
        squared_errors: by day, the sum of (p - purchase)², shape (days,).
    """

    sessions: Counts
    purchases: Counts
    expected: npt.NDArray[np.float64]
    variance: npt.NDArray[np.float64]
    squared_errors: npt.NDArray[np.float64]

    def of(self, days: slice) -> "LiveScores":
        """Those of some of the days."""
        return LiveScores(
            self.sessions[days],
            self.purchases[days],
            self.expected[days],
            self.variance[days],
            self.squared_errors[days],
        )

    @cached_property
    def rows(self) -> int:
        """Sessions of all days."""
        return int(self.sessions.sum())

    @cached_property
    def positives(self) -> int:
        """Purchases among them."""
        return int(self.purchases.sum())

    @property
    def has_both_classes(self) -> bool:
        """Whether there are two purchases and two others at least, without which no ranking can be measured."""
        return 2 <= self.positives <= self.rows - 2

    @property
    def brier(self) -> float:
        """Mean squared difference of score and purchase."""
        return float(self.squared_errors.sum()) / self.rows

    @property
    def pr_auc(self) -> float:
        """Average precision; scores of one bin count as equal."""
        return float(_pr_auc(self, np.ones((1, len(self.sessions)), dtype=np.int64))[0])

    def roc_auc(self, confidence: float) -> Interval:
        """The share of pairs that are ranked rightly, equal ones half; with the interval of DeLong et al. (1988)."""
        positive = self.purchases.sum(axis=0)
        negative = self.sessions.sum(axis=0) - positive
        # For a session of each bin, the share of the other class that it is on the right side of.
        over = (np.cumsum(negative) - negative / 2) / (self.rows - self.positives)
        under = (self.positives - np.cumsum(positive) + positive / 2) / self.positives
        area = float(np.average(over, weights=positive))
        variance = _variance_of_mean(over, positive) + _variance_of_mean(under, negative)
        reach = _normal_quantile(confidence) * variance**0.5
        return Interval(area, area - reach, area + reach, confidence)

    def purchases_per_expected(self, confidence: float) -> Interval:
        """Purchases over the sum of scores: 1 when they are calibrated. Sessions buy independently, as scored."""
        expected = float(self.expected.sum())
        reach = _normal_quantile(confidence) * float(np.sqrt(self.variance.sum())) / expected
        ratio = self.positives / expected
        return Interval(ratio, ratio - reach, ratio + reach, confidence)


def pr_auc_over(first: LiveScores, second: LiveScores, *, resamples: int, confidence: float, seed: int) -> Interval:
    """PR-AUC of `first` minus that of `second` on the same days, whole days resampled; see `bootstrap`.

    Raises:
        ValueError: there are fewer than two days, or no purchase.
    """
    days = len(first.sessions)
    if days < 2:
        raise ValueError("resampling days needs at least two of them")

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
    """For each row of `times`, how often each day is counted, shape (replicates, days)."""
    labels = np.repeat([0, 1], BINS)
    scores = np.tile(np.arange(BINS, dtype=np.float64), 2)
    held = np.hstack([live.sessions - live.purchases, live.purchases])
    return average_precision(labels, scores, times @ held)


def _variance_of_mean(values: npt.NDArray[np.float64], counts: Counts) -> float:
    """Of the mean of `values` that occur `counts` times, at least two in all."""
    rows = int(counts.sum())
    mean = np.average(values, weights=counts)
    return float(np.average((values - mean) ** 2, weights=counts)) / (rows - 1)


def _normal_quantile(confidence: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf((1 + confidence) / 2))
