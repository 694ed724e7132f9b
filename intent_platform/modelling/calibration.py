"""Platt scaling: turns a model's margin into a calibrated probability.

CatBoost stores the two numbers of the scaling inside the model. `metrics` measures how well scores are calibrated.
"""

from dataclasses import dataclass

import numpy as np

from intent_platform.modelling.metrics import Labels, Scores

_NEWTON_STEPS = 100
_TOLERANCE = 1e-10
# Margins without information can fit a slope of zero or below, which would flatten or reverse the ranking. This slope
# keeps the ranking and gives scores close to the prevalence.
_SMALLEST_SLOPE = 1e-3


@dataclass(frozen=True)
class PlattScaling:
    """`sigmoid(slope * margin + intercept)`. `slope` is positive, so the ranking does not change."""

    slope: float
    intercept: float

    def __call__(self, margins: Scores) -> Scores:
        """Return the probabilities of margins (log-odds), in the same shape."""
        return sigmoid(self.slope * margins + self.intercept)

    @classmethod
    def fit(cls, labels: Labels, margins: Scores) -> "PlattScaling":
        """Fit the line of maximum likelihood.

        The targets are smoothed to (N+ + 1) / (N+ + 2) and 1 / (N- + 2) (Platt 1999). An optimum then exists even where
        the margins separate the classes. Newton's method with step halving finds it (Lin, Lin & Weng 2007, "A Note on
        Platt's Probabilistic Outputs").

        Args:
            labels: 0 or 1, shape (rows,). Both classes are needed.
            margins: log-odds of rows that the model was not trained on, shape (rows,).
        """
        positives = int(labels.sum())
        negatives = len(labels) - positives
        targets = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
        # Standardised margins keep the Hessian well conditioned on every scale of the model.
        centre, spread = float(margins.mean()), float(margins.std()) or 1.0
        design = np.column_stack([(margins - centre) / spread, np.ones(len(margins))])
        slope, intercept = _newton(design, targets, np.array([0.0, np.log((positives + 1) / (negatives + 1))]))
        if slope / spread < _SMALLEST_SLOPE:
            slope, intercept = _SMALLEST_SLOPE * spread, np.log((positives + 1) / (negatives + 1))
        return cls(float(slope / spread), float(intercept - slope * centre / spread))


def sigmoid(log_odds: Scores) -> Scores:
    """Return 1 / (1 + exp(-x)) without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * log_odds)))


def _newton(design: Scores, targets: Scores, start: Scores) -> Scores:
    line, loss = start, _loss(design @ start, targets)
    for _ in range(_NEWTON_STEPS):
        probabilities = sigmoid(design @ line)
        gradient = design.T @ (probabilities - targets)
        curvature = design.T @ (design * (probabilities * (1 - probabilities))[:, None])
        # The small ridge keeps the system solvable when all margins are equal.
        step = np.linalg.solve(curvature + 1e-12 * np.eye(2), gradient)
        # A full step may overshoot, so it is halved until the loss does not rise.
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
