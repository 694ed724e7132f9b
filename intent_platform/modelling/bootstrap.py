"""Resampling of PR-AUC: is one model better than another on the same rows, and is a model better than chance?

This module only computes numbers. `promotion` decides what follows from them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intent_platform.modelling.intervals import Clusters, Interval, t_quantile
from intent_platform.modelling.metrics import Labels, Scores

Weights = npt.NDArray[np.number]

# Draws in memory at once, 8 bytes each: enough to amortise NumPy's overhead, and few enough to stay near the cache.
_DRAWS_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class _Ranking:
    """Items (rows, or kinds of equal rows) by falling score, as average precision needs them.

    Items below the last purchase cannot change average precision, so they are cut off. All items of one score pass the
    threshold together, so precision is taken at the last of them.

    Attributes:
        order: the items by falling score.
        positives: the places of the purchases in `order`.
        last: for each purchase, the place in `order` of the last item with the same score.
        last_positive: for each purchase, the place in `positives` of the last purchase with the same score.
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
        """Return the counts that average precision needs, from `weights` of shape (replicates, items)."""
        ordered = weights.take(self.order, axis=1)
        positive = ordered.take(self.positives, axis=1)
        positives_so_far = np.cumsum(positive, axis=1, dtype=weights.dtype)
        items_so_far = np.cumsum(ordered, axis=1, dtype=weights.dtype)
        return _Counts(
            positive, positives_so_far.take(self.last_positive, axis=1), items_so_far.take(self.last, axis=1)
        )


@dataclass(frozen=True)
class _Counts:
    """The counts behind average precision, each of shape (replicates, purchases).

    They are linear in the weights, so the counts of drawn clusters are sums of the clusters' counts.

    Attributes:
        positive: how often the replicate has the purchase.
        positives_so_far: how many purchases it has with the same score or a higher one.
        items_so_far: how many items it has with the same score or a higher one.
    """

    positive: Weights
    positives_so_far: Weights
    items_so_far: Weights

    def combined(self, times: Scores) -> "_Counts":
        """Return the counts of new replicates. `times[i, j]` is how often replicate i contains replicate j of these."""
        return _Counts(times @ self.positive, times @ self.positives_so_far, times @ self.items_so_far)

    @property
    def average_precision(self) -> Scores:
        """The average precision of each replicate, shape (replicates,); NaN where it has no purchase."""
        # A replicate without items so far lacks this purchase too, so the value of its precision does not matter.
        precision = self.positives_so_far / np.maximum(self.items_so_far, 1)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.einsum("ij,ij->i", self.positive, precision) / self.positives_so_far[:, -1])


