"""The `uci` feed: the *Online Shoppers Purchasing Intention* file, with its months placed in one year.

Source: C. Sakar and Y. Kastro, 2018, UCI Machine Learning Repository, data set 468, doi 10.24432/C5F88Q. The file has
neither days nor visitors. Both are derived from its rows and are the same every time.
"""

import calendar
import os
import shutil
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

import pyarrow as pa
import pyarrow.compute as pc

from intent_platform.errors import FeedError
from intent_platform.partitions import Window, add_months
from intent_platform.sessions.contract import RawBatch
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.files import header_of, read_batches
from intent_platform.settings import Settings
from intent_platform.tables import MONTH_NAMES, SESSION_COLUMNS

DATASET_ID = 468
PUBLISHED_SESSIONS = 12_330
PUBLISHED_PURCHASES = 1_908

_ATTRIBUTES = tuple(column.name for column in SESSION_COLUMNS if column.name not in ("UID", "SESSION_DATE"))
_NAMESPACE = uuid5(NAMESPACE_URL, "https://doi.org/10.24432/C5F88Q")
_FULL_MONTH_NAMES = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_SHORTEST_MONTH_NAME = 3  # letters, enough to tell all months apart
_FETCH_TIMEOUT_SECONDS = 60
_SATURDAY = 5

SessionDates = Literal["month_start", "spread"]


@dataclass(frozen=True)
class UciFeed(Feed):
    """The sessions of the UCI file.

    The file is `settings.uci.csv` if that is set, otherwise the copy in the home. Without a copy it is fetched once.
    """

    name: ClassVar[str] = "uci"
    settings: Settings
    raw_days: int | None = None

    def is_available(self) -> bool:
        """Whether the settings name a file or the home has a copy."""
        return self.settings.uci.csv is not None or self.settings.uci_copy.exists()

    def extent(self) -> Window:
        """The whole months from the first to the last month of the file, without days before `first_day`.

        Raises:
            FeedError: the file cannot be read, or all its sessions are before `first_day`.
        """
        months = pc.min_max(self._sessions()["SESSION_DATE"]).as_py()
        whole = Window(add_months(months["min"], 0), add_months(months["max"], 1))
        clipped = whole.intersection(Window(self.settings.first_day, max(self.settings.first_day, whole.end)))
        if not clipped:
            raise FeedError(
                f"all sessions are in {whole}, before first_day {self.settings.first_day}: "
                "set INTENT_PLATFORM_FIRST_DAY to an earlier day or INTENT_PLATFORM_UCI_YEAR to a later year"
            )
        return clipped

    def accepted_days(self) -> Window:
        """The days of `extent`."""
        return self.extent()

    @contextmanager
    def deliver(self, window: Window) -> Iterator[Iterator[RawBatch]]:
        """Deliver the sessions of `window`. Rows with an unreadable month come with the first day of the extent."""
        sessions = self._sessions()
        dates = sessions["SESSION_DATE"]
        wanted = pc.and_(pc.greater_equal(dates, window.start), pc.less(dates, window.end))
        # A row without a date belongs to no day. Delivering it with one day lets the contract reject it exactly once.
        wanted = pc.fill_null(wanted, self.extent().start in window)
        yield iter([RawBatch(sessions.filter(wanted), origin=self._path().name)])

    def _path(self) -> Path:
        """The path of the file that the settings name, otherwise of the copy in the home, fetched if necessary."""
        given, copy = self.settings.uci.csv, self.settings.uci_copy
        if given is not None:
            if not given.is_file():
                raise FeedError(f"there is no file {given}: give the path of online_shoppers_intention.csv")
            return given
        if not copy.exists():
            fetch(copy)
        return copy

    def _sessions(self) -> pa.Table:
        """All sessions of the file. A file that the settings name is then copied, and later runs need not name it."""
        path = self._path()
        state = path.stat()
        uci = self.settings.uci
        sessions = read_sessions(path, state.st_mtime_ns, state.st_size, uci.year, uci.session_dates)
        if path != self.settings.uci_copy:
            keep_copy(path, self.settings.uci_copy)
        return sessions


def fetch(target: Path) -> None:
    """Fetch the published file and store it at `target`, completely or not at all.

    Raises:
        FeedError: the file cannot be fetched or is not the UCI file; the message says what to do instead.
    """

    def write(path: Path) -> None:
        frame.to_csv(path, index=False)
        _read_rows(path)  # raises if later runs could not read the file

    previous_timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_FETCH_TIMEOUT_SECONDS)  # ucimlrepo sets no timeout and could wait for ever
    try:
        from ucimlrepo import fetch_ucirepo

        frame = fetch_ucirepo(id=DATASET_ID).data.original
        _atomically(target, write)
    except Exception as error:  # network, parser or disk: the remedy is the same
        raise FeedError(
            f"the UCI data cannot be fetched ({error}): download data set {DATASET_ID} of the UCI Machine Learning "
            "Repository and run `make demo csv=PATH` with its file"
        ) from error
    finally:
        socket.setdefaulttimeout(previous_timeout)


