"""The `landing` feed: files that arrive in a folder, each loaded completely or not at all.

A file moves to `accepted/` only after its rows are committed. It adds rows to its days or replaces them by key. It
never removes rows, so loading the same file twice changes nothing.
"""

import time
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import ClassVar

from intent_platform.errors import FeedError
from intent_platform.partitions import Window, first_kept_day, now
from intent_platform.sessions.accepted import AcceptedFolder, has_done_file
from intent_platform.sessions.contract import RawBatch
from intent_platform.sessions.faults import UnreadableFile, printable
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.file_scans import COLUMNS, FileState, forget_absent, mark_unreadable, scan_file
from intent_platform.sessions.files import header_of, read_batches
from intent_platform.settings.feeds import LandingSettings


@dataclass(frozen=True)
class LandingFile:
    """A file that waits to be loaded.

    Attributes:
        state: the state of the file when it was scanned.
        span: the window from its first to its last accepted day; None if no row has an accepted day.
        fault: why the file is unreadable; None if it is readable.
    """

    path: Path
    state: FileState
    span: Window | None
    fault: str | None

    @property
    def name(self) -> str:
        """The file's name without its folder, in printable characters."""
        return printable(self.path.name)

    @property
    def is_unchanged(self) -> bool:
        """Whether the file is still in the state that was scanned."""
        return FileState.of(self.path) == self.state


@dataclass(frozen=True)
class LandingFeed(Feed):
    """The `.csv` and `.parquet` files directly in the landing folder.

    Folders, names that begin with a dot and names that end in `.done` are ignored. Any other file is unreadable.
    A file is loaded when it is complete:

    - It has its final name. Write it elsewhere or under a name that begins with a dot, then rename it.
    - Nobody wrote to it for `landing.quiet_seconds`.
    - With `landing.done_files`, `NAME.done` is beside it, written after the file.
    """

    name: ClassVar[str] = "landing"
    replaces_window: ClassVar[bool] = False
    folder: Path
    first_day: date
    settings: LandingSettings
    raw_days: int | None = None

    def accepted_days(self) -> Window:
        """From the first partition whose raw sessions are kept to today, Asia/Tokyo."""
        tomorrow = now().date() + timedelta(days=1)
        return Window(min(max(self.first_day, first_kept_day(self.raw_days)), tomorrow), tomorrow)

    def pending(self, timeout_seconds: float | None = None) -> list[LandingFile]:
        """The complete files that wait, by name. Each file is scanned once, when it is first seen.

        After `timeout_seconds` the call returns without the files whose scans are still running. A later call returns
        these files. Notes and done files of files that are gone are removed.

        Raises:
            FeedError: the folder cannot be listed.
        """
        paths = self._paths()
        forget_absent(self.folder)
        self._accepted.remove_stale_done_files()
        states = {path: FileState.of(path) for path in paths}
        scans = [
            (path, state, scan_file(path, state))
            for path, state in states.items()
            if state is not None and self._is_complete(path, state)
        ]
        wait([scan for _, _, scan in scans], timeout_seconds)
        accepted = self.accepted_days()
        return [
            LandingFile(path, state, scan.result().span(accepted), scan.result().fault)
            for path, state, scan in scans
            if scan.done()
        ]

    @property
    def _accepted(self) -> AcceptedFolder:
        return AcceptedFolder(self.folder)

    def _paths(self) -> list[Path]:
        """What the folder contains, sorted, without names that are ignored. Empty before the folder exists.

        Raises:
            FeedError: the folder cannot be listed.
        """
        try:
            paths = sorted(self.folder.iterdir())
            (self.folder / "..").stat()  # fails if the files can be listed but not reached
        except FileNotFoundError:
            return []
        except OSError as error:
            raise FeedError(
                f"the landing folder {self.folder} cannot be listed ({error.strerror}): make it a folder that the "
                "platform can read and write, or set landing.folder to another one"
            ) from error
        return [path for path in paths if not path.name.startswith(".") and path.suffix != ".done"]

    def _is_complete(self, path: Path, state: FileState) -> bool:
        if self.settings.done_files and not has_done_file(path):
            return False
        return time.time() - state.mtime_ns / 1e9 >= self.settings.quiet_seconds

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

        A file that changes in the meantime stays, and a later load delivers it. A file that cannot be read, or whose
        rows raise `UnreadableFile` in the context, is left out of later deliveries and named by `unreadable`.

        Raises:
            FeedError: the folder cannot be listed, or its files cannot be moved.
            UnreadableFile: a file cannot be read.
        """
        files, _ = self.split(window)
        if files:
            self._accepted.make_room([file.path for file in files])
        delivered: list[LandingFile] = []
        try:
            yield _batches(files, delivered)
        except UnreadableFile as error:
            for file in files:
                if file.path.name == error.name:
                    mark_unreadable(file.path, file.state, str(error))
            raise
        with ExitStack() as moves:  # each file is moved, even if another one cannot be
            for file in delivered:
                moves.callback(self._take, file)
        forget_absent(self.folder)

    def _take(self, file: LandingFile) -> None:
        if file.is_unchanged:  # a file that was written to during the load has rows that were not loaded
            self._accepted.take(file.path)


def _batches(files: list[LandingFile], delivered: list[LandingFile]) -> Iterator[RawBatch]:
    """The rows of the files that are unchanged. Each of these files is added to `delivered` after its last row."""
    for file in files:
        if file.is_unchanged:
            ignored = tuple(sorted(name for name in header_of(file.path) if name.upper() not in COLUMNS))
            for rows in read_batches(file.path, COLUMNS):
                yield RawBatch(rows, origin=file.path.name, ignored_columns=ignored)
            delivered.append(file)
