"""How many sessions a day has, from which types of visitors, and how close the day is to a special day.

The number of sessions is a Poisson count. Its mean varies with month and weekend as in UCI, but less with the month.
UCI has neither January nor April, and the fit gives them the mean figures of the months before and after.
"""

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from intent_platform.sessions.simulated.figures import Figures

_SATURDAY = 5
_VALENTINE = (2, 14)
_DELIVERY_DAYS = 6  # from the best day to order until the special day; UCI's best day is 8 February

#: Closeness in fifths, from six days before the best day to order to four days after it. In UCI: 2 to 12 February.
_CLOSENESS = (1, 2, 2, 3, 3, 4, 5, 4, 3, 2, 1)
_RISING_DAYS = 6  # position of the best day in _CLOSENESS


@dataclass(frozen=True)
class Mix:
    """The number of sessions of each visitor type on one day."""

    new: int
    returning: int
    other: int

    @property
    def sessions(self) -> int:
        """The number of all sessions of the day."""
        return self.new + self.returning + self.other


def is_weekend(day: date) -> bool:
    """Whether `day` is a Saturday or Sunday."""
    return day.weekday() >= _SATURDAY


def closeness(day: date) -> int:
    """SPECIALDAY in fifths: how close `day` is to the best day to order for Valentine's Day or Mother's Day."""
    for special in (date(day.year, *_VALENTINE), _mothers_day(day.year)):
        offset = (day - (special - timedelta(days=_DELIVERY_DAYS))).days + _RISING_DAYS
        if 0 <= offset < len(_CLOSENESS):
            return _CLOSENESS[offset]
    return 0


def _mothers_day(year: int) -> date:
    """The second Sunday of May."""
    first = date(year, 5, 1)
    return first + timedelta(days=(calendar.SUNDAY - first.weekday()) % 7 + 7)


def mix_of(figures: Figures, seed: int, day: date, sessions_per_day: float) -> Mix:
    """Draw the counts of `day`. `sessions_per_day` is the mean over a year."""
    random = np.random.default_rng([seed, day.toordinal(), 0])
    month = day.month - 1
    expected = sessions_per_day * figures.month_volume[month] * figures.weekend_volume[int(is_weekend(day))]
    sessions = int(random.poisson(expected))
    returning, new, other = random.multinomial(sessions, figures.visitor_shares[month])
    return Mix(new=int(new), returning=int(returning), other=int(other))
