import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intent_platform.modelling.calibration import PlattScaling, sigmoid


class TestPlattScaling:
    @given(st.floats(0.2, 4), st.floats(-3, 1), st.integers(0, 1_000))
    def test_finds_the_line_that_made_the_labels(self, slope, intercept, seed):
        generator = np.random.default_rng(seed)
        margins = generator.normal(size=4_000) * 2
        labels = (generator.random(4_000) < sigmoid(slope * margins + intercept)).astype(int)
        line = PlattScaling.fit(labels, margins)
        assert line.slope == pytest.approx(slope, rel=0.35, abs=0.1)
        # The likelihood is stationary there: predicted and observed purchases are nearly equal in sum.
        assert line(margins).mean() == pytest.approx(labels.mean(), abs=2e-3)

    @given(st.lists(st.tuples(st.integers(0, 1), st.floats(-50, 50)), min_size=2, max_size=50))
    def test_probabilities_keep_the_order_of_the_margins(self, rows):
        labels, margins = (np.array(column) for column in zip(*rows, strict=True))
        line = PlattScaling.fit(labels, margins.astype(float))
        probabilities = line(np.sort(margins.astype(float)))
        assert line.slope > 0
        assert np.all(np.isfinite(probabilities))
        assert np.all(np.diff(probabilities) >= 0)

    def test_misleading_margins_give_the_prevalence(self):
        labels = np.array([1] * 10 + [0] * 90)
        line = PlattScaling.fit(labels, -5.0 * labels)
        assert line(np.array([-5.0, 0.0])) == pytest.approx([0.11, 0.11], abs=0.02)

    def test_perfectly_separated_classes_have_an_optimum(self):
        labels = np.array([0] * 50 + [1] * 50)
        line = PlattScaling.fit(labels, np.where(labels == 1, 3.0, -3.0))
        assert line(np.array([-3.0, 3.0])) == pytest.approx([1 / 52, 51 / 52], abs=1e-4)


class TestSigmoid:
    def test_does_not_overflow(self):
        assert sigmoid(np.array([-1e6, 0.0, 1e6])).tolist() == [0.0, 0.5, 1.0]
