"""What the visitors of a day do: all attributes of a block of sessions, drawn from the figures with numpy.

Each block has a fixed size and its own stream of random numbers. A day's rows therefore do not depend on the size of
a batch. `scenarios` has the changes of the shop and the faults of the feed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from intent_platform.sessions.simulated.figures import CLASS_DRAWS, SHARES, Figures, Variable
from intent_platform.sessions.simulated.seasons import closeness, is_weekend
from intent_platform.tables import VISITOR_TYPES

BLOCK_ROWS = 65_536  # the columns of a block stay in the processor's cache

Draws = npt.NDArray[np.uint16]
Places = npt.NDArray[np.intp]
Column = npt.NDArray[Any]

_RATE = 0.2  # the rate that one page adds in a session of one page; UCI caps rates at this value
_SHARE_SHIFT = np.uint16(6)  # from 16 random bits to the 10 that pick a bin
_NINE_DECIMALS = 1e9
_UNIT = 1 / (1 << 16)  # scales a draw to [0, 1)
_PAGES = ("ADMINISTRATIVE", "INFORMATIONAL", "PRODUCTRELATED")
_DRAWS = 21  # 16-bit random numbers for each session
#: The logit of each 16-bit number. A session ends in a purchase if the logit of its draw is below its log odds.
_LOGITS = np.log((np.arange(1 << 16) + 0.5) / ((1 << 16) - 0.5 - np.arange(1 << 16))).astype(np.float32)
_DEVICE_BASE = 100  # a device is 100 × operating system + browser


@dataclass(frozen=True)
class Tendency:
    """How a day differs from the fitted figures. Scenarios set it.

    Attributes:
        log_odds: is added to the log odds of a purchase, for every session.
        pace: multiplies all durations.
    """

    log_odds: float = 0.0
    pace: float = 1.0


@dataclass(frozen=True, eq=False)
class Sessions:
    """Draws the sessions of one day."""

    figures: Figures
    seed: int
    day: date
    tendency: Tendency = Tendency()

    @cached_property
    def _classes(self) -> npt.NDArray[np.uint8]:
        special = closeness(self.day) > 0
        return self.figures.classes_on(self.day.month - 1, is_special=special, is_weekend=is_weekend(self.day))

    @cached_property
    def _context_effects(self) -> npt.NDArray[np.float32]:
        """Level of PAGEVALUES × visitor types + visitor type -> log odds without the effects of the attributes."""
        effects, figures = self.figures.context_effects, self.figures
        of_month, of_special = effects["MONTH"][:, self.day.month - 1], effects["SPECIALDAY"][:, closeness(self.day)]
        of_day = of_month + of_special + effects["WEEKEND"][:, int(is_weekend(self.day))]
        whole = of_day[:, None] + effects["VISITORTYPE"] + figures.intercept + self.tendency.log_odds
        return whole.astype(np.float32).ravel()

    def block(
        self, number: int, visitor_types: npt.NDArray[np.uint8], traits: npt.NDArray[np.uint64]
    ) -> dict[str, Column]:
        """Draw the attributes of block `number`, by column name, in arrays of equal length.

        Args:
            number: of the block within the day, from 0.
            visitor_types: the position in VISITOR_TYPES of each session of the block.
            traits: a hash of the visitor of each session. Device and region depend on it.
        """
        # The order of the calls to next(draws) decides the sessions. A new draw belongs at the end.
        n = len(visitor_types)
        stream = np.random.SFC64([self.seed, self.day.toordinal(), 2, number])
        # A raw number has 64 bits and makes four draws, hence the division by four, rounded up.
        draws = iter(stream.random_raw(-(-_DRAWS * n // 4)).view(np.uint16)[: _DRAWS * n].reshape(_DRAWS, n))
        lasting = traits.view(np.uint16).reshape(n, 4)
        at = visitor_types.astype(np.intp) * CLASS_DRAWS + next(draws)
        place = self._classes.take(at).astype(np.intp) * SHARES
        bins: dict[str, Places] = {}
        columns: dict[str, Column] = {}

        def pick(name: str, draw: Draws) -> Places:
            picked = self.figures.variables[name].bin_of.take(place + (draw >> _SHARE_SHIFT)).astype(np.intp)
            bins[name] = picked
            return picked

        pages = np.zeros(n)
        for name in _PAGES:
            count = _whole(self.figures.variables[name], pick(name, next(draws)), next(draws))
            pace = f"{name}_PACE"
            seconds = _within(self.figures.variables[pace], pick(pace, next(draws)), next(draws))
            seconds *= count * self.tendency.pace
            # Without pages of this kind a session has no pace, and the bin after the last one has no effect.
            np.copyto(bins[pace], self.figures.variables[pace].bins, where=count == 0)
            columns[name], columns[f"{name}_DURATION"] = count.astype(np.int32), seconds
            pages += count
        np.maximum(pages, 1, out=pages)
        columns["BOUNCERATES"], columns["EXITRATES"] = self._rates(pick, draws, pages)
        columns["PAGEVALUES"] = _within(
            self.figures.variables["PAGEVALUES"], pick("PAGEVALUES", next(draws)), next(draws)
        )
        columns["TRAFFICTYPE"] = self._code("TRAFFICTYPE", pick("TRAFFICTYPE", next(draws)))
        device = self._code("DEVICE", pick("DEVICE", lasting[:, 0]))
        columns["OPERATINGSYSTEMS"], columns["BROWSER"] = device // _DEVICE_BASE, device % _DEVICE_BASE
        columns["REGION"] = self._code("REGION", pick("REGION", lasting[:, 1]))
        odds = self._log_odds(bins, visitor_types)
        columns["REVENUE"] = _LOGITS.take(next(draws)) < odds
        return columns

    def _rates(
        self, pick: Callable[[str, Draws], Places], draws: Iterator[Draws], pages: Column
    ) -> tuple[Column, Column]:
        """Bounce and exit rates: means over the pages of a session, so short sessions have few possible rates.

        The exit rate is the bounce rate plus a drawn difference and is never below it.
        """
        bounces, exits = self.figures.variables["BOUNCES"], self.figures.variables["EXITS"]
        share = _RATE / pages
        picked = pick("BOUNCES", next(draws))
        bounce = np.minimum(_within(bounces, picked, next(draws)) * share, _RATE)
        _snap(bounce, picked, bounces)
        picked = pick("EXITS", next(draws))
        leaving = np.minimum(_within(exits, picked, next(draws)) * share + bounce, _RATE)
        _snap(leaving, picked, exits)
        np.maximum(leaving, bounce, out=leaving)
        for rate in (bounce, leaving):  # nine decimals as in UCI, which makes equal rates equal numbers
            rate *= _NINE_DECIMALS
            np.rint(rate, out=rate)
            rate /= _NINE_DECIMALS
        return bounce, leaving

    def _code(self, name: str, picked: Places) -> npt.NDArray[np.int32]:
        return np.asarray(self.figures.variables[name].low.astype(np.int32).take(picked))

    def _log_odds(self, bins: dict[str, Places], visitor_types: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The log odds of a purchase of each session, a sum of the effects of its context and its bins."""
        level = self.figures.level_of_bin.take(bins["PAGEVALUES"])
        odds = self._context_effects.take(level * self._visitor_types + visitor_types)
        for name, picked in bins.items():
            variable = self.figures.variables[name]
            odds += variable.effect_of.take(level * (variable.bins + 1) + picked)
        return odds

    @property
    def _visitor_types(self) -> int:
        return len(VISITOR_TYPES)


def _within(variable: Variable, picked: Places, draw: Draws) -> npt.NDArray[np.float64]:
    """A value from each picked bin, uniform over its width."""
    value = variable.width.take(picked)
    value *= draw * _UNIT
    value += variable.low.take(picked)
    return value


def _whole(variable: Variable, picked: Places, draw: Draws) -> npt.NDArray[np.float64]:
    """A whole number from each picked bin, both ends included."""
    value = (variable.width + 1).take(picked)
    value *= draw * _UNIT
    np.floor(value, out=value)
    value += variable.low.take(picked)
    return value


def _snap(rate: npt.NDArray[np.float64], picked: Places, variable: Variable) -> None:
    """Move the rates of the upper bins, in place, to rates of a whole number of pages. UCI has many of these."""
    at = np.flatnonzero(picked >= variable.snapped_from)
    rate[at] = _RATE / np.maximum(np.rint(_RATE / np.maximum(rate[at], 1e-6)), 1)
