"""How good scores are: the numbers of one model on one set of rows, and the points of its two plots.

Whether a difference between two models means anything is not here but in `bootstrap`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.integer]
Scores = npt.NDArray[np.float64]

THRESHOLD = 0.5
_BINS = 10


@dataclass(frozen=True)
class Metrics:
    """Quality of calibrated scores on `sessions` rows, `positives` of them purchases.

    A metric that the rows do not define is None, never NaN: `pr_auc` and `roc_auc` need both classes,
    `precision` a score at the threshold or above, `recall` a purchase, and all of them a row.

    Attributes:
        pr_auc: average precision (step-wise, not interpolated), 0 to 1; a model without skill has the prevalence.
        roc_auc: probability that a purchase outscores a non-purchase, ties counting half.
        brier: mean squared difference of score and label (Brier 1950), 0 is best.
        log_loss: mean negative log-likelihood in nats, 0 is best.
        calibration_error: expected calibration error over equal-count bins; see `reliability`.
        accuracy, precision, recall: of the decision "score >= 0.5".
    """

    sessions: int
    positives: int
    pr_auc: float | None
    roc_auc: float | None
    brier: float | None
    log_loss: float | None
    calibration_error: float | None
    accuracy: float | None
    precision: float | None
    recall: float | None

    @property
    def prevalence(self) -> float | None:
        """Share of purchases; None without rows."""
        return self.positives / self.sessions if self.sessions else None

    def as_dict(self) -> dict[str, float | None]:
        """Name to value, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, float | None]) -> "Metrics":
        """The inverse of `as_dict`, also where a store turned the counts into floats."""
        counts = {name: int(values[name] or 0) for name in ("sessions", "positives")}
        return cls(**{**values, **counts})  # type: ignore[arg-type]


@dataclass(frozen=True)
class CurvePoints:
    """A precision-recall curve: `precision[i]` at `recall[i]`, from recall 0 upwards."""

    recall: Scores
    precision: Scores


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows of similar score: what the model said (`mean_score`) and what happened (`rate`)."""

    mean_score: float
    rate: float
    sessions: int


def measure(labels: Labels, scores: Scores) -> Metrics:
    """All metrics of `scores` (probabilities, shape (rows,)) against `labels` (0 or 1, same shape)."""
    sessions, positives = len(labels), int(labels.sum())
    if sessions == 0:
        return Metrics(0, 0, *[None] * 8)
    pr_auc = roc_auc = None
    if 0 < positives < sessions:
        from sklearn.metrics import average_precision_score, roc_auc_score

        pr_auc = float(average_precision_score(labels, scores))
        roc_auc = float(roc_auc_score(labels, scores))
    said_yes = scores >= THRESHOLD
    hits = int(labels[said_yes].sum())
    return Metrics(
        sessions=sessions,
        positives=positives,
        pr_auc=pr_auc,
        roc_auc=roc_auc,
        brier=float(np.mean((scores - labels) ** 2)),
        log_loss=float(np.mean(log_losses(labels, scores))),
        calibration_error=float(np.mean(calibration_errors(labels, scores))),
        accuracy=float(np.mean(said_yes == labels)),
        precision=hits / int(said_yes.sum()) if said_yes.any() else None,
        recall=hits / positives if positives else None,
    )


def precision_recall_curve(labels: Labels, scores: Scores) -> CurvePoints:
    """One point for each distinct score, and the point (recall 0, precision 1).

    Raises:
        ValueError: there is no purchase, so that recall is undefined.
    """
    if not labels.any():
        raise ValueError("a precision-recall curve needs at least one purchase")
    from sklearn.metrics import precision_recall_curve as points

    precision, recall, _ = points(labels, scores)
    return CurvePoints(recall=recall[::-1], precision=precision[::-1])


def reliability(labels: Labels, scores: Scores, bins: int = _BINS) -> tuple[ReliabilityBin, ...]:
    """Mean score against observed rate in at most `bins` bins of (nearly) equal count, by rising score.

    Bins end at quantiles, since most scores are near 0 and bins of equal width would leave the others almost
    empty (adaptive bins: Nixon et al. 2019, "Measuring Calibration in Deep Learning"). Equal scores share a
    bin, so that the order of the rows does not matter; empty bins are left out.
    """
    members = _bin_of_row(scores, bins)
    counts = np.bincount(members, minlength=bins)
    score_sums = np.bincount(members, weights=scores, minlength=bins)
    label_sums = np.bincount(members, weights=labels, minlength=bins)
    return tuple(
        ReliabilityBin(float(score_sums[b] / counts[b]), float(label_sums[b] / counts[b]), int(counts[b]))
        for b in np.flatnonzero(counts)
    )


def calibration_errors(labels: Labels, scores: Scores, bins: int = _BINS) -> Scores:
    """What each row adds to the expected calibration error, which is the mean of them; shape (rows,).

    The signed error of the row, taken positive in bins that are scored too high and negative in the others.
    """
    errors = scores - labels
    members = _bin_of_row(scores, bins)
    return np.asarray(errors * np.sign(np.bincount(members, weights=errors, minlength=bins))[members])


def log_losses(labels: Labels, scores: Scores) -> Scores:
    """The negative log-likelihood of each row in nats, shape (rows,)."""
    smallest = np.finfo(np.float64).eps  # a certain score that is wrong costs much, but not infinitely much
    likelihood = np.where(labels == 1, scores, 1 - scores)
    return np.asarray(-np.log(np.clip(likelihood, smallest, 1)))


def _bin_of_row(scores: Scores, bins: int) -> npt.NDArray[np.intp]:
    if len(scores) == 0:
        return np.empty(0, dtype=np.intp)
    return np.searchsorted(np.quantile(scores, np.arange(1, bins) / bins), scores, side="right")
