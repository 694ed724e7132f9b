"""Counts of rows: by day, by bin of the score, and the purchases among them."""

from datetime import date

from intent_platform.partitions import Window
from intent_platform.platforms.loading import in_window
from intent_platform.platforms.ports import Connection
from intent_platform.tables import DATASET, SCORES, Table


def rows_by_day(connection: Connection, table: Table, window: Window) -> dict[date, int]:
    """How many rows of `table` each day of `window` holds; a day without rows counts 0."""
    counted = connection.fetch(
        f"SELECT {table.date_column} AS DAY, COUNT(*) AS COUNTED FROM {table.name} "
        f"WHERE {in_window(table)} GROUP BY {table.date_column}",
        **window.bounds,
    )
    return dict.fromkeys(window, 0) | {row["DAY"]: row["COUNTED"] for row in counted.to_pylist()}


def newest_day(connection: Connection, table: Table, window: Window | None = None) -> date | None:
    """The last day of `window` (default: of all days) that the table has rows of; None without any."""
    newest: date | None
    if window is None:
        newest = connection.value(f"SELECT MAX({table.date_column}) AS DAY FROM {table.name}")
    else:
        newest = connection.value(
            f"SELECT MAX({table.date_column}) AS DAY FROM {table.name} WHERE {in_window(table)}", **window.bounds
        )
    return newest


def purchases(connection: Connection, window: Window) -> int:
    """How many sessions of DATASET in a window are purchases."""
    return int(
        connection.value(
            f"SELECT COALESCE(SUM(REVENUE), 0) AS PURCHASES FROM DATASET WHERE {in_window(DATASET)}", **window.bounds
        )
    )


def score_histogram(connection: Connection, window: Window, bins: int) -> dict[int, int]:
    """How many scores of `window` fall into each of `bins` equal bins; empty bins are left out."""
    counted = connection.fetch(
        f"SELECT LEAST(FLOOR(SCORE * {bins}), {bins - 1}) AS BIN, COUNT(*) AS COUNTED "
        f"FROM SCORES WHERE {in_window(SCORES)} GROUP BY 1 ORDER BY 1",
        **window.bounds,
    )
    return {int(row["BIN"]): row["COUNTED"] for row in counted.to_pylist()}
