import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t
from sklearn.metrics import average_precision_score

from intent_platform.modelling import bootstrap
from intent_platform.modelling.bootstrap import average_precision, chance_pr_auc, pr_auc_difference
from intent_platform_tests.builders.scores import scored_rows

few_scores = st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.9, 1.0])  # few of them: many ties


def measured_difference(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """The difference in average precision, by scikit-learn."""
    return float(average_precision_score(labels, first) - average_precision_score(labels, second))


class TestAveragePrecision:
    @given(st.data(), st.integers(1, 40))
    def test_equals_sklearn_with_weights_and_ties(self, data, rows):
        labels = np.array(data.draw(st.lists(st.integers(0, 1), min_size=rows, max_size=rows).filter(any)))
        scores = np.array(data.draw(st.lists(few_scores, min_size=rows, max_size=rows)))
        weights = np.array(data.draw(st.lists(st.integers(0, 4), min_size=rows, max_size=rows)))
        ours = average_precision(labels, scores, weights[None, :])[0]
        if weights @ labels == 0:
            assert np.isnan(ours)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # sklearn divides by a zero weight above the first row that counts
                theirs = average_precision_score(labels, scores, sample_weight=weights)
            assert ours == pytest.approx(theirs)


class TestPrAucDifference:
    @pytest.fixture
    def options(self) -> dict[str, Any]:
        return {"resamples": 400, "confidence": 0.9, "seed": 7}

    @pytest.mark.parametrize("digits", [1, 8], ids=["many ties", "hardly any ties"])
    def test_interval_equals_a_plain_bootstrap_of_rows(self, digits):
        """The fast path counts kinds of rows. The plain one draws rows and measures both models with sklearn."""
        labels, first, second = scored_rows(80, edge=0.5, seed=3)
        first, second = first.round(digits), second.round(digits)
        drawn = np.random.default_rng(5).integers(0, 80, size=(300, 80))
        plain = [measured_difference(labels[draw], first[draw], second[draw]) for draw in drawn]
        interval = pr_auc_difference(labels, first, second, resamples=300, confidence=0.9, seed=5)
        tail = norm.cdf(-np.sqrt(80 / 79) * t.ppf(0.95, 79))  # a little outside of 5 %: Hesterberg's expansion
        assert interval.low == pytest.approx(np.quantile(plain, tail))
        assert interval.high == pytest.approx(np.quantile(plain, 1 - tail))
        assert interval.estimate == pytest.approx(measured_difference(labels, first, second))

    def test_estimate_lies_inside_the_interval(self, options):
        interval = pr_auc_difference(*scored_rows(300, edge=0.5, seed=1), **options)
        assert interval.low < interval.estimate < interval.high

    def test_same_seed_gives_the_same_interval(self, options):
        rows = scored_rows(300, edge=0.5, seed=1)
        assert pr_auc_difference(*rows, **options) == pr_auc_difference(*rows, **options)

    def test_swapped_models_mirror_the_interval(self, options):
        labels, first, second = scored_rows(300, edge=0.5, seed=1)
        interval = pr_auc_difference(labels, first, second, **options)
        mirrored = pr_auc_difference(labels, second, first, **options)
        assert [mirrored.low, mirrored.high] == pytest.approx([-interval.high, -interval.low])

    def test_only_the_ranking_counts(self, options):
        labels, first, second = scored_rows(200, edge=0.0, seed=2)
        stretched = pr_auc_difference(labels, first**3, second, **options)
        assert stretched == pr_auc_difference(labels, first, second, **options)

    def test_equal_rankings_do_not_differ(self, options):
        labels, first, _ = scored_rows(200, edge=0.0, seed=2)
        same = pr_auc_difference(labels, first, first / 2, **options)
        assert (same.low, same.estimate, same.high) == (0.0, 0.0, 0.0)

    def test_chunks_that_bound_memory_do_not_change_it(self, options, monkeypatch):
        rows = scored_rows(100, edge=0.2, seed=4)
        whole = pr_auc_difference(*rows, **options)
        monkeypatch.setattr(bootstrap, "_DRAWS_AT_ONCE", 1_000)
        assert pr_auc_difference(*rows, **options) == whole

    def test_draws_without_a_purchase_are_left_out(self, options):
        labels, scores = np.array([1] + [0] * 9), np.linspace(1, 0, 10)
        interval = pr_auc_difference(labels, scores, scores[::-1], **{**options, "seed": 0})
        assert 200 < (interval.resamples or 0) < 300  # (1 - 1/10)^10 of the draws miss the one purchase

    def test_refuses_rows_without_a_purchase(self, options):
        scores = np.linspace(1, 0, 10)
        with pytest.raises(ValueError, match="purchase"):
            pr_auc_difference(np.zeros(10, dtype=int), scores, scores, **options)

    def test_equal_models_rarely_look_superior(self):
        """A/A: 400 pairs of models of equal skill, 40 purchases each. Expected 5 %, standard error 1.1 %."""
        superior = 0
        for seed in range(400):
            labels, first, second = scored_rows(270, edge=0.0, seed=seed)
            superior += pr_auc_difference(labels, first, second, resamples=300, confidence=0.9, seed=0).low > 0
        assert 0.02 <= superior / 400 <= 0.085


class TestPrAucDifferenceByClusters:
    def test_interval_equals_a_plain_bootstrap_of_days(self):
        """The fast path multiplies counts. The plain one takes the rows of each drawn day and measures with sklearn."""
        labels, first, second = scored_rows(120, edge=0.5, seed=3)
        days = np.sort(np.random.default_rng(0).integers(0, 15, 120))
        days = np.unique(days, return_inverse=True)[1]
        number = days.max() + 1
        plain = []
        for draw in np.random.default_rng(5).integers(0, number, size=(300, number)):
            rows = np.concatenate([np.flatnonzero(days == day) for day in draw])
            plain.append(measured_difference(labels[rows], first[rows], second[rows]))
        interval = pr_auc_difference(labels, first, second, resamples=300, confidence=0.9, seed=5, clusters=days)
        tail = norm.cdf(-np.sqrt(number / (number - 1)) * t.ppf(0.95, number - 1))
        assert interval.low == pytest.approx(np.quantile(plain, tail), abs=1e-6)
        assert interval.high == pytest.approx(np.quantile(plain, 1 - tail), abs=1e-6)

    def test_refuses_a_single_cluster(self):
        rows, one_day = scored_rows(120, edge=0.5, seed=3), np.zeros(120, int)
        with pytest.raises(ValueError, match="two"):
            pr_auc_difference(*rows, resamples=300, confidence=0.9, seed=5, clusters=one_day)


class TestChanceLevel:
    def test_random_rankings_rarely_exceed_it(self):
        """Random rankings, 20 purchases each. Expected 5 %, standard error 1.1 %."""
        exceeded = 0
        for seed in range(400):
            generator = np.random.default_rng(seed)
            labels, scores = (np.arange(140) < 20).astype(int), generator.random(140).round(2)
            measured = average_precision(labels, scores, np.ones((1, 140), dtype=int))[0]
            exceeded += measured > chance_pr_auc(labels, scores, resamples=300, level=0.95, seed=0)
        assert 0.02 <= exceeded / 400 <= 0.085
