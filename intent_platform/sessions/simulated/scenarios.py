"""The scenarios of the setting `simulated.scenario`. Each one is a small pure transformation.

A change of the shop alters how a day is drawn (`volume`, `tendency`) or its columns (`changed`). A broken feed alters
columns, the days that arrive (`arrivals`) or how many rows are late (`late_share`). `sessions` draws the sessions.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from intent_platform.sessions.simulated.sessions import Column, Tendency
from intent_platform.settings.feeds import ScenarioSettings

NEW_TRAFFIC_TYPE = 21  # UCI has 1 to 20
NEW_BROWSER = 14  # UCI has 1 to 13
RELEASED_BROWSER = 2  # the most frequent browser, whose visitors change to the new one
STUCK_AT = 2**32 - 1  # the value -1 in an unsigned 32-bit counter
DRIFT_DAYS = 180  # from the start of a drift to its full size
PEAK_DAYS = 7
LATE_DAYS = 3  # late rows are missing on this many days after their own day

Columns = dict[str, Column]


@dataclass(frozen=True)
class Scenario:
    """Nothing unusual happens.

    Subclasses override what differs on the days from `start` to the day before `end`. The first line of each docstring
    is shown to users. `strength`, in (0, 1], is the share of the sessions concerned or the size of the change.
    """

    start: date = date.max
    end: date = date.max
    strength: float = 1.0

    def is_on(self, day: date) -> bool:
        """Whether the scenario changes `day`."""
        return self.start <= day < self.end

    def volume(self, day: date) -> float:  # noqa: ARG002  subclasses use it
        """The factor of the day's expected number of sessions."""
        return 1.0

    def tendency(self, day: date) -> Tendency:  # noqa: ARG002
        """How the day's visitors differ from the fitted ones."""
        return Tendency()

    def changed(self, day: date, columns: Columns, random: np.random.Generator) -> Columns:  # noqa: ARG002
        """The columns of a block after the scenario changed them."""
        return columns

    def arrivals(self, day: date) -> tuple[date, ...]:
        """The days whose sessions arrive when `day` is requested, in order."""
        return (day,)

    def late_share(self, day: date) -> float:  # noqa: ARG002
        """The share of the day's rows that are late, see `LATE_DAYS`."""
        return 0.0


class GradualDrift(Scenario):
    """Over 180 days, visitors become faster and buy less, and PAGEVALUES loses predictive power."""

    def tendency(self, day: date) -> Tendency:
        """In the end a third of the odds of a purchase, and half of the time on a page."""
        progress = self._progress(day)
        return Tendency(log_odds=-1.1 * progress, pace=1 - 0.5 * progress)

    def changed(self, day: date, columns: Columns, random: np.random.Generator) -> Columns:
        """PAGEVALUES swapped among sessions, in the end in half of the rows."""
        return _with_swapped_pagevalues(columns, 0.5 * self._progress(day), random)

    def _progress(self, day: date) -> float:
        """The size of the drift on `day`, from 0 to `strength`."""
        return self.strength * min(max((day - self.start).days / DRIFT_DAYS, 0.0), 1.0) if self.is_on(day) else 0.0


class MeaninglessPagevalues(Scenario):
    """Sessions swap their PAGEVALUES with one another, which keeps the distribution but not the meaning."""

    def changed(self, day: date, columns: Columns, random: np.random.Generator) -> Columns:
        """PAGEVALUES swapped among a share `strength` of the rows."""
        return _with_swapped_pagevalues(columns, self.strength if self.is_on(day) else 0.0, random)


class NewTrafficSource(Scenario):
    """A share `strength` of the sessions comes from a TRAFFICTYPE that no model has seen, and buys half as often."""

    def changed(self, day: date, columns: Columns, random: np.random.Generator) -> Columns:
        """The new code, and half of the purchases removed."""
        if not self.is_on(day):
            return columns
        is_new = _some(columns, self.strength, random)
        may_buy = ~is_new | _some(columns, 0.5, random)
        traffic = np.where(is_new, NEW_TRAFFIC_TYPE, columns["TRAFFICTYPE"]).astype(np.int32)
        return columns | {"TRAFFICTYPE": traffic, "REVENUE": columns["REVENUE"] & may_buy}


