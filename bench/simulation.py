"""Simulated test windows of two models whose PR-AUC is known, to measure how often a gate decides correctly.

A purchase shifts a signal that both models see. Each model adds an error of its own, and part of that error is the same
all day. The scores are the exact posterior probabilities given what a model sees, so they are calibrated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np

from intent_platform.modelling.calibration import sigmoid
from intent_platform.modelling.head_to_head import Contender, HeadToHead
from intent_platform.modelling.metrics import Scores, measure
from intent_platform.partitions import Window

#: These values reproduce the UCI data: a PR-AUC of about .74 at 16 % purchases, and a standard error of the
#: difference of .03 at 50 purchases and of .012 at 350 (see `docs/gate.md`).
PURCHASES = 0.16
_SIGNAL = 2.1
_OWN_ERROR = 0.35
_SESSIONS_OF_TRUTH = 500_000
_TEST = Window(date(2024, 6, 1), date(2024, 6, 15))
_CHAMPION_TRAINED = Window(date(2024, 2, 1), date(2024, 5, 1))
_FRESHER = Window(date(2024, 3, 1), date(2024, 6, 1))


@dataclass(frozen=True)
class World:
    """How test windows are simulated.

    Attributes:
        edge: how much stronger the challenger sees the signal than the champion.
        day_error: weight of the part of a model's own error that is the same all day, from 0 to 1.
        overconfidence: factor of the challenger's log-odds. At 1 the challenger is calibrated.
    """

    edge: float = 0.0
    day_error: float = 0.0
    overconfidence: float = 1.0

    def head_to_head(
        self, purchases: int, days: int, seed: int | Sequence[int], *, fresher: bool = False
    ) -> HeadToHead:
        """Simulate a test window of about `purchases` purchases over `days` days."""
        generator = np.random.default_rng(seed)
        rows = max(2 * days, round(purchases / PURCHASES))
        labels = (generator.random(rows) < PURCHASES).astype(np.int64)
        labels[:2] = 0, 1  # both classes, always
        day_of_row = np.sort(generator.integers(0, days, rows))
        shared = generator.normal(size=rows)
        sides = []
        for name, edge, overconfidence, trained in (
            ("v_240601_100000", self.edge, self.overconfidence, _FRESHER if fresher else _CHAMPION_TRAINED),
            ("v_240501_100000", 0.0, 1.0, _CHAMPION_TRAINED),
        ):
            by_day, by_row = generator.normal(size=days)[day_of_row], generator.normal(size=rows)
            own = self.day_error * by_day + np.sqrt(1 - self.day_error**2) * by_row
            signal = _SIGNAL + edge
            seen = shared + _OWN_ERROR * own + signal * labels
            scores = sigmoid(overconfidence * _log_odds(seen, signal))
            sides.append(Contender(name, scores, trained, measure(labels, scores)))
        visitors = np.where(generator.random(rows) < 0.14, "New_Visitor", "Returning_Visitor")
        dates = np.datetime64(_TEST.start) + day_of_row
        return HeadToHead(sides[0], sides[1], _TEST, labels, dates, visitors)

    @property
    def truth(self) -> float:
        """The challenger's PR-AUC minus the champion's, measured on half a million sessions."""
        return _truth(self.edge)


@cache
def _truth(edge: float) -> float:
    if edge == 0:
        return 0.0
    head_to_head = World(edge).head_to_head(round(_SESSIONS_OF_TRUTH * PURCHASES), 1_000, seed=12_345)
    assert head_to_head.champion is not None, "a simulated window has a champion"  # noqa: S101
    both = (
        measure(head_to_head.labels, side.scores).pr_auc or 0.0
        for side in (head_to_head.challenger, head_to_head.champion)
    )
    return next(both) - next(both)


@cache
def edge_for(difference: float) -> float:
    """The edge that raises the challenger's PR-AUC by `difference` (or lowers it if negative), by bisection."""
    low, high = (0.0, 1.5) if difference > 0 else (-1.5, 0.0)
    for _ in range(10):
        middle = (low + high) / 2
        low, high = (middle, high) if _truth(middle) < difference else (low, middle)
    return (low + high) / 2


def _log_odds(seen: Scores, signal: float) -> Scores:
    """The posterior log-odds of a purchase given what a model sees, by Bayes' rule for two normal distributions."""
    likelihood_ratio = (signal * seen - signal**2 / 2) / (1 + _OWN_ERROR**2)
    return np.asarray(np.log(PURCHASES / (1 - PURCHASES)) + likelihood_ratio)
