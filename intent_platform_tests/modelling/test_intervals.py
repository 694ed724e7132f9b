import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t, ttest_rel
from sklearn.metrics import roc_auc_score

from intent_platform.modelling.intervals import mean_difference, roc_auc_difference
from intent_platform_tests.builders.scores import scored_rows


class TestRocAucDifference:
    def variance_by_definition(self, labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
        """The variance of DeLong et al. (1988), equations 3 to 6, over all pairs of a purchase and another session."""
        over_purchases, over_others = [], []
        for scores in (first, second):
            purchases, others = scores[labels == 1][:, None], scores[labels == 0][None, :]
            wins = (purchases > others) + 0.5 * (purchases == others)
            over_purchases.append(wins.mean(axis=1))
            over_others.append(wins.mean(axis=0))
        variance = 0.0
        for structural in (over_purchases, over_others):
            covariance = np.cov(structural)
            variance += (covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]) / len(structural[0])
        return float(variance)

    @given(st.integers(0, 1_000), st.integers(20, 120), st.sampled_from([1, 8]))
    def test_interval_is_delongs_with_and_without_ties(self, seed, rows, digits):
        labels, first, second = scored_rows(rows, edge=0.5, seed=seed)
        labels[:2], labels[2:4] = 1, 0
        first, second = first.round(digits), second.round(digits)
        interval = roc_auc_difference(labels, first, second, None, 0.9)
        assert interval.estimate == pytest.approx(roc_auc_score(labels, first) - roc_auc_score(labels, second))
        reach = t.ppf(0.95, rows - 1) * np.sqrt(self.variance_by_definition(labels, first, second))
        assert interval.high - interval.estimate == pytest.approx(reach, abs=1e-12)
        assert interval.estimate - interval.low == pytest.approx(reach, abs=1e-12)

    def test_clusters_of_one_row_equal_rows(self):
        rows = scored_rows(200, edge=0.3, seed=1)
        by_row, by_cluster = (roc_auc_difference(*rows, clusters, 0.9) for clusters in (None, np.arange(200)))
        assert by_row.high - by_row.low == pytest.approx(by_cluster.high - by_cluster.low, rel=0.02)

    def test_refuses_fewer_than_two_purchases(self):
        labels, scores = np.array([1, 0, 0, 0]), np.array([0.9, 0.1, 0.2, 0.3])
        with pytest.raises(ValueError, match="two purchases"):
            roc_auc_difference(labels, scores, scores, None, 0.9)


class TestMeanDifference:
    def test_interval_is_students(self):
        first, second = np.random.default_rng(0).normal(size=(2, 40))
        theirs = ttest_rel(first, second).confidence_interval(0.9)
        interval = mean_difference(first, second, None, 0.9)
        assert (interval.low, interval.high) == pytest.approx((theirs.low, theirs.high))

    def test_clusters_of_one_row_equal_rows(self):
        _, first, second = scored_rows(200, edge=0.3, seed=1)
        by_row, by_cluster = (mean_difference(first, second, clusters, 0.9) for clusters in (None, np.arange(200)))
        assert (by_row.low, by_row.high) == pytest.approx((by_cluster.low, by_cluster.high))

    @pytest.mark.parametrize("shared", [0.0, 1.0], ids=["independent sessions", "days share an effect"])
    def test_interval_by_days_covers_the_mean(self, shared):
        """200 samples of 20 days: the mean lies in 9 of 10 intervals, whatever the sessions of a day share."""
        generator, days = np.random.default_rng(2), np.repeat(np.arange(20), 15)
        covered = 0
        for _ in range(200):
            values = generator.normal(size=300) + shared * generator.normal(size=20)[days]
            interval = mean_difference(values, np.zeros(300), days, 0.9)
            covered += interval.low <= 0 <= interval.high
        assert 0.84 <= covered / 200 <= 0.96

    def test_a_single_day_leaves_the_interval_unbounded(self):
        scores = np.array([0.9, 0.1, 0.2, 0.3])
        one_day = mean_difference(scores, scores, np.zeros(4, dtype=int), 0.9)
        assert (one_day.low, one_day.high) == (-np.inf, np.inf)

    def test_refuses_no_rows(self):
        with pytest.raises(ValueError, match="row"):
            mean_difference(np.array([]), np.array([]), None, 0.9)
