"""How fast simulated sessions come into the local warehouse: generation, contract and load, each by itself and all.

The load is the product's own: contract check, `load_sessions`, a new DuckDB file in a temporary folder.
"""

import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from bench.process import alone, timed
from intent_platform.partitions import Window, now, wall_clock
from intent_platform.platforms.local.warehouse import DuckDBWarehouse
from intent_platform.platforms.publish import load_sessions
from intent_platform.sessions.ahead import ahead
from intent_platform.sessions.contract import Checked, check
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.simulated.feed import SimulatedFeed
from intent_platform.settings import load_settings

DAY = date(2025, 7, 16)  # a weekday of a quiet month
WINDOW = Window(DAY, DAY + timedelta(days=1))
_PARTS_OF_ROWS = 2_000_000  # the parts hold their batches in memory


def measure_speed(rows: int) -> None:
    """Print rows a second of each part, and of all in one process of its own, with its memory."""
    feed = feed_of(min(rows, _PARTS_OF_ROWS))
    warm_up()
    timed("generation", lambda: _drained(feed))
    with feed.deliver(WINDOW) as batches:
        held = list(batches)
    timed("contract check", lambda: sum(check(batch, WINDOW).accepted.num_rows for batch in held))
    ready = [check(batch, WINDOW) for batch in held]
    timed("load of checked rows", lambda: loaded(feed, iter(ready)))
    made, peak = alone(_all_of_it, rows)
    sys.stdout.write(f"{made:,} rows; peak memory of all of it {peak:,} MB\n")


def feed_of(rows: int) -> SimulatedFeed:
    """A shop with about so many sessions a day."""
    return SimulatedFeed(0, rows, DAY, today=lambda: WINDOW.end)


def checked(feed: Feed) -> Iterator[Checked]:
    """What the feed delivers for the day, as the asset `source` takes it."""
    with feed.deliver(WINDOW) as given, ahead(given) as batches:
        for batch in batches:
            yield check(batch, WINDOW)


def loaded(feed: Feed, batches: Iterator[Checked]) -> int:
    """Load into a new warehouse; how many rows were accepted."""
    with tempfile.TemporaryDirectory() as folder:
        memory_gb = load_settings().warehouse.memory_gb
        warehouse = DuckDBWarehouse(path=str(Path(folder) / "warehouse.duckdb"), wait_seconds=1, memory_gb=memory_gb)
        with warehouse.session(writing=True) as session:
            counts = load_sessions(
                session,
                WINDOW,
                batches,
                feed=feed.name,
                replacing=feed.replaces_window,
                undated=WINDOW.start,
                at=wall_clock(now()),
            )
    return counts.accepted


def warm_up() -> None:
    """Imports and figures."""
    loaded(feed_of(10_000), checked(feed_of(10_000)))


def _all_of_it(rows: int) -> int:
    warm_up()
    feed = feed_of(rows)
    return timed("all of it", lambda: loaded(feed, checked(feed)))


def _drained(feed: SimulatedFeed) -> int:
    with feed.deliver(WINDOW) as batches:
        return sum(batch.rows.num_rows for batch in batches)
