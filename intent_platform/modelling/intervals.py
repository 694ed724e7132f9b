"""Intervals of paired differences that have a formula: of means, and of ROC-AUC (DeLong).

PR-AUC has none and is resampled in `bootstrap`. What follows from an interval is decided in `rules`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intent_platform.modelling.metrics import Labels, Scores

#: For each row the number of the group it is drawn with (its day), 0, 1, …; None when rows are drawn one by one.
Clusters = npt.NDArray[np.intp] | None


@dataclass(frozen=True)
class Interval:
    """A two-sided interval of `confidence` around `estimate`; from `resamples` replicates, None where by formula."""

    estimate: float
    low: float
    high: float
    confidence: float
    resamples: int | None = None


def mean_difference(first: Scores, second: Scores, clusters: Clusters, confidence: float) -> Interval:
    """The mean of `first` minus that of `second`, both of shape (rows,), paired by row.

    Student's t around the mean of the differences; with clusters, of their sums, so that rows of one cluster may
    depend on each other (Liang & Zeger 1986; Cameron & Miller 2015, section VI for few clusters).

    Raises:
        ValueError: there are no rows.
    """
    difference = first - second
    if len(difference) == 0:
        raise ValueError("a mean needs at least one row")
    influence = (difference - difference.mean()) / len(difference)
    own = np.arange(len(difference))  # rows are clusters of one
    return _around(float(difference.mean()), influence, own if clusters is None else clusters, confidence)


def roc_auc_difference(
    labels: Labels, first: Scores, second: Scores, clusters: Clusters, confidence: float
) -> Interval:
    """ROC-AUC of `first` minus that of `second` on the same rows.

    DeLong, DeLong & Clarke-Pearson (1988), by ranks as in Sun & Xu (2014): n log n, not purchases x others. With
    clusters, the components are summed within them (Obuchowski 1997).

    Raises:
        ValueError: a class has fewer than two rows, which leaves no variance.
    """
    positive = labels == 1
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if min(positives, negatives) < 2:
        raise ValueError("the interval of a ROC-AUC needs at least two purchases and two others")
    areas, components = zip(*(_components(positive, scores) for scores in (first, second)), strict=True)
    estimate = areas[0] - areas[1]
    influence = components[0] - components[1] - estimate
    # Each class with its own degrees of freedom: without clusters the squares then add up to DeLong's variance.
    influence[positive] /= np.sqrt(positives * (positives - 1))
    influence[~positive] /= np.sqrt(negatives * (negatives - 1))
    return _around(estimate, influence, clusters, confidence)


def t_quantile(confidence: float, degrees: int) -> float:
    """How many standard errors a two-sided interval of `confidence` reaches to either side."""
    from scipy.stats import t

    return float(t.ppf((1 + confidence) / 2, degrees))


def _components(positive: npt.NDArray[np.bool_], scores: Scores) -> tuple[float, Scores]:
    """The ROC-AUC, and for each row the share of the other class that it is on the right side of."""
    from scipy.stats import rankdata

    ranks, shares = rankdata(scores), np.empty(len(scores))
    # A row's rank among all minus its rank among its own class counts the other class below it, ties half.
    shares[positive] = (ranks[positive] - rankdata(scores[positive])) / (~positive).sum()
    shares[~positive] = 1 - (ranks[~positive] - rankdata(scores[~positive])) / positive.sum()
    return float(shares[positive].mean()), shares


def _around(estimate: float, influence: Scores, clusters: Clusters, confidence: float) -> Interval:
    """`influence` are the rows' shares in the error of the estimate: its variance is the sum of their squares."""
    groups = len(influence) if clusters is None else int(clusters.max()) + 1
    if groups < 2:
        return Interval(estimate, -np.inf, np.inf, confidence)
    if clusters is not None:
        influence = np.bincount(clusters, weights=influence) * np.sqrt(groups / (groups - 1))
    reach = t_quantile(confidence, groups - 1) * float(np.sqrt(np.sum(influence**2)))
    return Interval(estimate, estimate - reach, estimate + reach, confidence)
