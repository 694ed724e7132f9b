"""The fitted figures as lookup tables. How they were fitted is in `bench/simulator.py`; nothing here draws.

A session belongs to one of some latent classes; within its class its attributes are independent. The class
depends on month, special day, kind of visitor and weekend; REVENUE depends on all attributes.
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
SHARES = 1024  # the figures give the shares of bins in these
CLASS_DRAWS = 65_536  # a class is drawn by one random number of 16 bits

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Variable:
    """One attribute as bins. A bin spans `low` to `high`.

    Attributes:
        bin_of: class × 1024 + number below 1024 -> bin; each bin has its share of the numbers.
        effect_of: level of PAGEVALUES × (bins + 1) + bin -> effect on the log odds of REVENUE; the bin after the
            last stands for an attribute that the session does not have.
    """

    low: Floats
    high: Floats
    bin_of: npt.NDArray[np.uint8]
    effect_of: npt.NDArray[np.float32]
    snapped_from: int

    @property
    def bins(self) -> int:
        """How many."""
        return len(self.low)

    @cached_property
    def width(self) -> Floats:
        """Of each bin; 0 of a single value."""
        return np.where(np.isfinite(self.high), self.high, 0) - np.where(np.isfinite(self.low), self.low, 0)


@dataclass(frozen=True, eq=False)
class Figures:
    """All that was fitted.

    Attributes:
        class_weights: log weights, shape (classes,).
        context_shares: log shares of MONTH, SPECIAL, VISITORTYPE and WEEKEND within a class, (classes, values).
        context_effects: effects of MONTH, SPECIALDAY (in fifths), VISITORTYPE and WEEKEND on the log odds of
            REVENUE, (levels of PAGEVALUES, values).
        visitor_shares: by month, the shares of `VISITOR_TYPES`.
        month_volume, weekend_volume: sessions a day relative to the year's (week's) mean.
        level_of_bin: the level of PAGEVALUES of each of its bins.
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
        """Visitor type × 65,536 + a number below 65,536 -> class. `month` counts from 0."""
        given = (
            self.class_weights
            + self.context_shares["MONTH"][:, month]
            + self.context_shares["SPECIAL"][:, int(is_special)]
            + self.context_shares["WEEKEND"][:, int(is_weekend)]
        )
        logs = given[:, None] + self.context_shares["VISITORTYPE"]
        shares = np.exp(logs - logs.max(axis=0))
        ends = np.rint(np.cumsum(shares / shares.sum(axis=0), axis=0) * CLASS_DRAWS).astype(np.int64)
        draws = np.diff(ends, axis=0, prepend=0)
        return np.repeat(np.tile(np.arange(self.classes, dtype=np.uint8), len(VISITOR_TYPES)), draws.T.ravel())


@lru_cache(maxsize=1)
def load_figures() -> Figures:
    """The committed figures. Read once."""
    return figures_of(json.loads(FIGURES.read_text(encoding="utf-8")))


def figures_of(raw: dict[str, Any]) -> Figures:
    """The tables of figures as they are committed."""
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
        low=np.array([np.inf if low is None else low for low in raw["low"]]),
        high=np.array([np.inf if high is None else high for high in raw["high"]]),
        bin_of=bin_of,
        effect_of=with_absent.ravel(),
        snapped_from=raw["snapped_from"],
    )
