"""Resampling PR-AUC: is one model better than another on the same rows, and is one better than chance?

Numbers only. What follows from them is decided in `promotion`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intent_platform.modelling.intervals import Clusters, Interval, t_quantile
from intent_platform.modelling.metrics import Labels, Scores

Weights = npt.NDArray[np.number]

# Draws held in memory at once (8 bytes each): enough to amortise numpy's overhead, and stays near the cache.
_DRAWS_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class _Ranking:
    """Items by falling score, cut after the last purchase: what lies below it cannot change average precision.

    `order` lists the items, `positives` the places of the purchases in it. For each purchase, `last` is the
    place of the last item of the same score, and `last_positive` counts only purchases: all items of one
    score enter at one threshold.
    """

    order: npt.NDArray[np.intp]
    positives: npt.NDArray[np.intp]
    last: npt.NDArray[np.intp]
    last_positive: npt.NDArray[np.intp]

    @classmethod
    def of(cls, labels: Labels, scores: npt.NDArray[np.generic]) -> "_Ranking":
        order = np.argsort(scores, kind="stable")[::-1]
        rising = scores[order[::-1]]
        last = len(scores) - 1 - np.searchsorted(rising, scores[order], side="left")
        positives = np.flatnonzero(labels[order])
        last = last[positives]
        last_positive = np.searchsorted(positives, last, side="right") - 1
        return cls(order[: last[-1] + 1], positives, last, last_positive)

    def counts(self, weights: Weights) -> "_Counts":
        """What average precision takes from weights of shape (replicates, items)."""
        ordered = weights.take(self.order, axis=1)
        positive = ordered.take(self.positives, axis=1)
        found = np.cumsum(positive, axis=1, dtype=weights.dtype)
        seen = np.cumsum(ordered, axis=1, dtype=weights.dtype)
        return _Counts(positive, found.take(self.last_positive, axis=1), seen.take(self.last, axis=1))


@dataclass(frozen=True)
class _Counts:
    """For each replicate and purchase its weight, and the purchases and items found down to its score.

    All of shape (replicates, purchases), and linear in the weights: those of drawn clusters are sums of the clusters'.
    """

    positive: Weights
    found: Weights
    seen: Weights

    def drawn(self, times: Scores) -> "_Counts":
        """Those of replicates that have each of these so many `times`, shape (replicates, as many as there are)."""
        return _Counts(times @ self.positive, times @ self.found, times @ self.seen)

    @property
    def average_precision(self) -> Scores:
        """For each replicate; NaN where it has no purchase."""
        precision = self.found / np.maximum(self.seen, 1)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.einsum("ij,ij->i", self.positive, precision) / self.found[:, -1])


def average_precision(labels: Labels, scores: Scores, weights: Weights) -> Scores:
    """Average precision for each row of whole-numbered `weights`, shape (replicates, rows) -> (replicates,).

    Equals `sklearn.metrics.average_precision_score(labels, scores, sample_weight=weights[i])`, ties included;
    NaN where the weights leave no purchase.

    Raises:
        ValueError: no label is 1.
    """
    _require_a_purchase(labels)
    return _Ranking.of(labels, scores).counts(weights).average_precision


def pr_auc_difference(
    labels: Labels,
    first: Scores,
    second: Scores,
    *,
    resamples: int,
    confidence: float,
    seed: int,
    clusters: Clusters = None,
) -> Interval:
    """PR-AUC of `first` minus that of `second` on the same rows, with its percentile interval.

    Rows, or whole `clusters` of them, are drawn with replacement, and both models are measured on the same draw,
    so that what makes a draw easy or hard cancels (Efron & Tibshirani 1993, ch. 13 and 16). The percentiles
    are those of the expanded interval of Hesterberg (2015, "What Teachers Should Know About the Bootstrap", section
    5.3): with few clusters the plain ones are too narrow. Replicates without a purchase define no PR-AUC and are
    left out. Time grows with `resamples` x rows; memory does not.

    Raises:
        ValueError: no label is 1, or there is only one cluster.
    """
    _require_a_purchase(labels)
    # Rows alike in label and in their place among the purchases under both models are interchangeable:
    # with few purchases there are far fewer such kinds than rows.
    places = np.column_stack([_place(labels, first), _place(labels, second), labels])
    kinds, kind_of_row = np.unique(places, axis=0, return_inverse=True)
    rankings = [_Ranking.of(kinds[:, 2], kinds[:, column]) for column in (0, 1)]

    whole = [ranking.counts(np.bincount(kind_of_row)[None, :]) for ranking in rankings]
    estimate = _apart(whole)[0]
    if clusters is None:
        drawn = _drawn_rows(rankings, kind_of_row, resamples, seed)
    else:
        drawn = _drawn_clusters(rankings, kind_of_row, clusters, resamples, seed)
    replicates = np.concatenate([_apart(counts) for counts in drawn])
    defined = replicates[~np.isnan(replicates)]
    tail = expanded_tail(confidence, len(labels) if clusters is None else int(clusters.max()) + 1)
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Interval(float(estimate), float(low), float(high), confidence, len(defined))


def chance_pr_auc(labels: Labels, scores: Scores, *, resamples: int, level: float, seed: int) -> float:
    """The PR-AUC that a share `level` of rankings by chance does not exceed: the labels are permuted over the scores.

    A permutation test (Ojala & Garriga 2010), exact at any number of purchases. The bootstrap is not: the
    prevalence is constant under it while resampled rows repeat, which favours any ranking, and it would grant
    skill to one ranking by chance in five where one in twenty was meant.

    Raises:
        ValueError: no label is 1.
    """
    _require_a_purchase(labels)
    falling = np.sort(scores)[::-1]
    last = len(scores) - 1 - np.searchsorted(falling[::-1], falling, side="left")
    generator = np.random.default_rng(seed)
    at_once = max(1, _DRAWS_AT_ONCE // len(labels))
    replicates = []
    for start in range(0, resamples, at_once):
        drawn = np.tile(labels, (min(at_once, resamples - start), 1))
        drawn = generator.permuted(drawn, axis=1)
        precision = np.cumsum(drawn, axis=1).take(last, axis=1) / (last + 1)
        replicates.append(np.einsum("ij,ij->i", drawn, precision) / labels.sum())
    return float(np.quantile(np.concatenate(replicates), level))


def _apart(counts: Sequence[_Counts]) -> Scores:
    first, second = counts
    return first.average_precision - second.average_precision


def _drawn_rows(
    rankings: Sequence[_Ranking], kind_of_row: npt.NDArray[np.intp], resamples: int, seed: int
) -> Iterator[Sequence[_Counts]]:
    """Both rankings' counts in `resamples` draws of as many rows as there are, chunk by chunk."""
    generator = np.random.default_rng(seed)
    rows, kinds = len(kind_of_row), int(kind_of_row.max()) + 1
    at_once = max(1, _DRAWS_AT_ONCE // rows)
    for start in range(0, resamples, at_once):
        drawn = kind_of_row[generator.integers(0, rows, size=(min(at_once, resamples - start), rows))]
        weights = np.stack([np.bincount(draw, minlength=kinds) for draw in drawn]).astype(np.int32)
        yield [ranking.counts(weights) for ranking in rankings]


def _drawn_clusters(
    rankings: Sequence[_Ranking],
    kind_of_row: npt.NDArray[np.intp],
    clusters: npt.NDArray[np.intp],
    resamples: int,
    seed: int,
) -> Iterator[Sequence[_Counts]]:
    """The same for draws of as many clusters as there are, each with all its rows."""
    generator = np.random.default_rng(seed)
    number = int(clusters.max()) + 1
    if number < 2:
        raise ValueError("resampling clusters needs at least two of them")
    held = np.zeros((number, int(kind_of_row.max()) + 1))  # whole numbers: exact, and products of floats are fast
    np.add.at(held, (clusters, kind_of_row), 1)
    of_clusters = [ranking.counts(held) for ranking in rankings]
    at_once = max(1, _DRAWS_AT_ONCE // max(number, len(rankings[0].positives)))
    for start in range(0, resamples, at_once):
        drawn = generator.integers(0, number, size=(min(at_once, resamples - start), number))
        times = np.stack([np.bincount(draw, minlength=number) for draw in drawn]).astype(np.float64)
        yield [counts.drawn(times) for counts in of_clusters]


def expanded_tail(confidence: float, draws: int) -> float:
    """The share of replicates to cut off at either end; (1 - confidence) / 2 for many draws, less for few."""
    from scipy.stats import norm

    return float(norm.cdf(-np.sqrt(draws / (draws - 1)) * t_quantile(confidence, draws - 1)))


def _place(labels: Labels, scores: Scores) -> npt.NDArray[np.intp]:
    """How many distinct scores of purchases each score reaches: all that average precision knows of a row."""
    return np.searchsorted(np.unique(scores[labels == 1]), scores, side="right")


def _require_a_purchase(labels: Labels) -> None:
    if not labels.any():
        raise ValueError("average precision needs at least one purchase")
