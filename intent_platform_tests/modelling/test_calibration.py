import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intent_platform.modelling.calibration import PlattScaling, sigmoid


@given(st.floats(0.2, 4), st.floats(-3, 1), st.integers(0, 1_000))
def test_the_line_that_made_the_labels_is_found_again(slope, intercept, seed):
    generator = np.random.default_rng(seed)
    margins = generator.normal(size=4_000) * 2
    labels = (generator.random(4_000) < sigmoid(slope * margins + intercept)).astype(int)
    line = PlattScaling.fit(labels, margins)
    assert line.slope == pytest.approx(slope, rel=0.35, abs=0.1)
    # The likelihood is stationary there: what is predicted in all is (nearly) what was seen.
    assert line(margins).mean() == pytest.approx(labels.mean(), abs=2e-3)


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(-50, 50)), min_size=2, max_size=50))
def test_any_margins_give_probabilities_in_their_order(rows):
    labels, margins = (np.array(column) for column in zip(*rows, strict=True))
    line = PlattScaling.fit(labels, margins.astype(float))
    probabilities = line(np.sort(margins.astype(float)))
    assert line.slope > 0
    assert np.all(np.isfinite(probabilities))
    assert np.all(np.diff(probabilities) >= 0)


def test_margins_that_mislead_say_the_prevalence():
    labels = np.array([1] * 10 + [0] * 90)
    line = PlattScaling.fit(labels, -5.0 * labels)
    assert line(np.array([-5.0, 0.0])) == pytest.approx([0.11, 0.11], abs=0.02)


def test_classes_that_margins_separate_still_have_an_optimum():
    labels = np.array([0] * 50 + [1] * 50)
    line = PlattScaling.fit(labels, np.where(labels == 1, 3.0, -3.0))
    assert line(np.array([-3.0, 3.0])) == pytest.approx([1 / 52, 51 / 52], abs=1e-4)


def test_the_sigmoid_does_not_overflow():
    assert sigmoid(np.array([-1e6, 0.0, 1e6])).tolist() == [0.0, 0.5, 1.0]
