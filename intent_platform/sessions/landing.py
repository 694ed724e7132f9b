"""The `landing` feed: files dropped into a folder, each taken whole or not at all.

A file is moved to `accepted/` only after its rows are in. It adds to the days that it has rows of; it never
takes rows away, so that the same file twice changes nothing.
"""

import time
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import file_digest
from pathlib import Path

from intent_platform.partitions import Window, now
from intent_platform.sessions.contract import RawBatch
from intent_platform.sessions.file_scans import COLUMNS, forget_scan, scan_file
from intent_platform.sessions.files import header_of, read_batches
from intent_platform.settings.feeds import LandingSettings

_SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True)
class LandingFile:
    """A file that waits. `span` covers the days of its dated rows, None when it has none.

    `fault` is why it cannot be read, when that is so.
    """

    path: Path
    size: int
    mtime_ns: int
    span: Window | None
    fault: str | None

    @property
    def name(self) -> str:
        """The file's name, without folder."""
        return self.path.name

    @property
    def is_unchanged(self) -> bool:
        """Whether the file still is the one that was looked at."""
        try:
            state = self.path.stat()
        except FileNotFoundError:
            return False
        return (state.st_size, state.st_mtime_ns) == (self.size, self.mtime_ns)


@dataclass(frozen=True)
class LandingFeed:
    """The `.csv` and `.parquet` files directly in the landing folder; names that begin with a dot are left alone.

    A file is complete when it got its name (write elsewhere, or under a name that begins with a dot, then rename),
    when `NAME.done` is beside it if the settings ask for that, and when it was not written to for a while.
    """

    folder: Path
    first_day: date
    settings: LandingSettings
    name: str = "landing"
    replaces_window: bool = False

    def is_available(self) -> bool:
        """Always: an empty folder delivers nothing."""
        return True

    def extent(self) -> None:
        """Open-ended."""
        return

    def accepted_days(self) -> Window:
        """From the first partition to today, Asia/Tokyo."""
        tomorrow = now().date() + timedelta(days=1)
        return Window(min(self.first_day, tomorrow), tomorrow)

    def pending(self, timeout_seconds: float | None = None) -> list[LandingFile]:
        """The complete files that wait, by name. A file is read through once, when it is seen first.

        With `timeout_seconds` it returns by then without those that are still being read; they are there later.
        """
        if not self.folder.is_dir():
            return []
        paths = sorted(
            path
            for path in self.folder.iterdir()
            if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and path.is_file()
        )
        scans = []
        for path in paths:
            try:
                state = path.stat()
            except FileNotFoundError:  # a load took it just now
                continue
            if self._is_complete(path, state.st_mtime):
                scans.append((path, state, scan_file(path, state.st_size, state.st_mtime_ns)))
        wait([scan for _, _, scan in scans], timeout_seconds)
        possible = self.accepted_days()
        return [
            LandingFile(path, state.st_size, state.st_mtime_ns, scan.result().span(possible), scan.result().fault)
            for path, state, scan in scans
            if scan.done()
        ]

    def _is_complete(self, path: Path, written: float) -> bool:
        if self.settings.done_files and not _done_file(path).exists():
            return False
        return time.time() - written >= self.settings.quiet_seconds

    def split(self, window: Window) -> tuple[list[LandingFile], list[LandingFile]]:
        """The pending files that a load of `window` takes, and those that wait for a wider one."""
        readable = [file for file in self.pending() if file.fault is None]
        fits = {file: file.span is None or file.span.intersection(window) == file.span for file in readable}
        return [file for file in readable if fits[file]], [file for file in readable if not fits[file]]

    def deferred(self, window: Window) -> list[str]:
        """The files whose days reach beyond `window`."""
        _, waiting = self.split(window)
        return [f"{file.name} has sessions of {file.span} and waits for a load of all these days" for file in waiting]

    def completion_days(self, window: Window) -> dict[date, date]:  # noqa: ARG002  late files are new files
        """None: what comes late is a file of its own, which the landing sensor sees."""
        return {}

    def unreadable(self) -> list[str]:
        """The files that cannot be read: they stay, and hold up nothing else."""
        return [f"{file.fault}; mend it or take it away" for file in self.pending() if file.fault is not None]

    @contextmanager
    def deliver(self, window: Window) -> Iterator[Iterator[RawBatch]]:
        """The rows of every file whose days all lie in `window`; on success these files are moved.

        A file that changed meanwhile stays, and comes again.
        """
        taken, _ = self.split(window)
        yield (batch for file in taken if file.is_unchanged for batch in _batches(file.path))
        for file in taken:
            if file.is_unchanged:
                _move(file.path, self.folder / "accepted")
                _done_file(file.path).unlink(missing_ok=True)
                forget_scan(file.path)


def _done_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.done")


def _batches(path: Path) -> Iterator[RawBatch]:
    ignored = tuple(sorted(name for name in header_of(path) if name.upper() not in COLUMNS))
    for rows in read_batches(path, COLUMNS):
        yield RawBatch(rows, origin=path.name, ignored_columns=ignored)


def _move(path: Path, folder: Path) -> None:
    """Into `folder`; a name that is taken there by other content gets a piece of the content's hash."""
    folder.mkdir(exist_ok=True)
    target = folder / path.name
    if target.exists() and _digest(target) != _digest(path):
        target = folder / f"{path.stem}-{_digest(path)[:12]}{path.suffix}"
    path.replace(target)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
