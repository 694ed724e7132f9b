"""Drift: how far the sessions of now are from those that a version was trained on.

A `Profile` of each feature is kept with the version, so that nobody reads its training window again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_BINS = 10
_SMALLEST_SHARE = 1e-4  # of an empty bin: its logarithm would be infinite


@dataclass(frozen=True)
class Profile:
    """How the values of one number were spread: `shares[i]` of them lie above `edges[i - 1]` and up to `edges[i]`.

    The last edge is the largest value; the share after it, 0, is of what was never seen.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]


def profile_of(values: npt.NDArray[np.floating]) -> Profile:
    """The profile of `values`, shape (rows,), at least one: tenths of the rows; a frequent value has its own bin."""
    edges = np.unique(np.quantile(values, np.arange(1, _BINS + 1) / _BINS, method="inverted_cdf"))
    counts = np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)
    return Profile(tuple(map(float, edges)), tuple(round(float(share), 6) for share in counts / len(values)))


def shares_of(up_to_edges: Sequence[int], rows: int) -> npt.NDArray[np.float64]:
    """Shares of the bins from the numbers of rows up to each edge, of `rows` in all, at least one."""
    return np.diff([0, *up_to_edges, rows]) / rows


def population_stability_index(expected: Sequence[float], observed: npt.NDArray[np.float64]) -> float:
    """Symmetric Kullback-Leibler divergence of two spreads over the same bins: 0 when they are equal.

    By convention .1 is worth a look, .25 is another population (Siddiqi 2006, "Credit Risk Scorecards").
    """
    before, after = (np.maximum(shares, _SMALLEST_SHARE) for shares in (np.asarray(expected), observed))
    return float(np.sum((after - before) * np.log(after / before)))
