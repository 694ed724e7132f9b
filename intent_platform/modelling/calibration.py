"""Platt scaling: from a model's margin to a probability that can be taken at its word.

Two numbers, which CatBoost keeps inside the model. How calibrated scores turn out is measured in `metrics`.
"""

from dataclasses import dataclass

import numpy as np

from intent_platform.modelling.metrics import Labels, Scores

_NEWTON_STEPS = 100
_TOLERANCE = 1e-10
# A margin without information must not turn the ranking round, nor flatten it: this keeps the order and
# says, nearly, the prevalence.
_SMALLEST_SLOPE = 1e-3


@dataclass(frozen=True)
class PlattScaling:
    """`sigmoid(slope * margin + intercept)`; `slope` is positive, so that the ranking is kept."""

    slope: float
    intercept: float

    def __call__(self, margins: Scores) -> Scores:
        """Margins (log-odds) to probabilities, same shape."""
        return sigmoid(self.slope * margins + self.intercept)

    @classmethod
    def fit(cls, labels: Labels, margins: Scores) -> "PlattScaling":
        """The maximum-likelihood line on margins of rows that the model was not trained on; both classes needed.

        The targets are smoothed, (N+ + 1) / (N+ + 2) and 1 / (N- + 2), so that an optimum exists even where
        the margins separate the classes (Platt 1999); it is found by Newton's method with step halving
        (Lin, Lin & Weng 2007, "A Note on Platt's Probabilistic Outputs").
        """
        positives = int(labels.sum())
        negatives = len(labels) - positives
        targets = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
        # On standardised margins the Hessian is well conditioned whatever the model's scale.
        centre, spread = float(margins.mean()), float(margins.std()) or 1.0
        design = np.column_stack([(margins - centre) / spread, np.ones(len(margins))])
        slope, intercept = _newton(design, targets, np.array([0.0, np.log((positives + 1) / (negatives + 1))]))
        if slope / spread < _SMALLEST_SLOPE:
            slope, intercept = _SMALLEST_SLOPE * spread, np.log((positives + 1) / (negatives + 1))
        return cls(float(slope / spread), float(intercept - slope * centre / spread))


def sigmoid(log_odds: Scores) -> Scores:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * log_odds)))


def _newton(design: Scores, targets: Scores, start: Scores) -> Scores:
    line, loss = start, _loss(design @ start, targets)
    for _ in range(_NEWTON_STEPS):
        probabilities = sigmoid(design @ line)
        gradient = design.T @ (probabilities - targets)
        curvature = design.T @ (design * (probabilities * (1 - probabilities))[:, None])
        step = np.linalg.solve(curvature + 1e-12 * np.eye(2), gradient)
        size = 1.0
        while size > _TOLERANCE and _loss(design @ (line - size * step), targets) > loss:
            size /= 2
        line = line - size * step
        improved = loss - _loss(design @ line, targets)
        loss -= improved
        if improved < _TOLERANCE * len(targets):
            break
    return line


def _loss(log_odds: Scores, targets: Scores) -> float:
    return float(np.sum(np.logaddexp(0, log_odds) - targets * log_odds))
