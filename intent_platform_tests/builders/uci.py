"""UCI files of made rows, and what the feed delivers of them."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from intent_platform.partitions import Window
from intent_platform.sessions.contract import RawBatch, ValidatedBatch, validate
from intent_platform.sessions.uci import UciFeed
from intent_platform_tests.builders.sessions import HEADER, made_rows

Row = dict[str, object]


def write(path: Path, rows: Sequence[Row], header: Sequence[str] = HEADER) -> Path:
    """Write rows as a UCI file; its path."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows(rows)
    return path


def made(**rows_per_month: int) -> list[Row]:
    """Made rows, so many of each month: `made(Mar=3, May=2)`."""
    return [row for month, n in rows_per_month.items() for row in made_rows(n, month, seed=7)]


def delivered(feed: UciFeed, window: Window | None = None) -> pa.Table:
    """The rows that the feed delivers for a window, by default for its whole extent."""
    with feed.deliver(feed.extent() if window is None else window) as batches:
        return pa.concat_tables([batch.rows for batch in batches])


def validated(feed: UciFeed) -> ValidatedBatch:
    """The rows of the whole extent, split by the contract into accepted and rejected."""
    return validate(RawBatch(delivered(feed), "uci.csv"), feed.accepted_days())
