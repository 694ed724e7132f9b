"""How fast the simulated feed loads into the local warehouse: generation, contract check, load, and all three together.

The load is the product's own `load_sessions`, into a new DuckDB file in a temporary folder.
"""

import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from bench.process import alone, timed
from intent_platform.partitions import Window, now, wall_clock
from intent_platform.platforms.loading import load_sessions
from intent_platform.platforms.local.warehouse import DuckDBWarehouse
from intent_platform.sessions.contract import ValidatedBatch, validate
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.prefetch import prefetch
from intent_platform.sessions.simulated.feed import SimulatedFeed
from intent_platform.settings import load_settings

DAY = date(2025, 7, 16)  # a weekday of a quiet month
WINDOW = Window(DAY, DAY + timedelta(days=1))
_PARTS_OF_ROWS = 2_000_000  # the parts are measured on batches held in memory


def measure_speed(rows: int) -> None:
    """Print the speed of each part, then the speed and peak memory of all parts together in a new process."""
    feed = feed_of(min(rows, _PARTS_OF_ROWS))
    warm_up()
    timed("generation", lambda: _drained(feed))
    with feed.deliver(WINDOW) as batches:
        held = list(batches)
    timed("contract check", lambda: sum(validate(batch, WINDOW).accepted.num_rows for batch in held))
    ready = [validate(batch, WINDOW) for batch in held]
    timed("load of validated rows", lambda: loaded(feed, iter(ready)))
    made, peak = alone(_all_of_it, rows)
    sys.stdout.write(f"{made:,} rows; peak memory of all parts {peak:,} MB\n")


def feed_of(rows: int) -> SimulatedFeed:
    """A simulated feed with about `rows` sessions a day."""
    return SimulatedFeed(0, rows, DAY, today=lambda: WINDOW.end)


def validated(feed: Feed) -> Iterator[ValidatedBatch]:
    """The validated batches of the day, read ahead as in the asset `source`."""
    with feed.deliver(WINDOW) as given, prefetch(given) as batches:
        for batch in batches:
            yield validate(batch, WINDOW)


def loaded(feed: Feed, batches: Iterator[ValidatedBatch]) -> int:
    """Load into a new warehouse and return the number of accepted rows."""
    with tempfile.TemporaryDirectory() as folder:
        memory_gb = load_settings().warehouse.memory_gb
        warehouse = DuckDBWarehouse(path=str(Path(folder) / "warehouse.duckdb"), timeout_seconds=1, memory_gb=memory_gb)
        with warehouse.connect(writing=True) as connection:
            counts = load_sessions(
                connection,
                WINDOW,
                batches,
                feed=feed.name,
                replacing=feed.replaces_window,
                undated=WINDOW.start,
                at=wall_clock(now()),
            )
    return counts.accepted


def warm_up() -> None:
    """Import modules and read the figures before anything is timed."""
    loaded(feed_of(10_000), validated(feed_of(10_000)))


def _all_of_it(rows: int) -> int:
    warm_up()
    feed = feed_of(rows)
    return timed("all parts", lambda: loaded(feed, validated(feed)))


def _drained(feed: SimulatedFeed) -> int:
    with feed.deliver(WINDOW) as batches:
        return sum(batch.rows.num_rows for batch in batches)
