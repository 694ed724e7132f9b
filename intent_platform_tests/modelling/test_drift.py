import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intent_platform.modelling.drift import population_stability_index, profile_of, shares_of

samples = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200).map(np.array)


def drift(before: np.ndarray, after: np.ndarray) -> float:
    """The population stability index of `after`, in the bins of the profile of `before`."""
    profile = profile_of(before)
    up_to = [int((after <= edge).sum()) for edge in profile.edges]
    return population_stability_index(profile.shares, shares_of(up_to, len(after)))


class TestProfile:
    @given(samples)
    def test_shares_cover_the_whole_sample(self, sample: np.ndarray):
        profile = profile_of(sample)
        assert sum(profile.shares) == pytest.approx(1, abs=1e-4)
        assert profile.shares[-1] == 0

    @given(samples)
    def test_edges_rise_to_the_maximum(self, sample: np.ndarray):
        profile = profile_of(sample)
        assert profile.edges[-1] == sample.max()
        assert list(profile.edges) == sorted(set(profile.edges))


class TestPopulationStabilityIndex:
    @given(samples)
    def test_is_zero_for_the_same_sample(self, sample: np.ndarray):
        assert drift(sample, sample) == pytest.approx(0, abs=1e-3)

    def test_is_small_for_another_sample_of_a_population(self):
        random = np.random.default_rng(5)
        assert drift(random.exponential(1, 5_000), random.exponential(1, 3_000)) < 0.02

    def test_is_large_for_another_population(self):
        random = np.random.default_rng(5)
        assert drift(random.exponential(1, 5_000), random.exponential(2, 3_000)) > 0.25

    def test_is_large_for_a_new_code(self):
        random = np.random.default_rng(6)
        codes = random.choice([1, 2, 2, 2, 4], 5_000).astype(float)
        with_new_code = np.where(random.random(5_000) < 0.1, 14.0, codes)
        assert drift(codes, with_new_code) > 0.25
