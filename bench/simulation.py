"""Test windows with a known truth: two models of known PR-AUC, so that a gate can be asked how often it is right.

A purchase shifts what both models see; each adds an error of its own, part of which it repeats all day long.
Scores are the exact posterior probabilities of what a model sees, hence calibrated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np

from intent_platform.modelling.calibration import sigmoid
from intent_platform.modelling.contest import Contender, Contest
from intent_platform.modelling.metrics import Scores, measure
from intent_platform.partitions import Window

#: Shares, strengths and spreads that give what the UCI data gives: PR-AUC about .74 at 16 % purchases, and standard
#: errors of the difference of .03 at 50 purchases and .012 at 350 (see `docs/gate.md`).
PURCHASES = 0.16
_SIGNAL = 2.1
_OWN_ERROR = 0.35
_SESSIONS_OF_TRUTH = 500_000
_TEST = Window(date(2024, 6, 1), date(2024, 6, 15))
_CHAMPION_TRAINED = Window(date(2024, 2, 1), date(2024, 5, 1))
_FRESHER = Window(date(2024, 3, 1), date(2024, 6, 1))


@dataclass(frozen=True)
class World:
    """How sessions come about. `edge` is how much more of the signal the challenger sees than the champion.

    `day_error` is the part of each model's own error that it repeats through a day; `overconfidence` multiplies the
    challenger's log-odds: 1 is calibrated.
    """

    edge: float = 0.0
    day_error: float = 0.0
    overconfidence: float = 1.0

    def contest(self, purchases: int, days: int, seed: int | Sequence[int], *, fresher: bool = False) -> Contest:
        """A test window of about so many purchases over so many days."""
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
        return Contest(sides[0], sides[1], _TEST, labels, dates, visitors)

    @property
    def truth(self) -> float:
        """The challenger's PR-AUC minus the champion's, on half a million sessions."""
        return _truth(self.edge)


@cache
def _truth(edge: float) -> float:
    if edge == 0:
        return 0.0
    contest = World(edge).contest(round(_SESSIONS_OF_TRUTH * PURCHASES), 1_000, seed=12_345)
    assert contest.champion is not None, "there always is one"  # noqa: S101
    both = (measure(contest.labels, side.scores).pr_auc or 0.0 for side in (contest.challenger, contest.champion))
    return next(both) - next(both)


@cache
def edge_for(difference: float) -> float:
    """The edge that makes the challenger's PR-AUC better by `difference` (worse when negative), by bisection."""
    low, high = (0.0, 1.5) if difference > 0 else (-1.5, 0.0)
    for _ in range(10):
        middle = (low + high) / 2
        low, high = (middle, high) if _truth(middle) < difference else (low, middle)
    return (low + high) / 2


def _log_odds(seen: Scores, signal: float) -> Scores:
    """The posterior log-odds of a purchase, given what a model sees: Bayes' rule for two normal distributions."""
    likelihood_ratio = (signal * seen - signal**2 / 2) / (1 + _OWN_ERROR**2)
    return np.asarray(np.log(PURCHASES / (1 - PURCHASES)) + likelihood_ratio)
