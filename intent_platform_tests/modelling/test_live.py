"""The quality of live scores, measured from counts by bin, nearly equals the quality of the sessions themselves."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from intent_platform.modelling.live import BINS, LiveScores, pr_auc_over

RESAMPLING: Any = {"resamples": 500, "confidence": 0.99, "seed": 0}


def calibrated_sessions(rows: int, seed: int, skill: float = 1.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Days, scores and purchases of a calibrated model."""
    random = np.random.default_rng(seed)
    scores = 1 / (1 + np.exp(2.5 - skill * random.normal(size=rows)))
    return random.integers(0, 14, rows), scores, (random.random(rows) < scores).astype(int)


def counted(days: np.ndarray, scores: np.ndarray, labels: np.ndarray, number_of_days: int = 14) -> LiveScores:
    """The sums by day and by bin, as the warehouse computes them."""
    bins = np.minimum(np.sqrt(scores) * BINS, BINS - 1).astype(int)
    sessions, purchases = np.zeros((2, number_of_days, BINS), dtype=np.int64)
    np.add.at(sessions, (days, bins), 1)
    np.add.at(purchases, (days, bins), labels)

    def by_day(values: np.ndarray) -> np.ndarray:
        return np.bincount(days, values, number_of_days)

    return LiveScores(
        sessions, purchases, by_day(scores), by_day(scores * (1 - scores)), by_day((scores - labels) ** 2)
    )


class TestLiveScores:
    def test_metrics_equal_those_of_the_sessions(self):
        days, scores, labels = calibrated_sessions(20_000, seed=1)
        live = counted(days, scores, labels)
        assert live.rows == 20_000
        assert live.positives == labels.sum()
        assert live.pr_auc == pytest.approx(average_precision_score(labels, scores), abs=0.002)
        assert live.roc_auc(0.9).estimate == pytest.approx(roc_auc_score(labels, scores), abs=0.001)
        assert live.brier == pytest.approx(np.mean((scores - labels) ** 2))
        assert live.purchases_per_expected(0.9).estimate == pytest.approx(labels.sum() / scores.sum())

    def test_chosen_days_are_measured_alone(self):
        days, scores, labels = calibrated_sessions(3_000, seed=2)
        live = counted(days, scores, labels).of(slice(3, 7))
        chosen = (days >= 3) & (days < 7)
        alone = counted(days[chosen] - 3, scores[chosen], labels[chosen], number_of_days=4)
        assert live.pr_auc == alone.pr_auc
        assert live.brier == pytest.approx(alone.brier)

    def test_intervals_cover_the_truth_at_their_confidence(self):
        truth = roc_auc_score(*reversed(calibrated_sessions(200_000, seed=999)[1:]))
        covered = {"ratio": 0, "area": 0}
        for seed in range(300):
            live = counted(*calibrated_sessions(400, seed))
            ratio, area = live.purchases_per_expected(0.9), live.roc_auc(0.9)
            covered["ratio"] += ratio.low <= 1 <= ratio.high
            covered["area"] += area.low <= truth <= area.high
        assert 0.85 * 300 < covered["ratio"] < 0.95 * 300
        assert 0.85 * 300 < covered["area"] < 0.95 * 300


class TestPrAucOver:
    @pytest.fixture(scope="class")
    @classmethod
    def models(cls) -> tuple[LiveScores, LiveScores]:
        """A calibrated model, and the same model with blurred scores."""
        days, scores, labels = calibrated_sessions(6_000, seed=3)
        blurred = np.clip(scores + np.random.default_rng(0).normal(0, 0.15, len(scores)), 0, 1)
        return counted(days, scores, labels), counted(days, blurred, labels)

    def test_a_worse_model_is_below_zero(self, models):
        good, blurred = models
        assert pr_auc_over(blurred, good, **RESAMPLING).high < 0

    def test_a_model_equals_itself(self, models):
        good, _ = models
        same = pr_auc_over(good, good, **RESAMPLING)
        assert (same.low, same.estimate, same.high) == (0, 0, 0)

    def test_same_seed_gives_the_same_interval(self, models):
        good, blurred = models
        assert pr_auc_over(good, blurred, **RESAMPLING) == pr_auc_over(good, blurred, **RESAMPLING)

    def test_refuses_a_single_day(self):
        live = counted(*calibrated_sessions(300, seed=4)).of(slice(0, 1))
        with pytest.raises(ValueError, match="at least two"):
            pr_auc_over(live, live, resamples=200, confidence=0.9, seed=0)