class BrowserRelease(Scenario):
    """A share `strength` of the most frequent browser's sessions reports a new code, and behaviour stays the same."""

    def changed(self, day: date, columns: Columns, random: np.random.Generator) -> Columns:
        """BROWSER with the new code."""
        if not self.is_on(day):
            return columns
        has_new = (columns["BROWSER"] == RELEASED_BROWSER) & _some(columns, self.strength, random)
        return columns | {"BROWSER": np.where(has_new, NEW_BROWSER, columns["BROWSER"]).astype(np.int32)}


class EmptyCells(Scenario):
    """PAGEVALUES is empty in a share `strength` of the rows, and the contract rejects these rows."""

    def changed(self, day: date, columns: Columns, random: np.random.Generator) -> Columns:
        """PAGEVALUES with masked cells, which Arrow reads as empty."""
        if not self.is_on(day):
            return columns
        empty = _some(columns, self.strength, random)
        return columns | {"PAGEVALUES": np.ma.masked_array(columns["PAGEVALUES"], mask=empty)}


class StuckCounter(Scenario):
    """PRODUCTRELATED is 2^32 - 1 in a share `strength` of the rows, and the contract rejects these rows."""

    def changed(self, day: date, columns: Columns, random: np.random.Generator) -> Columns:
        """PRODUCTRELATED with the stuck value."""
        if not self.is_on(day):
            return columns
        stuck = _some(columns, self.strength, random)
        return columns | {"PRODUCTRELATED": np.where(stuck, STUCK_AT, columns["PRODUCTRELATED"]).astype(np.int64)}


class DoubledFile(Scenario):
    """Every day arrives twice in one load, and the load rejects the second copy of each row."""

    def arrivals(self, day: date) -> tuple[date, ...]:
        """The day, twice."""
        return (day, day) if self.is_on(day) else (day,)


class LateRows(Scenario):
    """A share `strength` of each day's rows arrives only on the fourth day after it."""

    def late_share(self, day: date) -> float:
        """`strength`, on the days of the scenario."""
        return self.strength if self.is_on(day) else 0.0


class MissingDay(Scenario):
    """The day `start` has no sessions."""

    def arrivals(self, day: date) -> tuple[date, ...]:
        """Nothing for the day `start`."""
        return () if day == self.start else (day,)


class RepeatedDay(Scenario):
    """The day after `start` also delivers the sessions of `start`, which are rejected.

    The contract rejects them as rows of another day. If one load covers both days, it rejects them as repeated keys.
    """

    def arrivals(self, day: date) -> tuple[date, ...]:
        """Both days on the day after `start`."""
        return (self.start, day) if day == self.start + timedelta(days=1) else (day,)


class SeasonalPeak(Scenario):
    """A week has up to five times the sessions, and visitors buy more often."""

    def volume(self, day: date) -> float:
        """Up to five times the sessions in the middle of the week."""
        return 1 + 4 * self.strength * self._height(day)

    def tendency(self, day: date) -> Tendency:
        """Up to twice the odds of a purchase."""
        return Tendency(log_odds=0.7 * self.strength * self._height(day))

    def _height(self, day: date) -> float:
        """The height of the peak on `day`, from 0 to 1: it rises to the fourth day and falls after it."""
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
    """The sentence that describes a kind of scenario to users: the first line of its docstring."""
    return (_KINDS[kind].__doc__ or "").partition("\n")[0]


def scenario_of(settings: ScenarioSettings) -> Scenario:
    """The scenario that the settings choose."""
    return replace(
        _KINDS[settings.kind](),
        start=settings.start or date.max,
        end=settings.end or date.max,
        strength=settings.strength,
    )


def _some(columns: Columns, share: float, random: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Which rows are concerned: each one with the probability `share`."""
    return random.random(len(columns["REVENUE"]), dtype=np.float32) < share


def _with_swapped_pagevalues(columns: Columns, share: float, random: np.random.Generator) -> Columns:
    """The columns, with PAGEVALUES permuted among a `share` of the rows. REVENUE is drawn before and stays."""
    if not share:
        return columns
    at = np.flatnonzero(_some(columns, share, random))
    values = columns["PAGEVALUES"].copy()
    values[at] = values[random.permutation(at)]
    return columns | {"PAGEVALUES": values}
