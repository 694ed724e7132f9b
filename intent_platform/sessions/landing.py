"""The `landing` feed: files that arrive in a folder, each loaded completely or not at all.

A file moves to `accepted/` only after its rows are committed. It adds rows to its days or replaces them by key. It
never removes rows, so loading the same file twice changes nothing.
"""

import time
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import file_digest
from pathlib import Path
from typing import ClassVar

from intent_platform.partitions import Window, now
from intent_platform.sessions.contract import RawBatch
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.file_scans import COLUMNS, forget_scan, scan_file
from intent_platform.sessions.files import header_of, read_batches
from intent_platform.settings.feeds import LandingSettings

_SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True)
class LandingFile:
    """A file that waits to be loaded.

    Attributes:
        size, mtime_ns: the state of the file when it was scanned.
        span: the window from its first to its last accepted day; None if no row has an accepted day.
        fault: why the file is unreadable; None if it is readable.
    """

    path: Path
    size: int
    mtime_ns: int
    span: Window | None
    fault: str | None

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.name

    @property
    def is_unchanged(self) -> bool:
        """Whether the file is still in the state that was scanned."""
        try:
            state = self.path.stat()
        except FileNotFoundError:
            return False
        return (state.st_size, state.st_mtime_ns) == (self.size, self.mtime_ns)


@dataclass(frozen=True)
class LandingFeed(Feed):
    """The `.csv` and `.parquet` files directly in the landing folder. Names that begin with a dot are ignored.

    A file is loaded when it is complete:

    - It has its final name. Write it elsewhere or under a name that begins with a dot, then rename it.
    - Nobody wrote to it for `landing.quiet_seconds`.
    - With `landing.done_files`, `NAME.done` is beside it.
    """

    name: ClassVar[str] = "landing"
    replaces_window: ClassVar[bool] = False
    folder: Path
    first_day: date
    settings: LandingSettings

    def accepted_days(self) -> Window:
        """From the first partition to today, Asia/Tokyo."""
        tomorrow = now().date() + timedelta(days=1)
        return Window(min(self.first_day, tomorrow), tomorrow)

    def pending(self, timeout_seconds: float | None = None) -> list[LandingFile]:
        """The complete files that wait, by name. Each file is scanned once, when it is first seen.

        After `timeout_seconds` the call returns without the files whose scans are still running. A later call returns
        these files.
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
            except FileNotFoundError:  # a load moved it away in the meantime
                continue
            if self._is_complete(path, state.st_mtime):
                scans.append((path, state, scan_file(path, state.st_size, state.st_mtime_ns)))
        wait([scan for _, _, scan in scans], timeout_seconds)
        accepted = self.accepted_days()
        return [
            LandingFile(path, state.st_size, state.st_mtime_ns, scan.result().span(accepted), scan.result().fault)
            for path, state, scan in scans
            if scan.done()
        ]

    def _is_complete(self, path: Path, written: float) -> bool:
        if self.settings.done_files and not _done_file(path).exists():
            return False
        return time.time() - written >= self.settings.quiet_seconds

    def split(self, window: Window) -> tuple[list[LandingFile], list[LandingFile]]:
        """The readable files that a load of `window` takes, and those that wait for a wider window."""
        # A file without an accepted day fits every window: all its rows are rejected, wherever it is loaded.
        readable = [file for file in self.pending() if file.fault is None]
        fits = {file: file.span is None or file.span.intersection(window) == file.span for file in readable}
        return [file for file in readable if fits[file]], [file for file in readable if not fits[file]]

    def deferred(self, window: Window) -> list[str]:
        """The readable files with days outside `window`, one sentence each."""
        _, waiting = self.split(window)
        return [
            f"{file.name} has sessions of {file.span} and waits for a load that covers all these days"
            for file in waiting
        ]

    def unreadable(self) -> list[str]:
        """The unreadable files, one sentence each. They stay in the folder and do not block other files."""
        return [f"{file.fault}, or remove the file" for file in self.pending() if file.fault is not None]

    @contextmanager
    def deliver(self, window: Window) -> Iterator[Iterator[RawBatch]]:
        """Deliver the rows of every file whose days all lie in `window`. On success these files are moved.

        A file that changes in the meantime stays, and a later load delivers it.
        """
        files, _ = self.split(window)
        yield (batch for file in files if file.is_unchanged for batch in _batches(file.path))
        for file in files:
            if file.is_unchanged:  # a file that was written to during the load has rows that were not loaded
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
    """Move `path` into `folder`. If a file of this name with other content exists, the name gets a hash."""
    folder.mkdir(exist_ok=True)
    target = folder / path.name
    if target.exists() and _digest(target) != _digest(path):
        target = folder / f"{path.stem}-{_digest(path)[:12]}{path.suffix}"
    path.replace(target)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
