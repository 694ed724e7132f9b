"""Scans a landing file: which days it contains, or why it is unreadable.

Each file is scanned once, on a separate thread, because reading gigabytes takes a while. The process caches the result,
and a note in `.scans/` beside the file keeps it for other processes.
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
_SCANNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="landing")


@dataclass(frozen=True)
class FileScan:
    """The result of a scan.

    Attributes:
        days: every date in the file, ascending; empty if the file is unreadable.
        fault: why the file is unreadable; None if it is readable.
    """

    days: Sequence[date] = ()
    fault: str | None = None

    def span(self, accepted: Window) -> Window | None:
        """The window from the first to the last day of the file within `accepted`; None without such a day."""
        days = [day for day in self.days if day in accepted]
        return Window(days[0], days[-1] + timedelta(days=1)) if days else None


@lru_cache(maxsize=10_000)
def scan_file(path: Path, size: int, mtime_ns: int) -> "Future[FileScan]":
    """The scan of the file in the state that `size` and `mtime_ns` identify. The first call starts it."""
    return _SCANNER.submit(_load_note_or_read, path, size, mtime_ns)


def forget_scan(path: Path) -> None:
    """Remove the note of a file that was moved or deleted, and the folder of notes if it is empty."""
    with suppress(OSError):  # the note never existed, or the folder has other notes
        _note(path).unlink()
        _note(path).parent.rmdir()


def _load_note_or_read(path: Path, size: int, mtime_ns: int) -> FileScan:
    """The scan from a note of the same state, or else from the file. A new scan without a fault is noted."""
    state = {"size": size, "mtime_ns": mtime_ns}
    with suppress(OSError, ValueError, KeyError, TypeError):  # without a valid note, the file is read
        note = json.loads(_note(path).read_text(encoding="utf-8"))
        if {name: note[name] for name in state} == state:
            return FileScan([date.fromisoformat(day) for day in note["days"]])
    try:
        scan = FileScan(_days(path))
    except FeedError as error:  # not noted: the disk may be at fault and recover
        return FileScan(fault=str(error))
    with suppress(OSError):  # another process then scans the file again
        _write(_note(path), json.dumps(state | {"days": [day.isoformat() for day in scan.days]}))
    return scan


def _days(path: Path) -> list[date]:
    """The dates in a file, ascending. All columns are read, which finds any unreadable part before a load starts."""
    days: set[date] = set()
    for batch in read_batches(path, COLUMNS):
        days.update(typed(_distinct(batch["SESSION_DATE"]), "DATE").to_pylist())
    return sorted(day for day in days if day is not None)


def _distinct(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return pa.chunked_array([pc.unique(cells)])
    except pa.ArrowNotImplementedError:  # Arrow cannot compare nested cells
        return cells


def _note(path: Path) -> Path:
    return path.parent / ".scans" / f"{path.name}.json"


def _write(path: Path, text: str) -> None:
    """Write `text` completely or not at all: other processes may read the note at any time."""
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
