"""The gate on 300 windows of each kind with a known truth; `make bench what=gate` does it at length (docs/gate.md).

The seeds are fixed, so that nothing here depends on luck. Bounds are the nominal rate and 2.5 standard errors.
"""

from functools import partial
from math import sqrt
from pathlib import Path

import pytest

from bench.document import fill
from bench.gate import rates
from bench.simulation import World
from intent_platform.settings import load_settings

WINDOWS = 300
POLICY = load_settings().gate.model_copy(update={"resamples": 200})
SIMULATE = partial(rates, purchases=40, policy=POLICY, windows=WINDOWS, processes=1)


def error(share: float) -> float:
    return 2.5 * sqrt(share * (1 - share) / WINDOWS)


@pytest.mark.parametrize("day_error", [0.0, 0.9])
def test_an_equal_model_is_promoted_no_more_often_than_is_nominal(day_error):
    found = SIMULATE(World(day_error=day_error))
    assert found.covered >= POLICY.confidence - error(POLICY.confidence)
    assert 0 < found.superior <= 0.05 + error(0.05)
    assert found.promoted <= found.superior


def test_sessions_resampled_one_by_one_would_promote_equal_models_that_have_good_and_bad_days():
    by_session = SIMULATE(
        World(day_error=0.9), policy=POLICY.model_copy(update={"cluster_days": 8}), purchases=100, days=7
    )
    assert by_session.superior > 0.05 + error(0.05)
    assert by_session.covered < POLICY.confidence - error(POLICY.confidence)


def test_a_fresher_model_that_is_worse_by_the_margin_passes_no_more_often_than_is_nominal():
    assert POLICY.fresher_margin is not None
    worse = World(edge=-0.07)
    assert worse.truth == pytest.approx(-POLICY.fresher_margin, abs=0.001)
    assert SIMULATE(worse, fresher=True).promoted <= 0.05 + error(0.05)


def test_a_much_better_model_is_found_even_in_a_thin_window():
    better = World(edge=0.44)
    assert better.truth == pytest.approx(0.10, abs=0.001)
    found = SIMULATE(better)
    assert found.superior >= 0.75
    assert found.covered >= POLICY.confidence - error(POLICY.confidence)


def test_a_model_that_lost_its_calibration_is_stopped_by_a_guardrail():
    found = SIMULATE(World(edge=0.3, overconfidence=3.0))
    assert found.superior > 0.5  # it ranks better, and yet
    assert found.promoted < 0.05
    assert found.stopped["guardrail_log_loss"] > 0.95 * WINDOWS


def test_a_table_replaces_the_one_between_its_markers_and_nothing_else(tmp_path: Path):
    document = tmp_path / "page.md"
    document.write_text("before\n<!-- a -->\nold\n<!-- /a -->\nafter\n")
    for _ in range(2):
        fill(document, "a", ("x", "y"), [(1, "2 %")])
    assert document.read_text() == "before\n<!-- a -->\n\n| x | y |\n| --- | --- |\n| 1 | 2 % |\n\n<!-- /a -->\nafter\n"
    with pytest.raises(ValueError, match="no place"):
        fill(document, "b", ("x",), [])
