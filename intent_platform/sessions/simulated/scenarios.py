"""What may happen to the shop or to its feed, by setting `simulated.scenario`. Each is a small pure transformation.

A change of the world alters how a day is drawn (`volume`, `tendency`) or its columns; a broken feed alters columns,
which days arrive (`arrivals`) or when (`are_late`). Nothing here knows how sessions are drawn.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from intent_platform.sessions.simulated.sessions import Column, Tendency
from intent_platform.settings.feeds import ScenarioSettings

NEW_TRAFFIC_TYPE = 21  # UCI has 1 to 20
NEW_BROWSER = 14  # UCI has 1 to 13
RELEASED_BROWSER = 2  # the most frequent one: its visitors change to the new one
STUCK_AT = 2**32 - 1  # an unsigned counter that answers -1
DRIFT_DAYS = 180  # until a drift is complete
PEAK_DAYS = 7
LATE_DAYS = 3  # after which late rows are there

Columns = dict[str, Column]


@dataclass(frozen=True)
class Scenario:
    """Nothing happens.

    The others say what is different from `start` on, until `end`.

    `strength` is in (0, 1]: a share of the sessions, or how far the change goes.
    """

    start: date = date.max
    end: date = date.max
    strength: float = 1.0

    def is_on(self, day: date) -> bool:
        """Whether `day` is one of those that are different."""
        return self.start <= day < self.end

    def volume(self, day: date) -> float:  # noqa: ARG002  what others override
        """Factor of the day's expected sessions."""
        return 1.0

    def tendency(self, day: date) -> Tendency:  # noqa: ARG002
        """How the day's visitors differ."""
        return Tendency()

    def changed(self, day: date, columns: Columns, random: np.random.Generator) -> Columns:  # noqa: ARG002
        """The columns of a block as they arrive."""
        return columns

    def arrivals(self, day: date) -> tuple[date, ...]:
        """The days whose sessions come when those of `day` are asked for, in order."""
        return (day,)

    def late_share(self, day: date) -> float:  # noqa: ARG002
        """The share of the day's rows that come `LATE_DAYS` later."""
        return 0.0


class GradualDrift(Scenario):
    """Over half a year visitors hurry more and buy less, and PAGEVALUES says less and less about it."""

    def tendency(self, day: date) -> Tendency:
        """Down to a third of the odds, and half of the time."""
        gone = self._gone(day)
        return Tendency(log_odds=-1.1 * gone, pace=1 - 0.5 * gone)

    def changed(self, day: date, columns: Columns, random: np.random.Generator) -> Columns:
        """PAGEVALUES of other sessions, in up to half of the rows."""
        return _with_foreign_pagevalues(columns, 0.5 * self._gone(day), random)

    def _gone(self, day: date) -> float:
        return self.strength * min(max((day - self.start).days / DRIFT_DAYS, 0.0), 1.0) if self.is_on(day) else 0.0


class MeaninglessPagevalues(Scenario):
    """From one day to the next, PAGEVALUES has nothing to do with the session; its distribution stays."""

    def changed(self, day: date, columns: Columns, random: np.random.Generator) -> Columns:
        """PAGEVALUES of other sessions, in `strength` of the rows."""
        return _with_foreign_pagevalues(columns, self.strength if self.is_on(day) else 0.0, random)


class NewTrafficSource(Scenario):
    """A TRAFFICTYPE that no model has seen brings `strength` of the sessions; half as many of them buy."""

    def changed(self, day: date, columns: Columns, random: np.random.Generator) -> Columns:
        """The new code; half of the purchases gone."""
        if not self.is_on(day):
            return columns
        theirs = _some(columns, self.strength, random)
        stay = ~theirs | _some(columns, 0.5, random)
        traffic = np.where(theirs, NEW_TRAFFIC_TYPE, columns["TRAFFICTYPE"]).astype(np.int32)
        return columns | {"TRAFFICTYPE": traffic, "REVENUE": columns["REVENUE"] & stay}


class BrowserRelease(Scenario):
    """`strength` of the most frequent browser's sessions report a new code; nobody behaves differently."""

    def changed(self, day: date, columns: Columns, random: np.random.Generator) -> Columns:
        """The new code."""
        if not self.is_on(day):
            return columns
        moved = (columns["BROWSER"] == RELEASED_BROWSER) & _some(columns, self.strength, random)
        return columns | {"BROWSER": np.where(moved, NEW_BROWSER, columns["BROWSER"]).astype(np.int32)}


