"""UCI's columns as binned variables. `simulator_fit` fits the figures of the simulated feed to them.

Bin edges are quantiles, rounded to four significant digits, so they do not reveal single rows.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from intent_platform.tables import MONTH_NAMES, VISITOR_TYPES

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

NONE_SNAPPED = 1_000
_ATOM = 0.004
_BOUNCE_ATOMS = (0.5, 1.0, 2.0, 3.0)
_EXIT_ATOMS = (0.25, 1 / 3, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)
_RATE = 0.2  # the rate that one page adds in a session of one page; UCI caps rates at this value
_ABSENT = -1
_SNAPPED_PAGES = 100


@dataclass(frozen=True)
class Variable:
    """One column as bins.

    Attributes:
        name: of the variable.
        codes: the bin of each row, or -1 where the variable does not apply.
        low, high: the range of each bin.
        snapped_from: the first bin for rates that a whole number of pages gives.
    """

    name: str
    codes: Ints
    low: Floats
    high: Floats
    snapped_from: int = NONE_SNAPPED

    @property
    def bins(self) -> int:
        """The number of bins."""
        return len(self.low)


def read(path: str) -> pd.DataFrame:
    """Read the UCI file, with column names in upper case."""
    rows = pd.read_csv(path)
    return rows.rename(columns=str.upper)


def encode(rows: pd.DataFrame) -> dict[str, Variable]:
    """Every variable of the latent class model."""
    pages = np.maximum((rows.ADMINISTRATIVE + rows.INFORMATIONAL + rows.PRODUCTRELATED).to_numpy(), 1)
    bounce = rows.BOUNCERATES.to_numpy()
    leaving = rows.EXITRATES.to_numpy()
    gap = np.maximum(leaving - bounce, 0)
    found = [
        *_pages_and_pace(rows, "PRODUCTRELATED", singles=10, bins=22, paces=28),
        *_pages_and_pace(rows, "ADMINISTRATIVE", singles=8, bins=6, paces=18),
        *_pages_and_pace(rows, "INFORMATIONAL", singles=4, bins=3, paces=12),
        _atoms(
            "BOUNCES", bounce * pages / _RATE, (0.0, *_BOUNCE_ATOMS), 12, bounce > _RATE - 1e-6, _is_snapped(bounce)
        ),
        _atoms("EXITS", gap * pages / _RATE, (0.0, *_EXIT_ATOMS), 16, None, _is_snapped(leaving)),
        _atoms("PAGEVALUES", rows.PAGEVALUES.to_numpy(), (0.0,), 28),
        *(_code(rows, name) for name in ("REGION", "TRAFFICTYPE")),
        _device(rows),
    ]
    return {variable.name: variable for variable in found}


def context(rows: pd.DataFrame) -> dict[str, Variable]:
    """The variables that depend on the day and the visitor, and REVENUE. The classes are fitted to them too."""
    codes = {
        "MONTH": (rows.MONTH.map({name: at for at, name in enumerate(MONTH_NAMES)}), 12),
        "VISITORTYPE": (rows.VISITORTYPE.map({name: at for at, name in enumerate(VISITOR_TYPES)}), 3),
        "SPECIAL": ((rows.SPECIALDAY > 0).astype(int), 2),
        "WEEKEND": (rows.WEEKEND.astype(int), 2),
        "REVENUE": (rows.REVENUE.astype(int), 2),
    }
    return {
        name: Variable(
            name, code.to_numpy().astype(np.int64), np.arange(bins, dtype=np.float64), np.arange(bins, dtype=np.float64)
        )
        for name, (code, bins) in codes.items()
    }


def _pages_and_pace(rows: pd.DataFrame, name: str, singles: int, bins: int, paces: int) -> tuple[Variable, Variable]:
    count = rows[name].to_numpy()
    above = count[count > singles]
    edges = np.unique(np.quantile(above, _levels(bins)).astype(int))
    low = np.concatenate([np.arange(singles + 1), [singles + 1], edges[1:-1] + 1]).astype(float)
    high = np.concatenate([np.arange(singles + 1), edges[1:]]).astype(float)
    codes = np.searchsorted(low, count, side="right") - 1
    pace = _atoms(f"{name}_PACE", rows[f"{name}_DURATION"].to_numpy() / np.maximum(count, 1), (0.0,), paces)
    return Variable(name, codes, low, high), Variable(
        pace.name, np.where(count == 0, _ABSENT, pace.codes), pace.low, pace.high
    )


def _levels(bins: int) -> Floats:
    """Quantile levels of equal bins. The highest bin is split further, because the columns have long tails."""
    tail = 1 - (1 / bins) / np.array([2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
    return np.concatenate([np.linspace(0, 1, bins + 1)[:-1], tail, [1.0]])


def _atoms(
    name: str, x: Floats, atoms: tuple[float, ...], bins: int, whole: Flags | None = None, snapped: Flags | None = None
) -> Variable:
    """Bin a column: one bin for each atom, then quantile bins of the other values.

    Atoms are frequent values. Rows in `whole` share one bin, whose value is infinity. Rows in `snapped` get quantile
    bins of their own, after those of the other rows.
    """
    codes = np.full(len(x), _ABSENT, dtype=np.int64)
    for at, atom in enumerate(atoms):
        codes[np.abs(x - atom) < (_ATOM if atom else 1e-9)] = at
    low, high = list(atoms), list(atoms)
    if whole is not None:
        codes[whole] = len(low)
        low, high = [*low, np.inf], [*high, np.inf]
    rest = codes == _ABSENT
    parts = [(rest, bins)] if snapped is None else [(rest & ~snapped, bins), (rest & snapped, bins)]
    snapped_from = NONE_SNAPPED
    for at, (part, n) in enumerate(parts):
        edges = np.unique(_rounded(np.quantile(x[part], _levels(n))))
        snapped_from = len(low) if at else snapped_from
        codes[part] = len(low) + np.clip(np.searchsorted(edges, x[part], side="right") - 1, 0, len(edges) - 2)
        low, high = [*low, *edges[:-1]], [*high, *edges[1:]]
    return Variable(name, codes, np.array(low), np.array(high), snapped_from)


def _is_snapped(rate: Floats) -> Flags:
    """Whether a whole number of pages gives this rate."""
    pages = _RATE / np.maximum(rate, 1e-9)
    return (np.abs(pages - np.rint(pages)) < _ATOM * 2) & (pages < _SNAPPED_PAGES)


def _rounded(x: Floats) -> Floats:
    return np.array([float(f"{value:.4g}") for value in x])


def _code(rows: pd.DataFrame, name: str) -> Variable:
    """A categorical column, with its values in order of frequency.

    A visitor draws with a fixed quantile, and in this order the quantile gives mostly the same value.
    """
    values = rows[name].value_counts().index.to_numpy()
    codes = rows[name].map({value: at for at, value in enumerate(values)}).to_numpy().astype(np.int64)
    return Variable(name, codes, values.astype(float), values.astype(float))


def _device(rows: pd.DataFrame) -> Variable:
    """Operating system and browser as one number: 100 × operating system + browser."""
    return _code(pd.DataFrame({"DEVICE": rows.OPERATINGSYSTEMS * 100 + rows.BROWSER}), "DEVICE")


def special_day(rows: pd.DataFrame) -> Variable:
    """SPECIALDAY in fifths."""
    fifths = np.arange(6) / 5
    return Variable("SPECIALDAY", (rows.SPECIALDAY * 5).round().to_numpy().astype(np.int64), fifths, fifths)
