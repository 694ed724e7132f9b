"""The gate on 300 windows of each kind with a known truth. `make bench what=gate` simulates more (docs/gate.md).

The seeds are fixed, so luck changes nothing. The bounds are the nominal rate and 2.5 standard errors.
"""

from functools import partial
from math import sqrt

import pytest

from bench.gate import Rates, rates
from bench.simulation import World
from intent_platform.settings import load_settings

WINDOWS = 300
NOMINAL_RATE = 0.05  # of wrong promotions
POLICY = load_settings().gate.model_copy(update={"resamples": 200})
simulated_rates = partial(rates, purchases=40, policy=POLICY, windows=WINDOWS, processes=1)


def error(share: float) -> float:
    """2.5 standard errors of a share."""
    return 2.5 * sqrt(share * (1 - share) / WINDOWS)


LOWEST_COVERAGE = POLICY.confidence - error(POLICY.confidence)
HIGHEST_ERROR_RATE = NOMINAL_RATE + error(NOMINAL_RATE)


class TestEqualModel:
    @pytest.fixture(scope="class", params=[0.0, 0.9], ids=["equal days", "good and bad days"])
    @classmethod
    def found(cls, request) -> Rates:
        return simulated_rates(World(day_error=request.param))

    def test_interval_covers_the_truth_at_its_confidence(self, found):
        assert found.covered >= LOWEST_COVERAGE

    def test_looks_superior_at_most_at_the_nominal_rate(self, found):
        assert 0 < found.superior <= HIGHEST_ERROR_RATE

    def test_is_promoted_only_where_it_looks_superior(self, found):
        assert found.promoted <= found.superior


class TestSessionsResampledOneByOne:
    """Why the gate resamples whole days: with single sessions it would promote equal models too often."""

    @pytest.fixture(scope="class")
    @classmethod
    def found(cls) -> Rates:
        policy = POLICY.model_copy(update={"cluster_days": 8})
        return simulated_rates(World(day_error=0.9), policy=policy, purchases=100, days=7)

    def test_an_equal_model_looks_superior_too_often(self, found):
        assert found.superior > HIGHEST_ERROR_RATE

    def test_interval_covers_the_truth_too_rarely(self, found):
        assert found.covered < LOWEST_COVERAGE


class TestFresherModel:
    world = World(edge=-0.07)

    def test_is_made_worse_by_the_margin(self):
        assert POLICY.fresher_margin is not None
        assert self.world.truth == pytest.approx(-POLICY.fresher_margin, abs=0.001)

    def test_worse_by_the_margin_passes_at_most_at_the_nominal_rate(self):
        assert simulated_rates(self.world, fresher=True).promoted <= HIGHEST_ERROR_RATE


class TestMuchBetterModel:
    world = World(edge=0.44)

    @pytest.fixture(scope="class")
    @classmethod
    def found(cls) -> Rates:
        return simulated_rates(cls.world)

    def test_is_made_better_by_a_tenth(self):
        assert self.world.truth == pytest.approx(0.10, abs=0.001)

    def test_looks_superior_even_in_a_thin_window(self, found):
        assert found.superior >= 0.75

    def test_interval_covers_the_truth_at_its_confidence(self, found):
        assert found.covered >= LOWEST_COVERAGE


class TestOverconfidentModel:
    @pytest.fixture(scope="class")
    @classmethod
    def found(cls) -> Rates:
        """The model ranks better but is no longer calibrated."""
        return simulated_rates(World(edge=0.3, overconfidence=3.0))

    def test_looks_superior_and_is_not_promoted(self, found):
        assert found.superior > 0.5
        assert found.promoted < 0.05

    def test_is_stopped_by_the_log_loss_guardrail(self, found):
        assert found.stopped["guardrail_log_loss"] > 0.95 * WINDOWS
