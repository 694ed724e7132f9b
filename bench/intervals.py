"""The difference between two models over all splits, in mean PR-AUC, ROC-AUC and Brier score, with two intervals.

- The interval over rows is a paired bootstrap. The rows of a month are drawn with replacement, with the same draws for
  every model, spread, seed and split of that month. The statistic is the mean over the splits. The interval shows
  whether the difference on these months exceeds the sampling noise of the sessions.
- The interval over months takes the months as clusters (Student's t). It shows whether the difference would hold in
  other months. UCI has nine tested months, so it is wide.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intent_platform.modelling.bootstrap import average_precision
from intent_platform.modelling.intervals import t_quantile
from intent_platform.modelling.metrics import Labels, Scores

Weights = npt.NDArray[np.int32]
METRICS = ("PR-AUC", "ROC-AUC", "Brier")


@dataclass(frozen=True)
class Judged:
    """The scores of one model on one split.

    Attributes:
        month: the tested month, which seeds the bootstrap draws.
        labels: 1 for a purchase, shape (rows,).
        windows: which rows belong to each test window, shape (windows, rows).
        scores: shape (seeds, rows).
    """

    month: str
    labels: Labels
    windows: npt.NDArray[np.bool_]
    scores: Scores


@dataclass(frozen=True)
class Difference:
    """Our model minus the other one: the mean over the splits, and its intervals over rows and over months."""

    estimate: float
    rows: tuple[float, float]
    months: tuple[float, float]


def replicates(tested: Sequence[Judged], metric: str, resamples: int) -> Scores:
    """The metric of each split, as the mean over its seeds and windows, shape (splits, 1 + resamples).

    The first column is measured on the original rows, and each other column on one resample.
    """
    return np.stack([_of_split(split, metric, _draws(split, resamples)) for split in tested])


def difference(ours: Scores, theirs: Scores, months: Sequence[str], confidence: float) -> Difference:
    """The difference between two models, from their `replicates` on the same splits."""
    by_split = ours - theirs
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(by_split[:, 1:].mean(axis=0), [tail, 1 - tail])
    names, month_of_split = np.unique(np.array(months), return_inverse=True)
    means = np.bincount(month_of_split, by_split[:, 0]) / np.bincount(month_of_split)
    reach = np.inf
    if len(names) > 1:
        reach = t_quantile(confidence, len(names) - 1) * float(means.std(ddof=1)) / np.sqrt(len(names))
    middle = float(means.mean())
    return Difference(
        float(by_split[:, 0].mean()), (float(low), float(high)), (float(middle - reach), float(middle + reach))
    )


def _draws(split: Judged, resamples: int) -> Weights:
    """How often each row counts, shape (1 + resamples, rows): once in the first replicate, at random in the others.

    The month is the seed, so all splits that test the same month have the same draws.
    """
    rows = len(split.labels)
    generator = np.random.default_rng([ord(letter) for letter in split.month])
    drawn = [np.bincount(generator.integers(0, rows, rows), minlength=rows) for _ in range(resamples)]
    return np.stack([np.ones(rows, dtype=np.int64), *drawn]).astype(np.int32)


def _of_split(split: Judged, metric: str, weights: Weights) -> Scores:
    values = [
        _METRIC[metric](split.labels[inside], scores[inside], weights[:, inside])
        for inside in split.windows
        for scores in split.scores
    ]
    return np.asarray(np.mean(values, axis=0))


def _roc_auc(labels: Labels, scores: Scores, weights: Weights) -> Scores:
    """For each row of weights, the share of (purchase, other) pairs in the right order; a tie counts half."""
    _, place = np.unique(scores, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    positive = np.add.reduceat(weights[:, order] * (labels[order] == 1), starts, axis=1).astype(np.float64)
    negative = np.add.reduceat(weights[:, order] * (labels[order] == 0), starts, axis=1).astype(np.float64)
    below = np.cumsum(negative, axis=1) - negative / 2
    with np.errstate(invalid="ignore"):
        return np.asarray((positive * below).sum(axis=1) / (positive.sum(axis=1) * negative.sum(axis=1)))


def _brier(labels: Labels, scores: Scores, weights: Weights) -> Scores:
    return np.asarray(weights @ (scores - labels) ** 2 / np.maximum(weights.sum(axis=1), 1))


_METRIC: Mapping[str, Callable[[Labels, Scores, Weights], Scores]] = {
    "PR-AUC": average_precision,
    "ROC-AUC": _roc_auc,
    "Brier": _brier,
}