def average_precision(labels: Labels, scores: Scores, weights: Weights) -> Scores:
    """Return the average precision for each row of `weights`, shape (replicates, rows) -> (replicates,).

    Weights are whole numbers. Each result equals
    `sklearn.metrics.average_precision_score(labels, scores, sample_weight=weights[i])`, including ties. It is NaN where
    the weights leave no purchase.

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
    """Return the PR-AUC of `first` minus that of `second` on the same rows, with its percentile interval.

    Rows, or whole `clusters` of rows, are drawn with replacement. Both models are measured on the same draw, so the
    difficulty of a draw cancels out (Efron & Tibshirani 1993, ch. 13 and 16). The percentiles are those of the expanded
    interval, because plain ones are too narrow with few clusters (Hesterberg 2015, "What Teachers Should Know About the
    Bootstrap", section 5.3). Replicates without a purchase do not define a PR-AUC and are left out. Time grows with
    `resamples` x rows, but memory does not.

    Raises:
        ValueError: no label is 1, or there is only one cluster.
    """
    _require_a_purchase(labels)
    # Rows with the same label and the same place among the purchases, under both models, are interchangeable. With few
    # purchases there are far fewer such kinds than rows, so the replicates count kinds.
    places = np.column_stack([_place(labels, first), _place(labels, second), labels])
    kinds, kind_of_row = np.unique(places, axis=0, return_inverse=True)
    rankings = [_Ranking.of(kinds[:, 2], kinds[:, column]) for column in (0, 1)]

    whole = [ranking.counts(np.bincount(kind_of_row)[None, :]) for ranking in rankings]
    estimate = _difference(whole)[0]
    if clusters is None:
        chunks = _draws_of_rows(rankings, kind_of_row, resamples, seed)
    else:
        chunks = _draws_of_clusters(rankings, kind_of_row, clusters, resamples, seed)
    replicates = np.concatenate([_difference(counts) for counts in chunks])
    defined = replicates[~np.isnan(replicates)]
    tail = expanded_tail(confidence, len(labels) if clusters is None else int(clusters.max()) + 1)
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Interval(float(estimate), float(low), float(high), confidence, len(defined))


def chance_pr_auc(labels: Labels, scores: Scores, *, resamples: int, level: float, seed: int) -> float:
    """Return the PR-AUC that a share `level` of random rankings does not exceed.

    The labels are permuted over the scores. This permutation test (Ojala & Garriga 2010) is exact at any number of
    purchases. A bootstrap against the prevalence is not: it repeats rows, which favours any ranking, while the
    prevalence stays constant. It would grant skill to one random ranking in five where one in twenty is intended.

    Raises:
        ValueError: no label is 1.
    """
    _require_a_purchase(labels)
    # All rows of one score pass the threshold together, so precision is taken at the last of them.
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


def _difference(counts: Sequence[_Counts]) -> Scores:
    first, second = counts
    return first.average_precision - second.average_precision


def _draws_of_rows(
    rankings: Sequence[_Ranking], kind_of_row: npt.NDArray[np.intp], resamples: int, seed: int
) -> Iterator[Sequence[_Counts]]:
    """Yield the counts of both rankings, chunk by chunk, in `resamples` draws of as many rows as there are."""
    generator = np.random.default_rng(seed)
    rows, kinds = len(kind_of_row), int(kind_of_row.max()) + 1
    at_once = max(1, _DRAWS_AT_ONCE // rows)
    for start in range(0, resamples, at_once):
        drawn = kind_of_row[generator.integers(0, rows, size=(min(at_once, resamples - start), rows))]
        weights = np.stack([np.bincount(draw, minlength=kinds) for draw in drawn]).astype(np.int32)
        yield [ranking.counts(weights) for ranking in rankings]


def _draws_of_clusters(
    rankings: Sequence[_Ranking],
    kind_of_row: npt.NDArray[np.intp],
    clusters: npt.NDArray[np.intp],
    resamples: int,
    seed: int,
) -> Iterator[Sequence[_Counts]]:
    """Yield the same for draws of as many clusters as there are. A cluster is drawn with all its rows."""
    generator = np.random.default_rng(seed)
    number = int(clusters.max()) + 1
    if number < 2:
        raise ValueError("resampling clusters needs at least two of them")
    # Floats hold these whole numbers exactly, and NumPy multiplies matrices of floats much faster than of integers.
    rows_by_kind = np.zeros((number, int(kind_of_row.max()) + 1))
    np.add.at(rows_by_kind, (clusters, kind_of_row), 1)
    cluster_counts = [ranking.counts(rows_by_kind) for ranking in rankings]
    at_once = max(1, _DRAWS_AT_ONCE // max(number, len(rankings[0].positives)))
    for start in range(0, resamples, at_once):
        drawn = generator.integers(0, number, size=(min(at_once, resamples - start), number))
        times = np.stack([np.bincount(draw, minlength=number) for draw in drawn]).astype(np.float64)
        yield [counts.combined(times) for counts in cluster_counts]


def expanded_tail(confidence: float, draws: int) -> float:
    """Return the share of replicates to cut off at either end of Hesterberg's expanded interval (2015, section 5.3).

    `draws` is the number of rows or clusters in a draw. The share is (1 - confidence) / 2 for many draws, and less for
    few.
    """
    from scipy.stats import norm

    return float(norm.cdf(-np.sqrt(draws / (draws - 1)) * t_quantile(confidence, draws - 1)))


def _place(labels: Labels, scores: Scores) -> npt.NDArray[np.intp]:
    """Return how many distinct scores of purchases are not above each score.

    Average precision depends on a score only through this number.
    """
    return np.searchsorted(np.unique(scores[labels == 1]), scores, side="right")


def _require_a_purchase(labels: Labels) -> None:
    if not labels.any():
        raise ValueError("average precision needs at least one purchase")
