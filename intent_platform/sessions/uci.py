"""The `uci` feed: the *Online Shoppers Purchasing Intention* file, its months placed in a year.

C. Sakar and Y. Kastro, 2018, UCI Machine Learning Repository, data set 468, doi 10.24432/C5F88Q. The file has
neither days nor visitors: both are derived from its rows, the same every time.
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
_SHORTEST_MONTH_NAME = 3  # letters that tell all months apart
_FETCH_TIMEOUT_SECONDS = 60
_SATURDAY = 5

SessionDates = Literal["month_start", "spread"]


@dataclass(frozen=True)
class UciFeed(Feed):
    """The file at `settings.uci.csv`, else the home's copy of it, else fetched once."""

    name: ClassVar[str] = "uci"
    settings: Settings

    def is_available(self) -> bool:
        """Whether a file was given, or the home has its copy."""
        return self.settings.uci.csv is not None or self.settings.uci_copy.exists()

    def extent(self) -> Window:
        """From the first to the last month that occurs, whole months, from `first_day` on."""
        months = pc.min_max(self._sessions()["SESSION_DATE"]).as_py()
        whole = Window(add_months(months["min"], 0), add_months(months["max"], 1))
        clipped = whole.intersection(Window(self.settings.first_day, max(self.settings.first_day, whole.end)))
        if not clipped:
            raise FeedError(
                f"all sessions lie in {whole}, before first_day {self.settings.first_day}: "
                "set INTENT_PLATFORM_FIRST_DAY or INTENT_PLATFORM_UCI_YEAR"
            )
        return clipped

    def accepted_days(self) -> Window:
        """The days of `extent`."""
        return self.extent()

    @contextmanager
    def deliver(self, window: Window) -> Iterator[Iterator[RawBatch]]:
        """The sessions of `window`. Rows whose month cannot be read come with the first day of the extent."""
        sessions = self._sessions()
        dates = sessions["SESSION_DATE"]
        wanted = pc.and_(pc.greater_equal(dates, window.start), pc.less(dates, window.end))
        wanted = pc.fill_null(wanted, self.extent().start in window)
        yield iter([RawBatch(sessions.filter(wanted), origin=self._path().name)])

    def _path(self) -> Path:
        """The file, as the home has it: a given one is copied once it was read, so that later runs need no path."""
        given, copy = self.settings.uci.csv, self.settings.uci_copy
        if given is not None:
            if not given.is_file():
                raise FeedError(f"there is no file {given}: give the path of online_shoppers_intention.csv")
            return given
        if not copy.exists():
            fetch(copy)
        return copy

    def _sessions(self) -> pa.Table:
        path = self._path()
        state = path.stat()
        uci = self.settings.uci
        sessions = read_sessions(path, state.st_mtime_ns, state.st_size, uci.year, uci.session_dates)
        if path != self.settings.uci_copy:
            keep_copy(path, self.settings.uci_copy)
        return sessions


def fetch(target: Path) -> None:
    """Fetch the published file and put it at `target`, whole or not at all.

    Raises:
        FeedError: it cannot be had, or is another one; the text says what to do instead.
    """

    def write(path: Path) -> None:
        frame.to_csv(path, index=False)
        _read_rows(path)  # refuses what later runs would stumble over

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_FETCH_TIMEOUT_SECONDS)  # ucimlrepo sets none, and would wait for ever
    try:
        from ucimlrepo import fetch_ucirepo

        frame = fetch_ucirepo(id=DATASET_ID).data.original
        _atomically(target, write)
    except Exception as error:
        raise FeedError(
            f"the UCI data cannot be fetched ({error}): download data set {DATASET_ID} of the UCI Machine Learning "
            "Repository and give its file, make demo csv=PATH"
        ) from error
    finally:
        socket.setdefaulttimeout(before)


def keep_copy(path: Path, copy: Path) -> None:
    """Copy `path` to `copy`, whole or not at all, unless its content is there already."""
    if copy.exists() and copy.read_bytes() == path.read_bytes():
        return
    _atomically(copy, lambda target: shutil.copyfile(path, target))


def _atomically(target: Path, write: Callable[[Path], object]) -> None:
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        partial.replace(target)
    except OSError as error:
        raise FeedError(
            f"cannot write {target} ({error.strerror or error}): "
            "point INTENT_PLATFORM_HOME at a folder that you may write"
        ) from error
    finally:
        if partial.exists():
            partial.unlink()


@lru_cache(maxsize=2)
def read_sessions(path: Path, mtime_ns: int, size: int, year: int, session_dates: SessionDates) -> pa.Table:  # noqa: ARG001
    """All rows of the file with UID and SESSION_DATE; cells are text, as they came.

    Cached while the file's time and size stay the same. A month may be written in full or by three or more of
    its first letters; it is stored as UCI spells it. A row of an unknown month has no date.

    Raises:
        FeedError: the file cannot be read, has other columns, no rows, or no known month.
    """
    rows = _read_rows(path)
    months = [_month(text) for text in rows["MONTH"].to_pylist()]
    if not any(months):
        raise FeedError(f"{path} names no month in its column Month: expected {', '.join(MONTH_NAMES)}")
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
    """All rows of the file, its columns in upper case; cells are text, as they came."""
    if path.suffix.lower() == ".parquet":
        raise FeedError(f"{path} is not a CSV file: give the path of online_shoppers_intention.csv")
    batches = list(read_batches(path, _ATTRIBUTES))
    unexpected = sorted({name.upper() for name in header_of(path)} - set(_ATTRIBUTES))
    if unexpected:
        raise FeedError(f"{path} is not the UCI file, it has the columns {', '.join(unexpected)} besides")
    if not sum(batch.num_rows for batch in batches):
        raise FeedError(f"{path} has no rows: give the path of online_shoppers_intention.csv")
    return pa.concat_tables(batches)


def _month(text: str) -> int | None:
    """The number of the month that `text` names, January is 1."""
    word = text.strip().lower()
    if len(word) < _SHORTEST_MONTH_NAME:
        return None
    return next((number for number, name in enumerate(_FULL_MONTH_NAMES, start=1) if name.startswith(word)), None)


def _uids(rows: pa.Table, year: int) -> Iterator[UUID]:
    """A UUIDv5 of each row's content, the year, and its number among equal rows, which so stay distinct."""
    seen: Counter[tuple[str, ...]] = Counter()
    columns = [[_canonical(cell) for cell in rows[name].to_pylist()] for name in _ATTRIBUTES]
    for row in zip(*columns, strict=True):
        seen[row] += 1
        yield uuid5(_NAMESPACE, "|".join((str(year), *row, str(seen[row]))))


def _canonical(cell: str) -> str:
    """One spelling for equal values: the published text and a typed frame must give the same UID."""
    text = cell.strip().lower()
    try:
        return repr(float(text))
    except ValueError:
        return text


def session_day(month: date, session_dates: SessionDates, uid: UUID, *, is_weekend: bool) -> date:
    """The 1st, or a day of the month that the UID picks among those that are (or are not) on a weekend."""
    if session_dates == "month_start":
        return month
    days = [month + timedelta(days=n) for n in range(calendar.monthrange(month.year, month.month)[1])]
    fitting = [day for day in days if (day.weekday() >= _SATURDAY) == is_weekend]
    return fitting[uid.int % len(fitting)]
