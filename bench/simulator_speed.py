"""How fast simulated sessions come into the local warehouse: generation, contract and load, each by itself and all.

The load is the product's own: contract check, `load_sessions`, a new DuckDB file in a temporary folder.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

from intent_platform.partitions import Window, now, wall_clock
from intent_platform.platforms.local.warehouse import DuckDBWarehouse
from intent_platform.platforms.publish import load_sessions
from intent_platform.sessions.contract import Checked, Received, check
from intent_platform.sessions.simulated.feed import SimulatedFeed

DAY = date(2025, 7, 16)  # a weekday of a quiet month


def measure_speed(rows: int) -> None:
    """Print rows a second of each part."""
    day = Window(DAY, DAY + timedelta(days=1))
    feed = SimulatedFeed(0, rows, DAY, today=lambda: day.end)
    _loaded(day, _checked(SimulatedFeed(0, 10_000, DAY, today=lambda: day.end), day))  # imports and figures
    made = _timed("generation", lambda: _drained(feed, day))
    _measure_contract_and_load(feed, day)
    _timed("all of it", lambda: _loaded(day, _checked(feed, day)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{made:,} rows; peak memory of all that {peak:,.0f} MB\n")


def _measure_contract_and_load(feed: SimulatedFeed, day: Window) -> None:
    """Each by itself, over batches that are held in memory."""
    with feed.deliver(day) as batches:
        held = list(batches)
    _timed("contract check", lambda: sum(check(batch, day).accepted.num_rows for batch in held))
    checked = [check(batch, day) for batch in held]
    _timed("load of checked rows", lambda: _loaded(day, iter(checked)))


def _timed(what: str, work: Callable[[], int]) -> int:
    begin = time.perf_counter()
    rows = work()
    seconds = time.perf_counter() - begin
    sys.stdout.write(f"{what:22} {seconds:7.2f} s {rows / seconds:12,.0f} rows/s\n")
    sys.stdout.flush()
    return rows


def _drained(feed: SimulatedFeed, window: Window) -> int:
    with feed.deliver(window) as batches:
        return sum(batch.rows.num_rows for batch in batches)


def _checked(feed: SimulatedFeed, window: Window) -> Iterator[Checked]:
    batch: Received
    with feed.deliver(window) as batches:
        for batch in batches:
            yield check(batch, window)


def _loaded(window: Window, batches: Iterator[Checked]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        warehouse = DuckDBWarehouse(path=str(Path(folder) / "warehouse.duckdb"), wait_seconds=1)
        with warehouse.session(writing=True) as session:
            counts = load_sessions(
                session,
                window,
                batches,
                feed="simulated",
                replacing=True,
                undated=window.start,
                at=wall_clock(now()),
            )
    return counts.accepted
