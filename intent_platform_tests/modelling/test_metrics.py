import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, precision_score, recall_score

from intent_platform.modelling.metrics import Labels, Metrics, Scores, measure, precision_recall_curve, reliability

scored_sessions = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=60)
uncertain_sessions = st.lists(st.tuples(st.integers(0, 1), st.floats(0.01, 0.99)), min_size=1, max_size=60)


def arrays(rows: Sequence[tuple[int, float]]) -> tuple[Labels, Scores]:
    labels, scores = zip(*rows, strict=True)
    return np.array(labels), np.array(scores, dtype=float)


class TestMeasure:
    @given(scored_sessions)
    def test_every_metric_is_finite_or_none(self, rows):
        assert all(value is None or np.isfinite(value) for value in measure(*arrays(rows)).as_dict().values())

    @given(scored_sessions)
    def test_metrics_survive_json(self, rows):
        metrics = measure(*arrays(rows))
        assert Metrics.from_dict(json.loads(json.dumps(metrics.as_dict(), allow_nan=False))) == metrics

    @given(scored_sessions, st.randoms())
    def test_row_order_does_not_matter(self, rows, random):
        shuffled = random.sample(rows, len(rows))
        first, second = measure(*arrays(rows)).as_dict(), measure(*arrays(shuffled)).as_dict()
        for name, value in first.items():
            assert second[name] == (None if value is None else pytest.approx(value)), name

    @given(uncertain_sessions)
    def test_metrics_equal_sklearn(self, rows):
        labels, scores = arrays(rows)
        metrics = measure(labels, scores)
        assert metrics.brier == pytest.approx(brier_score_loss(labels, scores, labels=[0, 1]))
        assert metrics.log_loss == pytest.approx(log_loss(labels, scores, labels=[0, 1]))
        if metrics.precision is not None:
            assert metrics.precision == pytest.approx(precision_score(labels, scores >= 0.5))
        if metrics.recall is not None:
            assert metrics.recall == pytest.approx(recall_score(labels, scores >= 0.5))

    def test_metrics_that_need_both_classes_are_none_for_one(self):
        without_purchases = measure(np.zeros(3, dtype=int), np.array([0.1, 0.2, 0.3]))
        assert (without_purchases.pr_auc, without_purchases.roc_auc) == (None, None)
        assert (without_purchases.precision, without_purchases.recall) == (None, None)
        assert without_purchases.accuracy == 1.0

    def test_no_rows_give_counts_of_zero_and_no_metrics(self):
        assert set(measure(np.array([], dtype=int), np.array([])).as_dict().values()) == {0, None}

    def test_calibration_error_is_the_mean_gap(self):
        labels = np.array([0] * 90 + [1] * 10)
        assert measure(labels, np.full(100, 0.1)).calibration_error == pytest.approx(0.0)
        assert measure(labels, np.full(100, 0.4)).calibration_error == pytest.approx(0.3)


class TestReliability:
    @given(scored_sessions, st.integers(1, 12))
    def test_bins_hold_every_row_once(self, rows, bins):
        labels, scores = arrays(rows)
        points = reliability(labels, scores, bins)
        assert sum(point.sessions for point in points) == len(labels)
        assert sum(point.sessions * point.rate for point in points) == pytest.approx(labels.sum())

    @given(scored_sessions, st.integers(1, 12))
    def test_bins_rise_and_are_not_more_than_asked_for(self, rows, bins):
        points = reliability(*arrays(rows), bins)
        assert [point.mean_score for point in points] == sorted(point.mean_score for point in points)
        assert len(points) <= bins


class TestPrecisionRecallCurve:
    def test_recall_runs_from_zero_to_one(self):
        curve = precision_recall_curve(np.array([0, 1, 0, 1]), np.array([0.1, 0.9, 0.4, 0.4]))
        assert curve.recall.tolist() == sorted(curve.recall)
        assert (curve.recall[0], curve.recall[-1]) == (0.0, 1.0)
        assert curve.recall.shape == curve.precision.shape

    def test_refuses_rows_without_a_purchase(self):
        with pytest.raises(ValueError, match="purchase"):
            precision_recall_curve(np.zeros(2, dtype=int), np.array([0.1, 0.2]))