def keep_copy(path: Path, copy: Path) -> None:
    """Copy `path` to `copy`, completely or not at all, unless `copy` has the same content already."""
    if copy.exists() and copy.read_bytes() == path.read_bytes():
        return
    _atomically(copy, lambda target: shutil.copyfile(path, target))


def _atomically(target: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `target`, then rename it. A failure leaves `target` unchanged.

    Raises:
        FeedError: the disk or the folder refuses the file.
    """
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        partial.replace(target)
    except OSError as error:
        raise FeedError(
            f"cannot write {target} ({error.strerror or error}): set INTENT_PLATFORM_HOME to a writable folder"
        ) from error
    finally:
        if partial.exists():
            partial.unlink()


@lru_cache(maxsize=2)
def read_sessions(path: Path, mtime_ns: int, size: int, year: int, session_dates: SessionDates) -> pa.Table:  # noqa: ARG001
    """All rows of the file, with UID and SESSION_DATE. The other cells are the text of the file.

    The result is cached as long as the file's time and size stay the same. A month may be written in full or as its
    first three or more letters, and is stored in UCI's spelling. A row with an unknown month has no date.

    Raises:
        FeedError: the file cannot be read, has the wrong columns, or has no rows or no known month.
    """
    rows = _read_rows(path)
    months = [_month(text) for text in rows["MONTH"].to_pylist()]
    if not any(months):
        raise FeedError(f"{path} has no known month in its column Month: use {', '.join(MONTH_NAMES)}")
    spelt = [
        MONTH_NAMES[month - 1] if month else text for month, text in zip(months, rows["MONTH"].to_pylist(), strict=True)
    ]
    rows = rows.set_column(rows.schema.get_field_index("MONTH"), "MONTH", pa.array(spelt))
    uids = list(_uids(rows, year))
    weekends = [text.strip().lower() in ("true", "1", "1.0") for text in rows["WEEKEND"].to_pylist()]
    dates = [
        None if month is None else session_day(date(year, month, 1), session_dates, uid, is_weekend=weekend)
        for month, uid, weekend in zip(months, uids, weekends, strict=True)
    ]
    return rows.append_column("UID", pa.array([str(uid) for uid in uids])).append_column(
        "SESSION_DATE", pa.array(dates, pa.date32())
    )


def _read_rows(path: Path) -> pa.Table:
    """All rows of the file, with column names in upper case and the text of the file as cells."""
    if path.suffix.lower() == ".parquet":
        raise FeedError(f"{path} is not a CSV file: give the path of online_shoppers_intention.csv")
    batches = list(read_batches(path, _ATTRIBUTES))
    unexpected = sorted({name.upper() for name in header_of(path)} - set(_ATTRIBUTES))
    if unexpected:
        raise FeedError(
            f"{path} has the unexpected columns {', '.join(unexpected)}: give the path of online_shoppers_intention.csv"
        )
    if not sum(batch.num_rows for batch in batches):
        raise FeedError(f"{path} has no rows: give the path of online_shoppers_intention.csv")
    return pa.concat_tables(batches)


def _month(text: str) -> int | None:
    """The number of the month that `text` names, 1 for January; None if it does not name one."""
    word = text.strip().lower()
    if len(word) < _SHORTEST_MONTH_NAME:
        return None
    return next((number for number, name in enumerate(_FULL_MONTH_NAMES, start=1) if name.startswith(word)), None)


def _uids(rows: pa.Table, year: int) -> Iterator[UUID]:
    """A UUIDv5 for each row, from its content, the year and its number among equal rows.

    The number keeps the UIDs of equal rows distinct.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    columns = [[_canonical(cell) for cell in rows[name].to_pylist()] for name in _ATTRIBUTES]
    for row in zip(*columns, strict=True):
        seen[row] += 1
        yield uuid5(_NAMESPACE, "|".join((str(year), *row, str(seen[row]))))


def _canonical(cell: str) -> str:
    """One spelling for equal values. The published file and a fetched data frame spell numbers differently."""
    text = cell.strip().lower()
    try:
        return repr(float(text))
    except ValueError:
        return text


def session_day(month: date, session_dates: SessionDates, uid: UUID, *, is_weekend: bool) -> date:
    """The day of a session, by the setting `uci.session_dates`.

    `month_start` gives the 1st. `spread` lets the UID pick one of the weekend days of the month, or one of the other
    days if `is_weekend` is false.
    """
    if session_dates == "month_start":
        return month
    days = [month + timedelta(days=n) for n in range(calendar.monthrange(month.year, month.month)[1])]
    candidates = [day for day in days if (day.weekday() >= _SATURDAY) == is_weekend]
    return candidates[uid.int % len(candidates)]
