"""Quality of scores: the metrics of one model on one set of rows, and the points of its two plots.

`bootstrap` and `intervals` tell whether two models differ by more than chance.
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
    """Quality of calibrated scores on `sessions` rows, of which `positives` are purchases.

    A metric that the rows do not define is None, never NaN. Every metric needs at least one row.

    Attributes:
        sessions, positives: the number of rows, and of purchases among them.
        pr_auc: average precision (step-wise, not interpolated), 0 to 1. A model without skill reaches the prevalence.
            It needs both classes.
        roc_auc: probability that a purchase has a higher score than another session, where ties count half. It needs
            both classes.
        brier: mean squared difference of score and label (Brier 1950), 0 at best.
        log_loss: mean negative log-likelihood in nats, 0 at best.
        calibration_error: expected calibration error over bins of equal count, 0 at best; see `reliability`.
        accuracy, precision, recall: of the decision "score >= 0.5". `precision` needs a score of at least 0.5, and
            `recall` needs a purchase.
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
        """The share of purchases; None without rows."""
        return self.positives / self.sessions if self.sessions else None

    def as_dict(self) -> dict[str, float | None]:
        """Return the value of each metric by name, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, float | None]) -> "Metrics":
        """Return the metrics that `as_dict` wrote. A store may have turned the counts into floats."""
        counts = {name: int(values[name] or 0) for name in ("sessions", "positives")}
        return cls(**{**values, **counts})  # type: ignore[arg-type]


@dataclass(frozen=True)
class CurvePoints:
    """A precision-recall curve: `precision[i]` is the precision at `recall[i]`, from recall 0 upwards."""

    recall: Scores
    precision: Scores


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows of similar score: their `mean_score`, and the share of purchases among them (`rate`)."""

    mean_score: float
    rate: float
    sessions: int


def measure(labels: Labels, scores: Scores) -> Metrics:
    """Return all metrics of `scores` (probabilities, shape (rows,)) for `labels` (0 or 1, same shape)."""
    sessions, positives = len(labels), int(labels.sum())
    if sessions == 0:
        return Metrics(0, 0, *[None] * 8)
    pr_auc = roc_auc = None
    if 0 < positives < sessions:
        from sklearn.metrics import average_precision_score, roc_auc_score

        pr_auc = float(average_precision_score(labels, scores))
        roc_auc = float(roc_auc_score(labels, scores))
    predicted = scores >= THRESHOLD
    hits = int(labels[predicted].sum())
    return Metrics(
        sessions=sessions,
        positives=positives,
        pr_auc=pr_auc,
        roc_auc=roc_auc,
        brier=float(np.mean((scores - labels) ** 2)),
        log_loss=float(np.mean(log_losses(labels, scores))),
        calibration_error=float(np.mean(calibration_errors(labels, scores))),
        accuracy=float(np.mean(predicted == labels)),
        precision=hits / int(predicted.sum()) if predicted.any() else None,
        recall=hits / positives if positives else None,
    )


def precision_recall_curve(labels: Labels, scores: Scores) -> CurvePoints:
    """Return one point for each distinct score, and the point (recall 0, precision 1).

    Raises:
        ValueError: there is no purchase, so recall is undefined.
    """
    if not labels.any():
        raise ValueError("a precision-recall curve needs at least one purchase")
    from sklearn.metrics import precision_recall_curve as points

    precision, recall, _ = points(labels, scores)
    return CurvePoints(recall=recall[::-1], precision=precision[::-1])


def reliability(labels: Labels, scores: Scores, bins: int = _BINS) -> tuple[ReliabilityBin, ...]:
    """Return mean score and observed rate in at most `bins` bins of (nearly) equal count, by rising score.

    Bins end at quantiles (adaptive bins: Nixon et al. 2019, "Measuring Calibration in Deep Learning"). Most scores are
    near 0, so most bins of equal width would be almost empty. Equal scores share a bin, so the order of the rows does
    not matter. Empty bins are left out.
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
    """Return the contribution of each row to the expected calibration error, shape (rows,).

    The expected calibration error is the mean of the contributions. A contribution is score minus label, with the
    opposite sign in bins whose scores are too low on average.
    """
    errors = scores - labels
    members = _bin_of_row(scores, bins)
    return np.asarray(errors * np.sign(np.bincount(members, weights=errors, minlength=bins))[members])


def log_losses(labels: Labels, scores: Scores) -> Scores:
    """Return the negative log-likelihood of each row in nats, shape (rows,)."""
    smallest = np.finfo(np.float64).eps  # a wrong score of 0 or 1 costs much, but not infinitely much
    likelihood = np.where(labels == 1, scores, 1 - scores)
    return np.asarray(-np.log(np.clip(likelihood, smallest, 1)))


def _bin_of_row(scores: Scores, bins: int) -> npt.NDArray[np.intp]:
    if len(scores) == 0:
        return np.empty(0, dtype=np.intp)
    return np.searchsorted(np.quantile(scores, np.arange(1, bins) / bins), scores, side="right")
