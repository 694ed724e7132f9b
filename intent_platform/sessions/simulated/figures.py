"""The fitted figures as lookup tables. `bench/simulator_fit.py` fits them, and `sessions` draws from them.

Each session belongs to a latent class, and within a class its attributes are independent. The probability of a class
depends on month, special day, visitor type and weekend. REVENUE depends on all attributes.
"""

import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from intent_platform.tables import VISITOR_TYPES

FIGURES = Path(__file__).with_name("figures.json")
SHARES = 1024  # the figures give the share of a bin in 1024ths
CLASS_DRAWS = 65_536  # one random number of 16 bits draws a class

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Variable:
    """One attribute as bins.

    Attributes:
        low, high: the range of each bin.
        bin_of: class × 1024 + number below 1024 -> bin. Each bin has its share of the numbers.
        effect_of: level of PAGEVALUES × (bins + 1) + bin -> effect on the log odds of REVENUE. The bin after the last
            one stands for an attribute that the session does not have.
        snapped_from: the first bin whose rates are those of a whole number of pages.
    """

    low: Floats
    high: Floats
    bin_of: npt.NDArray[np.uint8]
    effect_of: npt.NDArray[np.float32]
    snapped_from: int

    @property
    def bins(self) -> int:
        """The number of bins."""
        return len(self.low)

    @cached_property
    def width(self) -> Floats:
        """The width of each bin; 0 for a single value, infinity included."""
        return np.where(np.isfinite(self.high), self.high, 0) - np.where(np.isfinite(self.low), self.low, 0)


@dataclass(frozen=True, eq=False)
class Figures:
    """All fitted figures.

    Attributes:
        classes: the number of latent classes.
        class_weights: log weights, shape (classes,).
        context_shares: log shares of MONTH, SPECIAL, VISITORTYPE and WEEKEND within a class, (classes, values).
        context_effects: effects of MONTH, SPECIALDAY (in fifths), VISITORTYPE and WEEKEND on the log odds of
            REVENUE, (levels of PAGEVALUES, values).
        variables: the attributes by name.
        intercept: of the log odds of REVENUE.
        visitor_shares: the shares of `VISITOR_TYPES` in each month, (months, types).
        month_volume: sessions a day in each month, relative to the mean of the year.
        weekend_volume: sessions of a working day and of a weekend day, relative to the mean of the week.
        level_of_bin: the level of each bin of PAGEVALUES.
    """

    classes: int
    class_weights: Floats
    context_shares: dict[str, Floats]
    variables: dict[str, Variable]
    intercept: float
    context_effects: dict[str, Floats]
    visitor_shares: Floats
    month_volume: Floats
    weekend_volume: Floats
    level_of_bin: Ints

    def classes_on(self, month: int, *, is_special: bool, is_weekend: bool) -> npt.NDArray[np.uint8]:
        """A table: visitor type × 65,536 + a number below 65,536 -> class. `month` counts from 0."""
        day_weights = (
            self.class_weights
            + self.context_shares["MONTH"][:, month]
            + self.context_shares["SPECIAL"][:, int(is_special)]
            + self.context_shares["WEEKEND"][:, int(is_weekend)]
        )
        logs = day_weights[:, None] + self.context_shares["VISITORTYPE"]
        shares = np.exp(logs - logs.max(axis=0))
        # Rounded ends, instead of rounded shares, use each of the 65,536 numbers exactly once.
        ends = np.rint(np.cumsum(shares / shares.sum(axis=0), axis=0) * CLASS_DRAWS).astype(np.int64)
        draws = np.diff(ends, axis=0, prepend=0)
        return np.repeat(np.tile(np.arange(self.classes, dtype=np.uint8), len(VISITOR_TYPES)), draws.T.ravel())


@lru_cache(maxsize=1)
def load_figures() -> Figures:
    """The figures of `figures.json`, which is read once."""
    return figures_of(json.loads(FIGURES.read_text(encoding="utf-8")))


def figures_of(raw: dict[str, Any]) -> Figures:
    """The figures from the content of `figures.json`."""
    return Figures(
        classes=len(raw["class_weights"]),
        class_weights=np.log(raw["class_weights"]),
        context_shares={name: np.log(np.array(shares)) for name, shares in raw["context_shares"].items()},
        variables={name: _variable(one) for name, one in raw["variables"].items()},
        intercept=raw["intercept"],
        context_effects={name: np.array(effects) for name, effects in raw["context_effects"].items()},
        visitor_shares=np.array(raw["visitor_shares"]),
        month_volume=np.array(raw["month_volume"]),
        weekend_volume=np.array(raw["weekend_volume"]),
        level_of_bin=np.array(raw["pagevalue_levels"], dtype=np.int64),
    )


def _variable(raw: dict[str, Any]) -> Variable:
    shares = np.array(raw["shares"])  # (classes, bins), each row sums to SHARES
    bins = np.arange(shares.shape[1])
    bin_of = np.concatenate([np.repeat(bins, row) for row in shares]).astype(np.uint8)
    effects = np.array(raw["effects"], dtype=np.float32)  # (levels, bins)
    with_absent = np.concatenate([effects, np.zeros((len(effects), 1), np.float32)], axis=1)
    return Variable(
        # JSON has no infinity. The bin at infinity gives the largest possible rate.
        low=np.array([np.inf if low is None else low for low in raw["low"]]),
        high=np.array([np.inf if high is None else high for high in raw["high"]]),
        bin_of=bin_of,
        effect_of=with_absent.ravel(),
        snapped_from=raw["snapped_from"],
    )
