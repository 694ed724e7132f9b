"""Drift: how much current sessions differ from those that a version was trained on.

Each version carries a `Profile` of every feature, so measuring drift does not read the training window again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_BINS = 10
_SMALLEST_SHARE = 1e-4  # stands in for the share of an empty bin, whose logarithm would be infinite


@dataclass(frozen=True)
class Profile:
    """The distribution of one number: the share `shares[i]` of its values lies above `edges[i - 1]`, up to `edges[i]`.

    The last edge is the largest value. One more share follows: 0, for values above all that were seen.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]


def profile_of(values: npt.NDArray[np.floating]) -> Profile:
    """Return the profile of `values`, shape (rows,), at least one row.

    The edges are the deciles. Equal deciles become one edge, so a frequent value makes one large bin.
    """
    edges = np.unique(np.quantile(values, np.arange(1, _BINS + 1) / _BINS, method="inverted_cdf"))
    counts = np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)
    return Profile(tuple(map(float, edges)), tuple(round(float(share), 6) for share in counts / len(values)))


def shares_of(up_to_edges: Sequence[int], rows: int) -> npt.NDArray[np.float64]:
    """Return the share of each bin, from the numbers of rows up to each edge and the number of all `rows` (> 0)."""
    return np.diff([0, *up_to_edges, rows]) / rows


def population_stability_index(expected: Sequence[float], observed: npt.NDArray[np.float64]) -> float:
    """Return the symmetric Kullback-Leibler divergence of two distributions over the same bins, 0 if they are equal.

    By convention, 0.1 deserves a look and 0.25 means a different population (Siddiqi 2006, "Credit Risk Scorecards").
    """
    before, after = (np.maximum(shares, _SMALLEST_SHARE) for shares in (np.asarray(expected), observed))
    return float(np.sum((after - before) * np.log(after / before)))
