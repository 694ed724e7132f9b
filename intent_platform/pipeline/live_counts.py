"""Counts of scored sessions by day: by bin of the score, with the purchases, and by feature value.

The warehouse counts, and no session leaves it. `monitoring` computes measures from the counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intent_platform.modelling.drift import Profile
from intent_platform.modelling.live import BINS, Counts, LiveScores
from intent_platform.partitions import Window
from intent_platform.platforms.loading import in_window
from intent_platform.platforms.ports import PREDICT_FUNCTION, Connection, ScoringModel
from intent_platform.platforms.sql import statement_beside
from intent_platform.tables import DATASET

_BINNED = statement_beside(__file__, "live_counts.sql")
_SCORED = (
    "SELECT S.SESSION_DATE, S.MODEL_VERSION, S.SCORE, D.REVENUE FROM SCORES S "
    "JOIN DATASET D ON D.UID = S.UID AND D.SESSION_DATE = S.SESSION_DATE "
    "WHERE S.SESSION_DATE >= :start AND S.SESSION_DATE < :end"
)


@dataclass(frozen=True)
class VersionScores:
    """The scores of one version over a window, and the days of it that the version scored."""

    scores: LiveScores
    days: tuple[date, ...]


def live_scores(connection: Connection, window: Window) -> dict[str, VersionScores]:
    """The binned scores of each version in `window` with their purchases, by version name."""
    binned = connection.fetch(_binned(_SCORED), **window.bounds)
    versions = binned["MODEL_VERSION"].to_numpy()
    return {version: _live(binned.filter(pa.array(versions == version)), window) for version in sorted(set(versions))}


def would_be_scores(connection: Connection, window: Window, scoring_model: ScoringModel) -> LiveScores:
    """The scores that a version would have given in `window`. The warehouse computes and does not store them."""
    connection.use_model(scoring_model)
    predict = f"{PREDICT_FUNCTION}({', '.join(scoring_model.features)})"
    predicted = (
        f"SELECT SESSION_DATE, :version AS MODEL_VERSION, {predict} AS SCORE, REVENUE "
        f"FROM DATASET WHERE {in_window(DATASET)}"
    )
    binned = connection.fetch(_binned(predicted), **window.bounds, version=scoring_model.version)
    return _live(binned, window).scores


def counts_up_to_edges(
    connection: Connection, profiles: Mapping[str, Profile], version: str, window: Window
) -> tuple[Counts, dict[str, Counts]]:
    """Counts of the sessions that the version scored.

    Returns:
        All of them, shape (days,), and for each feature those up to each edge, shape (days, edges).
    """
    edges = [(name, edge) for name, profile in profiles.items() for edge in profile.edges]
    counters = ", ".join(f"COUNT_IF({name} <= :edge_{n}) AS C{n}" for n, (name, _) in enumerate(edges))
    table = connection.fetch(
        f"SELECT D.SESSION_DATE, COUNT(*) AS SESSIONS, {counters} FROM DATASET D "
        "JOIN SCORES S ON S.UID = D.UID AND S.SESSION_DATE = D.SESSION_DATE AND S.MODEL_VERSION = :version "
        "WHERE D.SESSION_DATE >= :start AND D.SESSION_DATE < :end GROUP BY D.SESSION_DATE",
        **window.bounds,
        version=version,
        **{f"edge_{n}": edge for n, (_, edge) in enumerate(edges)},
    )
    at = _places(table, window)

    def by_day(columns: Sequence[str]) -> Counts:
        found = np.zeros((len(window), len(columns)), dtype=np.int64)
        found[at] = np.column_stack([_whole(table, column) for column in columns])
        return found

    numbers: dict[str, list[str]] = {name: [] for name in profiles}
    for number, (name, _) in enumerate(edges):
        numbers[name].append(f"C{number}")
    return by_day(["SESSIONS"])[:, 0], {name: by_day(columns) for name, columns in numbers.items()}


def _binned(scored: str) -> str:
    return _BINNED.format(scored=scored, bins=BINS)


def _live(binned: pa.Table, window: Window) -> VersionScores:
    days, bins = _places(binned, window), _whole(binned, "BIN")
    sessions, purchases = np.zeros((2, len(window), BINS), dtype=np.int64)
    sessions[days, bins], purchases[days, bins] = _whole(binned, "SESSIONS"), _whole(binned, "PURCHASES")

    def by_day(name: str) -> npt.NDArray[np.float64]:
        return np.bincount(days, binned[name].to_numpy().astype(np.float64), len(window)).astype(np.float64)

    scores = LiveScores(sessions, purchases, by_day("EXPECTED"), by_day("VARIANCE"), by_day("SQUARED_ERRORS"))
    return VersionScores(scores, tuple(sorted(set(binned["SESSION_DATE"].to_pylist()))))


def _places(rows: pa.Table, window: Window) -> Counts:
    """The position of each row's day within the window."""
    days = rows["SESSION_DATE"].to_numpy().astype("datetime64[D]")
    return np.asarray(days - np.datetime64(window.start), dtype=np.int64)


def _whole(rows: pa.Table, name: str) -> Counts:
    return np.asarray(rows[name].to_numpy(), dtype=np.int64)
