"""The time and memory that the landing feed needs to scan and to load a large file.

The file holds one day of simulated sessions, once as CSV and once as Parquet. Each step runs in its own process, like
the sensor and the run. A scan stores its result beside the file, and later processes read that result.
"""

import sys
import tempfile
from datetime import date
from pathlib import Path

import pyarrow as pa
from pyarrow import csv, parquet

from bench.process import alone, timed
from bench.simulator_speed import DAY, WINDOW, feed_of, loaded, validated, warm_up
from intent_platform.sessions.landing import LandingFeed
from intent_platform.settings.feeds import LandingSettings

_MOST_SESSIONS = 100_000_000


def measure_landing(megabytes: int) -> None:
    """Print the time and memory of each step, for a CSV file of this size and a Parquet file of the same rows."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / "sessions.csv", Path(folder) / "sessions.parquet"]
        rows = _write(files, megabytes << 20)
        sizes = " and ".join(f"{file.stat().st_size / 1e6:,.0f} MB {file.suffix[1:].upper()}" for file in files)
        sys.stdout.write(f"{rows:,} rows: {sizes}\n")
        for file in files:
            landing = file.parent / f"landing_{file.suffix[1:]}"
            landing.mkdir()
            file.rename(landing / file.name)
            for step in (_look, _look, _load):
                _, peak = alone(step, landing, rows)
                sys.stdout.write(f"{'':32} peak memory {peak:,} MB\n")


def _write(files: list[Path], enough: int) -> int:
    with feed_of(_MOST_SESSIONS).deliver(WINDOW) as batches:
        first = next(batches).rows
        rows: int = 0
        with csv.CSVWriter(files[0], first.schema) as text, parquet.ParquetWriter(files[1], first.schema) as typed:
            batch: pa.Table = first
            while True:
                text.write_table(batch)
                typed.write_table(batch)
                rows += batch.num_rows
                if files[0].stat().st_size >= enough:
                    return rows
                batch = next(batches).rows


def _feed(folder: Path) -> LandingFeed:
    return LandingFeed(folder, date(DAY.year, 1, 1), LandingSettings(done_files=False, quiet_seconds=0))


def _look(folder: Path, rows: int) -> int:
    def scan() -> int:
        (file,) = _feed(folder).pending()
        if file.span != WINDOW:
            raise RuntimeError(f"{file} should hold the sessions of {WINDOW} and no others")
        return rows

    seen = (folder / ".scans").exists()
    return timed(f"{folder.name}: {'second scan' if seen else 'scan'}", scan)


def _load(folder: Path, _: int) -> int:
    warm_up()
    feed = _feed(folder)
    return timed(f"{folder.name}: load", lambda: loaded(feed, validated(feed)))
