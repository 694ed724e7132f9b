"""Scans a landing file: which days it contains, or why it is unreadable.

Each file is scanned once, on a separate thread, because reading gigabytes takes a while. The process remembers the
result, and a note in `.scans/` beside the file keeps it for other processes.
"""

import json
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from stat import S_ISREG

import pyarrow.compute as pc

from intent_platform.partitions import Window
from intent_platform.sessions.contract import typed
from intent_platform.sessions.faults import UnreadableFile, reading
from intent_platform.sessions.files import read_batches
from intent_platform.tables import SESSION_COLUMNS

COLUMNS = tuple(column.name for column in SESSION_COLUMNS)
_SUFFIXES = (".csv", ".parquet")
_LONGEST_NAME = 200  # bytes; file systems allow 255, and longer names are made from this one
_SCANNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="landing")


@dataclass(frozen=True)
class FileState:
    """The state of a file. A scan is valid until the state changes."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileState | None":
        """The state of a regular file. None for anything else, and for a file that is gone or out of reach."""
        try:
            found = path.stat()
        except OSError:
            return None
        return cls(found.st_size, found.st_mtime_ns) if S_ISREG(found.st_mode) else None


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


_SCANS: dict[Path, tuple[FileState, "Future[FileScan]"]] = {}


def scan_file(path: Path, state: FileState) -> "Future[FileScan]":
    """The scan of the file in this state. The first call starts it."""
    scanned, scan = _SCANS.get(path, (None, None))
    if scan is None or scanned != state:
        scan = _SCANNER.submit(_load_note_or_read, path, state)
        _SCANS[path] = state, scan
    return scan


def mark_unreadable(path: Path, state: FileState, fault: str) -> None:
    """Replace the scan of the file in this state, because a load found a fault that the scan did not find."""
    scan: Future[FileScan] = Future()
    scan.set_result(FileScan(fault=fault))
    _SCANS[path] = state, scan
    with suppress(OSError):  # without a note, another process scans the file again
        _note(path).unlink()


def forget_absent(folder: Path) -> None:
    """Forget the scans of files that are not in `folder` any more, and remove their notes."""
    for path in list(_SCANS):
        if path.parent == folder and not path.exists():
            _SCANS.pop(path, None)
    with suppress(OSError):  # there is no note, or none can be removed
        for note in (folder / ".scans").iterdir():
            if not (folder / note.stem).exists():
                note.unlink()
        (folder / ".scans").rmdir()  # fails while other notes exist


def _load_note_or_read(path: Path, state: FileState) -> FileScan:
    """The scan from a note of the same state, or else from the file. A new scan without a fault is noted."""
    try:
        _check_name(path)
        with suppress(OSError, ValueError, KeyError, TypeError):  # without a valid note, the file is read
            note = json.loads(_note(path).read_text(encoding="utf-8"))
            if FileState(note["size"], note["mtime_ns"]) == state:
                return FileScan([date.fromisoformat(day) for day in note["days"]])
        scan = FileScan(_days(path))
    except UnreadableFile as error:  # not noted: the disk may be at fault and recover
        return FileScan(fault=str(error))
    with suppress(OSError):  # another process then scans the file again
        _write(_note(path), json.dumps(asdict(state) | {"days": [day.isoformat() for day in scan.days]}))
    return scan


def _check_name(path: Path) -> None:
    """Refuse a name that a load could not store or move.

    Raises:
        UnreadableFile: the name has another ending, is not UTF-8 or is too long.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise UnreadableFile(path, f"has the ending {path.suffix!r}, not {' or '.join(_SUFFIXES)}: rename it")
    try:
        too_long = len(path.name.encode()) > _LONGEST_NAME
    except UnicodeEncodeError as error:
        raise UnreadableFile(path, "has a name that is not UTF-8: rename it") from error
    if too_long:
        raise UnreadableFile(path, f"has a name of more than {_LONGEST_NAME} bytes: rename it")


def _days(path: Path) -> list[date]:
    """The dates in a file, ascending. All columns are read, which finds any unreadable part before a load starts.

    Raises:
        UnreadableFile: the file cannot be read.
    """
    days: set[date] = set()
    with reading(path):
        for batch in read_batches(path, COLUMNS):
            days.update(typed(pc.unique(batch["SESSION_DATE"]), "DATE").drop_null().to_pylist())
    return sorted(days)


def _note(path: Path) -> Path:
    return path.parent / ".scans" / f"{path.name}.json"


def _write(path: Path, text: str) -> None:
    """Write `text` completely or not at all: other processes may read the note at any time."""
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
