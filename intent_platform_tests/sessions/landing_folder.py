"""Files in a landing folder, and what the feed takes from it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from intent_platform.partitions import TIMEZONE, Window, clock_set_to
from intent_platform.sessions.contract import RawBatch, ValidatedBatch, validate
from intent_platform.sessions.landing import LandingFeed
from intent_platform.settings.feeds import LandingSettings
from intent_platform.tables import SESSION_COLUMNS

NAMES = [column.name for column in SESSION_COLUMNS]
FIRST_DAY = date(2024, 1, 1)
TODAY = date(2024, 5, 20)
MONDAY, TUESDAY = date(2024, 5, 13), date(2024, 5, 14)
PAST = Window(FIRST_DAY, TODAY)
AT_ONCE = LandingSettings(done_files=False, quiet_seconds=0)

in_both_formats = pytest.mark.parametrize("name", ["monday.csv", "monday.parquet"])


@contextmanager
def open_landing(folder: Path) -> Iterator[LandingFeed]:
    """The feed over a new folder, at noon of `TODAY`."""
    folder.mkdir()
    with clock_set_to(datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=TIMEZONE)):
        yield LandingFeed(folder, FIRST_DAY, AT_ONCE)


def drop(feed: LandingFeed, name: str, rows: pa.Table) -> Path:
    """Write a CSV or Parquet file into the folder; its path."""
    path = feed.folder / name
    parquet.write_table(rows, path) if path.suffix.lower() == ".parquet" else csv.write_csv(rows, path)
    return path


def one_day(day: date) -> Window:
    """The window of a day."""
    return Window(day, day + timedelta(days=1))


def take(feed: LandingFeed, window: Window) -> list[RawBatch]:
    """The batches of a successful load of the window."""
    with feed.deliver(window) as batches:
        return list(batches)


def uids(received: list[RawBatch]) -> list[str]:
    """The UIDs of all rows, in order."""
    return [uid for batch in received for uid in batch.rows["UID"].to_pylist()]


def validated(feed: LandingFeed, received: list[RawBatch]) -> list[ValidatedBatch]:
    """The batches, split by the contract into accepted and rejected rows."""
    return [validate(batch, feed.accepted_days()) for batch in received]


def waiting_files(feed: LandingFeed) -> list[str]:
    """The names of the files directly in the folder."""
    return sorted(path.name for path in feed.folder.iterdir() if path.is_file())


def accepted_files(feed: LandingFeed) -> list[str]:
    """The names of the files that were moved after a load."""
    folder = feed.folder / "accepted"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
