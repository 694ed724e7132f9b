"""How many sessions a day brings, of whom, and how close it is to a special day. A pure function of seed and date.

Volume varies with month and weekend (as in UCI, the months damped), and by chance like a Poisson count. UCI has
neither January nor April: their figures are those of the months beside them.
"""

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from intent_platform.sessions.simulated.figures import Figures

_SATURDAY = 5
_VALENTINE = (2, 14)
_BEST_DAYS_BEFORE = 6  # an order needs that long to arrive: UCI's closest day before Valentine's is 8 February
#: Closeness in fifths, from six days before the best day to four after it: 2 to 12 February, as UCI has it.
_CLOSENESS = (1, 2, 2, 3, 3, 4, 5, 4, 3, 2, 1)
_DAYS_BEFORE_BEST = 6


@dataclass(frozen=True)
class Mix:
    """How many sessions of each kind of visitor a day has."""

    new: int
    returning: int
    other: int

    @property
    def sessions(self) -> int:
        """All of them."""
        return self.new + self.returning + self.other


def is_weekend(day: date) -> bool:
    """Whether `day` is a Saturday or Sunday."""
    return day.weekday() >= _SATURDAY


def closeness(day: date) -> int:
    """SPECIALDAY in fifths: how close `day` is to the best day to order for Valentine's or Mother's Day."""
    for special in (date(day.year, *_VALENTINE), _mothers_day(day.year)):
        offset = (day - (special - timedelta(days=_BEST_DAYS_BEFORE))).days + _DAYS_BEFORE_BEST
        if 0 <= offset < len(_CLOSENESS):
            return _CLOSENESS[offset]
    return 0


def _mothers_day(year: int) -> date:
    """The second Sunday of May."""
    first = date(year, 5, 1)
    return first + timedelta(days=(calendar.SUNDAY - first.weekday()) % 7 + 7)


def mix_of(figures: Figures, seed: int, day: date, sessions_per_day: float) -> Mix:
    """The day's counts. `sessions_per_day` is the mean over a year."""
    random = np.random.default_rng([seed, day.toordinal(), 0])
    month = day.month - 1
    expected = sessions_per_day * figures.month_volume[month] * figures.weekend_volume[int(is_weekend(day))]
    sessions = int(random.poisson(expected))
    returning, new, other = random.multinomial(sessions, figures.visitor_shares[month])
    return Mix(new=int(new), returning=int(returning), other=int(other))
