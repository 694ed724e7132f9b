"""Scores of two models on the same made rows, for the tests of bootstrap, calibration and gate."""

import numpy as np

from intent_platform.modelling.metrics import Labels, Scores


def scored_rows(rows: int, edge: float, seed: int, noise: float = 0.5) -> tuple[Labels, Scores, Scores]:
    """Labels (about 15 % ones) and two models' scores; the first model sees the truth better by `edge`.

    With `edge` 0 both are equally good, and neither is the other.
    """
    generator = np.random.default_rng(seed)
    labels = (generator.random(rows) < 0.15).astype(np.int64)
    labels[0] = 1
    seen_by_both = generator.normal(size=rows) + 2.2 * labels
    scores = [
        1 / (1 + np.exp(3.7 - 1.4 * (seen_by_both + own * labels + noise * generator.normal(size=rows))))
        for own in (edge, 0.0)
    ]
    return labels, scores[0], scores[1]
