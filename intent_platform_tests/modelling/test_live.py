"""Quality from counts by bin is the quality of the sessions themselves, nearly."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from intent_platform.modelling.drift import population_stability_index, profile_of, shares_of
from intent_platform.modelling.live import BINS, LiveScores, pr_auc_over


def sessions_of(rows: int, seed: int, skill: float = 1.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Days, scores and purchases of a calibrated model."""
    random = np.random.default_rng(seed)
    scores = 1 / (1 + np.exp(2.5 - skill * random.normal(size=rows)))
    return random.integers(0, 14, rows), scores, (random.random(rows) < scores).astype(int)


def counted(days: np.ndarray, scores: np.ndarray, labels: np.ndarray, of: int = 14) -> LiveScores:
    bins = np.minimum(np.sqrt(scores) * BINS, BINS - 1).astype(int)
    sessions, purchases = np.zeros((2, of, BINS), dtype=np.int64)
    np.add.at(sessions, (days, bins), 1)
    np.add.at(purchases, (days, bins), labels)

    def by_day(values: np.ndarray) -> np.ndarray:
        return np.bincount(days, values, of)

    return LiveScores(
        sessions, purchases, by_day(scores), by_day(scores * (1 - scores)), by_day((scores - labels) ** 2)
    )


def test_counts_by_bin_give_the_metrics_of_the_sessions():
    days, scores, labels = sessions_of(20_000, seed=1)
    live = counted(days, scores, labels)
    assert live.rows == 20_000
    assert live.positives == labels.sum()
    assert live.pr_auc == pytest.approx(average_precision_score(labels, scores), abs=0.002)
    assert live.roc_auc(0.9).estimate == pytest.approx(roc_auc_score(labels, scores), abs=0.001)
    assert live.brier == pytest.approx(np.mean((scores - labels) ** 2))
    assert live.purchases_per_expected(0.9).estimate == pytest.approx(labels.sum() / scores.sum())


def test_some_of_the_days_are_those_days():
    days, scores, labels = sessions_of(3_000, seed=2)
    live = counted(days, scores, labels).of(slice(3, 7))
    chosen = (days >= 3) & (days < 7)
    alone = counted(days[chosen] - 3, scores[chosen], labels[chosen], of=4)
    assert live.pr_auc == alone.pr_auc
    assert live.brier == pytest.approx(alone.brier)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    held, truth = {"ratio": 0, "area": 0}, roc_auc_score(*reversed(sessions_of(200_000, seed=999)[1:]))
    for seed in range(300):
        live = counted(*sessions_of(400, seed))
        ratio, area = live.purchases_per_expected(0.9), live.roc_auc(0.9)
        held["ratio"] += ratio.low <= 1 <= ratio.high
        held["area"] += area.low <= truth <= area.high
    assert 0.85 * 300 < held["ratio"] < 0.95 * 300
    assert 0.85 * 300 < held["area"] < 0.95 * 300


def test_a_worse_model_is_seen_and_an_equal_one_is_not():
    days, scores, labels = sessions_of(6_000, seed=3)
    good = counted(days, scores, labels)
    blurred = counted(days, np.clip(scores + np.random.default_rng(0).normal(0, 0.15, len(scores)), 0, 1), labels)
    options: Any = {"resamples": 500, "confidence": 0.99, "seed": 0}
    assert pr_auc_over(blurred, good, **options).high < 0
    same = pr_auc_over(good, good, **options)
    assert (same.low, same.estimate, same.high) == (0, 0, 0)
    assert pr_auc_over(good, blurred, **options) == pr_auc_over(good, blurred, **options)


def test_one_day_cannot_be_resampled():
    live = counted(*sessions_of(300, seed=4)).of(slice(0, 1))
    with pytest.raises(ValueError, match="at least two"):
        pr_auc_over(live, live, resamples=200, confidence=0.9, seed=0)


def index_of(before: np.ndarray, after: np.ndarray) -> float:
    profile = profile_of(before)
    up_to = [int((after <= edge).sum()) for edge in profile.edges]
    return population_stability_index(profile.shares, shares_of(up_to, len(after)))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200))
def test_a_profile_holds_all_that_it_was_made_of(values: list[float]):
    array = np.array(values)
    profile = profile_of(array)
    assert sum(profile.shares) == pytest.approx(1, abs=1e-4)
    assert profile.shares[-1] == 0
    assert profile.edges[-1] == array.max()
    assert list(profile.edges) == sorted(set(profile.edges))
    assert index_of(array, array) == pytest.approx(0, abs=1e-3)


def test_drift_is_nothing_by_chance_and_much_when_the_population_is_another():
    random = np.random.default_rng(5)
    before = random.exponential(1, 5_000)
    assert index_of(before, random.exponential(1, 3_000)) < 0.02
    assert index_of(before, random.exponential(2, 3_000)) > 0.25


def test_a_code_that_was_never_seen_is_drift():
    random = np.random.default_rng(6)
    codes = random.choice([1, 2, 2, 2, 4], 5_000).astype(float)
    release = np.where(random.random(5_000) < 0.1, 14.0, codes)
    assert index_of(codes, release) > 0.25
