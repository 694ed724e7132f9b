"""Intervals of paired differences by formula: of means, and of ROC-AUC (DeLong).

PR-AUC has no such formula, so `bootstrap` resamples it. The rules in `gate_rules` interpret the intervals.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intent_platform.modelling.metrics import Labels, Scores

#: The number of each row's cluster (its day), from 0 without gaps. None means that every row stands for itself.
Clusters = npt.NDArray[np.intp] | None


@dataclass(frozen=True)
class Interval:
    """A two-sided interval of `confidence` around `estimate`.

    `resamples` is the number of bootstrap replicates behind it; None if a formula gives the interval.
    """

    estimate: float
    low: float
    high: float
    confidence: float
    resamples: int | None = None


def mean_difference(first: Scores, second: Scores, clusters: Clusters, confidence: float) -> Interval:
    """Return the mean of `first` minus the mean of `second`, both of shape (rows,) and paired by row.

    The interval is Student's t around the mean of the differences. With clusters, the errors are summed within each
    cluster first, because rows of one cluster may depend on each other (Liang & Zeger 1986). Cameron & Miller (2015,
    section VI) treat few clusters.

    Raises:
        ValueError: there are no rows.
    """
    difference = first - second
    if len(difference) == 0:
        raise ValueError("a mean needs at least one row")
    influence = (difference - difference.mean()) / len(difference)
    # Without clusters, every row is a cluster of one: this gives the sample variance its factor n / (n - 1).
    single_rows = np.arange(len(difference))
    return _around(float(difference.mean()), influence, single_rows if clusters is None else clusters, confidence)


def roc_auc_difference(
    labels: Labels, first: Scores, second: Scores, clusters: Clusters, confidence: float
) -> Interval:
    """Return the ROC-AUC of `first` minus that of `second` on the same rows.

    The interval is that of DeLong, DeLong & Clarke-Pearson (1988), from ranks as in Sun & Xu (2014). Ranks take
    n log n steps, where pairs would take purchases x other sessions. With clusters, the components are summed within
    each cluster (Obuchowski 1997).

    Raises:
        ValueError: a class has fewer than two rows, so its variance is not defined.
    """
    positive = labels == 1
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if min(positives, negatives) < 2:
        raise ValueError("the interval of a ROC-AUC needs at least two purchases and two other sessions")
    areas, components = zip(*(_components(positive, scores) for scores in (first, second)), strict=True)
    estimate = areas[0] - areas[1]
    influence = components[0] - components[1] - estimate
    # Each class has its own degrees of freedom. Without clusters, the squares then add up to DeLong's variance.
    influence[positive] /= np.sqrt(positives * (positives - 1))
    influence[~positive] /= np.sqrt(negatives * (negatives - 1))
    return _around(estimate, influence, clusters, confidence)


def t_quantile(confidence: float, degrees: int) -> float:
    """Return how many standard errors a two-sided interval of `confidence` reaches to either side."""
    from scipy.stats import t

    return float(t.ppf((1 + confidence) / 2, degrees))


def _components(positive: npt.NDArray[np.bool_], scores: Scores) -> tuple[float, Scores]:
    """Return the ROC-AUC, and for each row the share of the other class that is ranked correctly relative to it."""
    from scipy.stats import rankdata

    ranks, shares = rankdata(scores), np.empty(len(scores))
    # A row's rank among all rows minus its rank in its class counts the rows of the other class below it, ties as half.
    shares[positive] = (ranks[positive] - rankdata(scores[positive])) / (~positive).sum()
    shares[~positive] = 1 - (ranks[~positive] - rankdata(scores[~positive])) / positive.sum()
    return float(shares[positive].mean()), shares


def _around(estimate: float, influence: Scores, clusters: Clusters, confidence: float) -> Interval:
    """Return the interval of an estimate, where `influence` is each row's share in its error, shape (rows,).

    The variance of the estimate is the sum of the squared shares. With clusters, the shares of a cluster are summed
    before they are squared.
    """
    groups = len(influence) if clusters is None else int(clusters.max()) + 1
    if groups < 2:  # one group tells nothing about the variance
        return Interval(estimate, -np.inf, np.inf, confidence)
    if clusters is not None:
        influence = np.bincount(clusters, weights=influence) * np.sqrt(groups / (groups - 1))
    reach = t_quantile(confidence, groups - 1) * float(np.sqrt(np.sum(influence**2)))
    return Interval(estimate, estimate - reach, estimate + reach, confidence)
