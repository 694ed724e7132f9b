"""Looking into a landing file: the days that its rows have, or why it cannot be read.

A file is read through once, on a thread of its own, since gigabytes take a while. What was found is remembered
by the process, and beside the file for other processes.
"""

import json
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from intent_platform.errors import FeedError
from intent_platform.partitions import Window
from intent_platform.sessions.contract import typed
from intent_platform.sessions.files import read_batches
from intent_platform.tables import SESSION_COLUMNS

COLUMNS = tuple(column.name for column in SESSION_COLUMNS)
_READER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="landing")


@dataclass(frozen=True)
class FileScan:
    """The days that a file has rows of, ascending, or why it cannot be read."""

    days: Sequence[date] = ()
    fault: str | None = None

    def span(self, possible: Window) -> Window | None:
        """From the first to the last of those days that are `possible`; None without any."""
        days = [day for day in self.days if possible.start <= day < possible.end]
        return Window(days[0], days[-1] + timedelta(days=1)) if days else None


@lru_cache(maxsize=10_000)
def scan_file(path: Path, size: int, mtime_ns: int) -> "Future[FileScan]":
    """What is in the file of this state. The first one to ask for it starts the reading."""
    return _READER.submit(_remembered_or_read, path, size, mtime_ns)


def forget_scan(path: Path) -> None:
    """Remove what is remembered beside a file that is gone."""
    with suppress(OSError):  # there never was a note, or others are left
        _note(path).unlink()
        _note(path).parent.rmdir()


def _remembered_or_read(path: Path, size: int, mtime_ns: int) -> FileScan:
    state = {"size": size, "mtime_ns": mtime_ns}
    with suppress(OSError, ValueError, KeyError, TypeError):  # no note, or none of ours: read the file
        note = json.loads(_note(path).read_text(encoding="utf-8"))
        if {name: note[name] for name in state} == state:
            return FileScan([date.fromisoformat(day) for day in note["days"]])
    try:
        scan = FileScan(_days(path))
    except FeedError as error:  # not written down: it may be the disk, and no fault of the file
        return FileScan(fault=str(error))
    with suppress(OSError):  # another process will read the file again then
        _write(_note(path), json.dumps(state | {"days": [day.isoformat() for day in scan.days]}))
    return scan


def _days(path: Path) -> list[date]:
    """Reads all columns: what cannot be read is to be known before a load."""
    found: set[date] = set()
    for batch in read_batches(path, COLUMNS):
        found.update(typed(_distinct(batch["SESSION_DATE"]), "DATE").to_pylist())
    return sorted(day for day in found if day is not None)


def _distinct(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return pa.chunked_array([pc.unique(cells)])
    except pa.ArrowNotImplementedError:  # nested cells
        return cells


def _note(path: Path) -> Path:
    return path.parent / ".scans" / f"{path.name}.json"


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
