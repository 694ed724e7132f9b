"""Simulated feeds with a calendar of their own, and what they deliver."""

from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from intent_platform.partitions import Window
from intent_platform.sessions.simulated.feed import SimulatedFeed

FIRST_DAY = date(2024, 12, 1)
DAY = date(2025, 5, 14)
TODAY = date(2026, 1, 1)


def feed_of(seed: int = 1, sessions_per_day: int = 300, **given: Any) -> SimulatedFeed:
    """A feed that begins on `FIRST_DAY` and whose today is `TODAY`."""
    return SimulatedFeed(seed, sessions_per_day, **{"first_day": FIRST_DAY, "today": lambda: TODAY, **given})


def rows_of(feed: SimulatedFeed, window: Window) -> pa.Table:
    """The rows that the feed delivers for a window."""
    with feed.deliver(window) as batches:
        return pa.concat_tables([batch.rows for batch in batches]).combine_chunks()


def day_of(feed: SimulatedFeed, day: date = DAY) -> pa.Table:
    """The rows that the feed delivers for one day."""
    return rows_of(feed, Window(day, day + timedelta(days=1)))