class EmptyCells(Scenario):
    """PAGEVALUES is empty in `strength` of the rows: the contract rejects them."""

    def changed(self, day: date, columns: Columns, random: np.random.Generator) -> Columns:
        """Masked cells."""
        if not self.is_on(day):
            return columns
        empty = _some(columns, self.strength, random)
        return columns | {"PAGEVALUES": np.ma.masked_array(columns["PAGEVALUES"], mask=empty)}


class StuckCounter(Scenario):
    """PRODUCTRELATED is stuck at 2^32 - 1 in `strength` of the rows: the contract rejects them."""

    def changed(self, day: date, columns: Columns, random: np.random.Generator) -> Columns:
        """The stuck counter."""
        if not self.is_on(day):
            return columns
        stuck = _some(columns, self.strength, random)
        return columns | {"PRODUCTRELATED": np.where(stuck, STUCK_AT, columns["PRODUCTRELATED"]).astype(np.int64)}


class DoubledFile(Scenario):
    """Every day's file comes twice in one load: the load rejects the second of each row."""

    def arrivals(self, day: date) -> tuple[date, ...]:
        """The day, and once more."""
        return (day, day) if self.is_on(day) else (day,)


class LateRows(Scenario):
    """`strength` of each day's rows are only there `LATE_DAYS` after it is over: who asks again gets them."""

    def late_share(self, day: date) -> float:
        """As given."""
        return self.strength if self.is_on(day) else 0.0


class MissingDay(Scenario):
    """Nothing comes of the day `start`."""

    def arrivals(self, day: date) -> tuple[date, ...]:
        """None on that day."""
        return () if day == self.start else (day,)


class RepeatedDay(Scenario):
    """The sessions of `start` come with those of the day after once more: repeated keys in the table, or in a load."""

    def arrivals(self, day: date) -> tuple[date, ...]:
        """Both days on the day after."""
        return (self.start, day) if day == self.start + timedelta(days=1) else (day,)


class SeasonalPeak(Scenario):
    """A week of up to five times the sessions, whose visitors are readier to buy."""

    def volume(self, day: date) -> float:
        """Highest in the middle of the week."""
        return 1 + 4 * self.strength * self._height(day)

    def tendency(self, day: date) -> Tendency:
        """Up to twice the odds."""
        return Tendency(log_odds=0.7 * self.strength * self._height(day))

    def _height(self, day: date) -> float:
        at = (day - self.start).days if self.is_on(day) else PEAK_DAYS
        return max(0.0, 1 - abs(at - PEAK_DAYS // 2) / (PEAK_DAYS // 2 + 1)) if at < PEAK_DAYS else 0.0


_KINDS: dict[str, type[Scenario]] = {
    "none": Scenario,
    "gradual_drift": GradualDrift,
    "meaningless_pagevalues": MeaninglessPagevalues,
    "new_traffic_source": NewTrafficSource,
    "browser_release": BrowserRelease,
    "empty_cells": EmptyCells,
    "stuck_counter": StuckCounter,
    "doubled_file": DoubledFile,
    "late_rows": LateRows,
    "missing_day": MissingDay,
    "repeated_day": RepeatedDay,
    "seasonal_peak": SeasonalPeak,
}


def meaning_of(kind: str) -> str:
    """What a kind of scenario is, in a sentence."""
    return (_KINDS[kind].__doc__ or "").partition("\n")[0]


def scenario_of(settings: ScenarioSettings) -> Scenario:
    """The scenario that is set."""
    return replace(
        _KINDS[settings.kind](),
        start=settings.start or date.max,
        end=settings.end or date.max,
        strength=settings.strength,
    )


def _some(columns: Columns, share: float, random: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Which rows are concerned, each with the probability `share`."""
    return random.random(len(columns["REVENUE"]), dtype=np.float32) < share


def _with_foreign_pagevalues(columns: Columns, share: float, random: np.random.Generator) -> Columns:
    """Some rows exchange their PAGEVALUES among themselves, after REVENUE was decided."""
    if not share:
        return columns
    at = np.flatnonzero(_some(columns, share, random))
    values = columns["PAGEVALUES"].copy()
    values[at] = values[random.permutation(at)]
    return columns | {"PAGEVALUES": values}
