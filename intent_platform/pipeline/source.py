"""Raw sessions: loading a window from the feed, and the days that a source has.

With an observed table nothing is loaded; how its rows are read is in `observation`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from textwrap import shorten

from intent_platform.errors import FeedError, WarehouseError
from intent_platform.partitions import Window, now, wall_clock
from intent_platform.pipeline.counts import rows_by_day
from intent_platform.pipeline.expiry import kept_days, kept_from, require_kept
from intent_platform.pipeline.observation import observed_extent
from intent_platform.platforms.loading import LoadCounts, load_sessions
from intent_platform.platforms.ports import Connection, Platform
from intent_platform.sessions.contract import RawBatch, ValidatedBatch, validate
from intent_platform.sessions.faults import UnreadableFile, printable, reading
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.sessions.prefetch import prefetch
from intent_platform.tables import SOURCE

_SHOWN_CHARACTERS = 500  # of the names of a load's files


@dataclass(frozen=True)
class SourceLoad:
    """One load: its counts, the rows that each day has now, and the columns of the feed that were ignored.

    `loaded_at` is the Asia/Tokyo wall-clock time with which its rows are stamped.
    """

    counts: LoadCounts
    rows_by_day: Mapping[date, int]
    ignored_columns: frozenset[str]
    loaded_at: datetime


def load_window(platform: Platform, feed: Feed, window: Window) -> SourceLoad:
    """Load what `feed` delivers for `window`, in one transaction.

    If a file is unreadable, a feed that delivers additions leaves it out, and the load starts again. Such a feed's rows
    that are too old are rejected.

    Raises:
        RawSessionsDeleted: the feed would deliver days again whose raw sessions were deleted.
        FeedError: the feed cannot deliver; nothing was loaded. Or a loaded file cannot be moved.
        WarehouseError: the warehouse cannot load the rows. The message names their files, which stay in place.
    """
    while True:
        try:
            return _load_once(platform, feed, window)
        except UnreadableFile:
            if feed.replaces_window:  # without the file, the window would lose rows
                raise


def _load_once(platform: Platform, feed: Feed, window: Window) -> SourceLoad:
    origins: dict[str, None] = {}
    try:
        with platform.warehouse.connect(writing=True) as connection:
            return _load(connection, feed, window, origins)
    except WarehouseError as error:
        if not origins:
            raise
        names = shorten(", ".join(map(printable, origins)), _SHOWN_CHARACTERS, placeholder=" …")
        raise WarehouseError(f"the load of {names} failed: {error}") from error


def _load(connection: Connection, feed: Feed, window: Window, origins: dict[str, None]) -> SourceLoad:
    """Load on an open connection. `origins` gets the name of each file or delivery that was begun."""
    accepted_days, loaded_at = feed.accepted_days(), wall_clock(now())
    if feed.replaces_window:
        require_kept(connection, window, feed.raw_days)
    # A load that replaces the window may accept no other day: that day's own load would not know of the row.
    allowed = window if feed.replaces_window else kept_days(connection, accepted_days, feed.raw_days)
    ignored: set[str] = set()

    def validated(batches: Iterator[RawBatch]) -> Iterator[ValidatedBatch]:
        for batch in batches:
            origins[batch.origin] = None
            ignored.update(batch.ignored_columns)
            with reading(Path(batch.origin)):
                rows = validate(batch, allowed)
            yield rows

    with feed.deliver(window) as delivered, prefetch(delivered) as batches:
        counts = load_sessions(
            connection,
            window,
            validated(batches),
            feed=feed.name,
            replacing=feed.replaces_window,
            undated=accepted_days.start if feed.replaces_window else window.start,
            at=loaded_at,
            kept_from=kept_from(connection, feed.raw_days),
        )
        return SourceLoad(counts, rows_by_day(connection, SOURCE, window), frozenset(ignored), loaded_at)


def available_days(platform: Platform, source: Feed | ObservedTable) -> Window | None:
    """The days that have sessions and whose raw sessions are kept.

    None for a feed that is open-ended and for a table without rows.

    Raises:
        FeedError: the sessions cannot be read, or all of them are too old.
        WarehouseError: another process holds the observed table.
    """
    extent = source.extent() if isinstance(source, Feed) else None
    if isinstance(source, Feed) and extent is None:
        return None
    with platform.warehouse.connect() as connection:
        if isinstance(source, ObservedTable):
            extent = observed_extent(connection, source)
        if not extent:
            return extent
        kept = kept_days(connection, extent, source.raw_days)
        if not kept:
            raise FeedError(
                f"all sessions of the feed {source.name} are before {kept_from(connection, source.raw_days)}, the "
                "first day whose raw sessions are kept: set retention.raw_days to more days or null"
            )
        return kept
