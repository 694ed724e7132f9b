import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, precision_score, recall_score

from intent_platform.modelling.metrics import Labels, Metrics, Scores, measure, precision_recall_curve, reliability

probabilities = st.floats(0, 1)
scored = st.lists(st.tuples(st.integers(0, 1), probabilities), min_size=1, max_size=60)


def arrays(rows: Sequence[tuple[int, float]]) -> tuple[Labels, Scores]:
    labels, scores = zip(*rows, strict=True)
    return np.array(labels), np.array(scores, dtype=float)


@given(scored)
def test_every_metric_is_finite_or_none_and_ready_for_json(rows):
    metrics = measure(*arrays(rows))
    values = metrics.as_dict()
    assert all(value is None or np.isfinite(value) for value in values.values())
    assert Metrics.from_dict(json.loads(json.dumps(values, allow_nan=False))) == metrics


@given(scored, st.randoms())
def test_the_order_of_the_rows_does_not_matter(rows, random):
    shuffled = random.sample(rows, len(rows))
    first, second = measure(*arrays(rows)).as_dict(), measure(*arrays(shuffled)).as_dict()
    for name, value in first.items():
        assert second[name] == (None if value is None else pytest.approx(value)), name


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0.01, 0.99)), min_size=1, max_size=60))
def test_the_numbers_are_sklearns(rows):
    labels, scores = arrays(rows)
    metrics = measure(labels, scores)
    assert metrics.brier == pytest.approx(brier_score_loss(labels, scores, labels=[0, 1]))
    assert metrics.log_loss == pytest.approx(log_loss(labels, scores, labels=[0, 1]))
    if metrics.precision is not None:
        assert metrics.precision == pytest.approx(precision_score(labels, scores >= 0.5))
    if metrics.recall is not None:
        assert metrics.recall == pytest.approx(recall_score(labels, scores >= 0.5))


def test_what_one_class_does_not_define_is_none():
    nothing_bought = measure(np.zeros(3, dtype=int), np.array([0.1, 0.2, 0.3]))
    assert (nothing_bought.pr_auc, nothing_bought.roc_auc) == (None, None)
    assert (nothing_bought.precision, nothing_bought.recall) == (None, None)
    assert nothing_bought.accuracy == 1.0
    assert set(measure(np.array([], dtype=int), np.array([])).as_dict().values()) == {0, None}


@given(scored, st.integers(1, 12))
def test_reliability_bins_hold_every_row_once_and_rise(rows, bins):
    labels, scores = arrays(rows)
    points = reliability(labels, scores, bins)
    assert sum(point.sessions for point in points) == len(labels)
    assert sum(point.sessions * point.rate for point in points) == pytest.approx(labels.sum())
    assert [point.mean_score for point in points] == sorted(point.mean_score for point in points)
    assert len(points) <= bins


def test_the_calibration_error_is_the_mean_gap():
    labels = np.array([0] * 90 + [1] * 10)
    assert measure(labels, np.full(100, 0.1)).calibration_error == pytest.approx(0.0)
    assert measure(labels, np.full(100, 0.4)).calibration_error == pytest.approx(0.3)


def test_the_curve_runs_from_recall_zero_to_one():
    curve = precision_recall_curve(np.array([0, 1, 0, 1]), np.array([0.1, 0.9, 0.4, 0.4]))
    assert curve.recall.tolist() == sorted(curve.recall)
    assert (curve.recall[0], curve.recall[-1]) == (0.0, 1.0)
    assert curve.recall.shape == curve.precision.shape
    with pytest.raises(ValueError, match="purchase"):
        precision_recall_curve(np.zeros(2, dtype=int), np.array([0.1, 0.2]))
