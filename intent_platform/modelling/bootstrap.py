"""Resampling PR-AUC: is one model better than another on the same rows, and is one better than chance?

Numbers only. What follows from them is decided in `promotion`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intent_platform.modelling.intervals import Clusters, Interval, t_quantile
from intent_platform.modelling.metrics import Labels, Scores

Weights = npt.NDArray[np.integer]

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

    def average_precision(self, weights: Weights) -> Scores:
        """For weights of shape (replicates, items); NaN where a replicate has no purchase."""
        ordered = weights.take(self.order, axis=1)
        positive = ordered.take(self.positives, axis=1)
        found = np.cumsum(positive, axis=1, dtype=weights.dtype)
        seen = np.cumsum(ordered, axis=1, dtype=weights.dtype).take(self.last, axis=1)
        precision = found.take(self.last_positive, axis=1) / np.maximum(seen, 1)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.einsum("ij,ij->i", positive, precision) / found[:, -1])


def average_precision(labels: Labels, scores: Scores, weights: Weights) -> Scores:
    """Average precision for each row of whole-numbered `weights`, shape (replicates, rows) -> (replicates,).

    Equals `sklearn.metrics.average_precision_score(labels, scores, sample_weight=weights[i])`, ties included;
    NaN where the weights leave no purchase.

    Raises:
        ValueError: no label is 1.
    """
    _require_a_purchase(labels)
    return _Ranking.of(labels, scores).average_precision(weights)


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

    def difference(weights: Weights) -> Scores:
        return rankings[0].average_precision(weights) - rankings[1].average_precision(weights)

    estimate = difference(np.bincount(kind_of_row)[None, :].astype(np.int32))[0]
    if clusters is None:
        drawn = _drawn_rows(kind_of_row, len(kinds), resamples, seed)
    else:
        drawn = _drawn_clusters(kind_of_row, len(kinds), clusters, resamples, seed)
    replicates = np.concatenate([difference(weights) for weights in drawn])
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


def _drawn_rows(kind_of_row: npt.NDArray[np.intp], kinds: int, resamples: int, seed: int) -> Iterator[Weights]:
    """Multinomial counts of each kind in `resamples` draws of as many rows as there are, chunk by chunk."""
    generator = np.random.default_rng(seed)
    rows = len(kind_of_row)
    at_once = max(1, _DRAWS_AT_ONCE // rows)
    for start in range(0, resamples, at_once):
        drawn = kind_of_row[generator.integers(0, rows, size=(min(at_once, resamples - start), rows))]
        yield np.stack([np.bincount(draw, minlength=kinds) for draw in drawn]).astype(np.int32)


def _drawn_clusters(
    kind_of_row: npt.NDArray[np.intp], kinds: int, clusters: npt.NDArray[np.intp], resamples: int, seed: int
) -> Iterator[Weights]:
    """The same for draws of as many clusters as there are, each with all its rows."""
    generator = np.random.default_rng(seed)
    number = int(clusters.max()) + 1
    if number < 2:
        raise ValueError("resampling clusters needs at least two of them")
    held = np.zeros((number, kinds), dtype=np.float32)  # counts: exact, and a product of floats is fast
    np.add.at(held, (clusters, kind_of_row), 1)
    at_once = max(1, _DRAWS_AT_ONCE // max(kinds, number))
    for start in range(0, resamples, at_once):
        drawn = generator.integers(0, number, size=(min(at_once, resamples - start), number))
        times = np.stack([np.bincount(draw, minlength=number) for draw in drawn]).astype(np.float32)
        yield (times @ held).astype(np.int32)


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
