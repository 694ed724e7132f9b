"""The `landing` feed: files dropped into a folder, each taken whole or not at all.

A file is moved to `accepted/` only after its rows are in. It adds to the days that it has rows of; it never
takes rows away, so that the same file twice changes nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import file_digest
from pathlib import Path

import pyarrow.compute as pc

from intent_platform.errors import FeedError
from intent_platform.partitions import Window, now
from intent_platform.sessions.contract import Received, typed
from intent_platform.sessions.files import header_of, read_batches
from intent_platform.tables import SESSION_COLUMNS

_SUFFIXES = (".csv", ".parquet")
_COLUMNS = tuple(column.name for column in SESSION_COLUMNS)


@dataclass(frozen=True)
class LandingFile:
    """A file that waits. `span` covers the days of its dated rows; None when it has none, or cannot be read."""

    path: Path
    size: int
    mtime_ns: int
    span: Window | None

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
    """The `.csv` and `.parquet` files directly in `folder`; names that begin with a dot are left alone."""

    folder: Path
    first_day: date
    name: str = "landing"
    replaces_window: bool = False

    def is_at_hand(self) -> bool:
        """Always: an empty folder delivers nothing."""
        return True

    def extent(self) -> None:
        """Open-ended."""
        return

    def possible_days(self) -> Window:
        """From the first partition to today, Asia/Tokyo."""
        tomorrow = now().date() + timedelta(days=1)
        return Window(min(self.first_day, tomorrow), tomorrow)

    def pending(self) -> list[LandingFile]:
        """The files that wait, by name. Reads nothing of them but their dates."""
        if not self.folder.is_dir():
            return []
        paths = sorted(
            path
            for path in self.folder.iterdir()
            if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and path.is_file()
        )
        return [self._looked_at(path) for path in paths]

    def split(self, window: Window) -> tuple[list[LandingFile], list[LandingFile]]:
        """The pending files that a load of `window` takes, and those that wait for a wider one."""
        pending = self.pending()
        taken = [f for f in pending if f.span is None or f.span.intersection(window) == f.span]
        return taken, [file for file in pending if file not in taken]

    def held_back(self, window: Window) -> list[str]:
        """The files whose days reach beyond `window`."""
        _, waiting = self.split(window)
        return [f"{file.name} has sessions of {file.span} and waits for a load of all these days" for file in waiting]

    @contextmanager
    def deliver(self, window: Window) -> Iterator[Iterator[Received]]:
        """The rows of every file whose days all lie in `window`; on success these files are moved.

        A file that changed meanwhile stays, and comes again.
        """
        taken, _ = self.split(window)
        yield (batch for file in taken if file.is_unchanged for batch in _batches(file.path))
        for file in taken:
            if file.is_unchanged:
                _move(file.path, self.folder / "accepted")

    def _looked_at(self, path: Path) -> LandingFile:
        state = path.stat()
        return LandingFile(path, state.st_size, state.st_mtime_ns, self._span(path))

    def _span(self, path: Path) -> Window | None:
        possible = self.possible_days()
        first: date | None = None
        last: date | None = None
        try:
            for batch in read_batches(path, ["SESSION_DATE"]):
                days = typed(batch["SESSION_DATE"], "DATE")
                fitting = pc.and_(pc.greater_equal(days, possible.start), pc.less(days, possible.end))
                ends = pc.min_max(days.filter(fitting)).as_py()
                if ends["min"] is not None:
                    first = min(first or ends["min"], ends["min"])
                    last = max(last or ends["max"], ends["max"])
        except FeedError:
            return None  # the load says what is wrong with it
        return None if first is None or last is None else Window(first, last + timedelta(days=1))


def _batches(path: Path) -> Iterator[Received]:
    ignored = tuple(sorted(name for name in header_of(path) if name.upper() not in _COLUMNS))
    for rows in read_batches(path, _COLUMNS):
        yield Received(rows, origin=path.name, ignored_columns=ignored)


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
