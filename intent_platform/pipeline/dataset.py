"""Sessions with model features: one SQL select over SOURCE or the observed table, replaced day by day."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256

from intent_platform.partitions import Window
from intent_platform.pipeline.counts import purchases, rows_by_day
from intent_platform.pipeline.expiry import require_kept
from intent_platform.pipeline.observation import DayState, load_observed_window
from intent_platform.platforms.loading import LoadCounts, refill_window
from intent_platform.platforms.ports import Connection, Platform
from intent_platform.platforms.sql import statement_beside
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.tables import DATASET

SELECT = statement_beside(__file__, "dataset.sql")


def code_version_of(select: str) -> str:
    """A text that changes with the statement, and neither with its comments nor with its spacing."""
    code = (line for line in select.splitlines() if not line.lstrip().startswith("--"))
    return sha256(" ".join(" ".join(code).split()).encode()).hexdigest()[:12]


#: Changes with every column of DATASET, because the SELECT names each one. Another one rebuilds all days.
CODE_VERSION = code_version_of(SELECT)


@dataclass(frozen=True)
class DatasetBuild:
    """A window of DATASET as it is now: counts, rows of each day, purchases.

    `days_read` is the state in which the days of an observed table were read; empty for a feed.
    """

    counts: LoadCounts
    rows_by_day: Mapping[date, int]
    purchases: int
    days_read: Mapping[date, DayState] = field(default_factory=dict)


def build_dataset(platform: Platform, window: Window, source: Feed | ObservedTable) -> DatasetBuild:
    """Replace the sessions of `window` in DATASET, in one transaction.

    Raises:
        FeedError, WarehouseError: the observed table cannot be read.
        RawSessionsDeleted: the window has a day without raw sessions. Its rows stay as they are.
    """
    with platform.warehouse.connect(writing=True) as connection:
        counts, days_read = refill_dataset(connection, window, source)
        return DatasetBuild(counts, rows_by_day(connection, DATASET, window), purchases(connection, window), days_read)


def refill_dataset(
    connection: Connection, window: Window, source: Feed | ObservedTable
) -> tuple[LoadCounts, Mapping[date, DayState]]:
    """What `build_dataset` does, on an open connection: the counts, and the state of each observed day."""
    if isinstance(source, ObservedTable):
        load = load_observed_window(connection, source, window, SELECT)
        return load.counts, load.days
    with connection.transaction():
        rows = refill_window(connection, DATASET, window, SELECT)
        # After the rows, because they may have been deleted just before the SELECT.
        require_kept(connection, window, source.raw_days)
    return LoadCounts(received=rows, accepted=rows, rejected=0), {}
