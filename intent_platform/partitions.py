"""Daily and monthly partitions, and the windows of dates that follow from a partition key.

This is the only module that computes windows. Windows are half-open, and all times are in Asia/Tokyo.
Functions that need Dagster import it themselves, because the pure core uses `Window` without Dagster.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import dagster as dg

TIMEZONE_NAME = "Asia/Tokyo"
TIMEZONE = ZoneInfo(TIMEZONE_NAME)
#: Dagster's tags of a run over one partition, and over a range of partitions.
PARTITION = "dagster/partition"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@dataclass(frozen=True, order=True)
class Window:
    """The dates `start <= day < end` in Asia/Tokyo. `[2024-05-01, 2024-05-15)` is two weeks."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"window ends {self.end} before it starts {self.start}")

    def __str__(self) -> str:
        return f"[{self.start}, {self.end})"

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    def __iter__(self) -> Iterator[date]:
        return (self.start + timedelta(days=n) for n in range((self.end - self.start).days))

    def __len__(self) -> int:
        return (self.end - self.start).days

    @property
    def keys(self) -> list[str]:
        """The daily partition keys of the window, in order."""
        return [day.isoformat() for day in self]

    @property
    def bounds(self) -> dict[str, date]:
        """The values `start` and `end` that the conditions of statements bind."""
        return {"start": self.start, "end": self.end}

    def overlaps(self, other: "Window") -> bool:
        """Whether the two windows have a day in common."""
        return self.start < other.end and other.start < self.end

    def intersection(self, other: "Window") -> "Window":
        """The days that lie in both windows; without one, an empty window at the start of this window."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Window(start, end) if start < end else Window(self.start, self.start)


class _Clock:
    """Offset of the platform's clock from system time; zero except in a rehearsal or a test."""

    offset = timedelta(0)


def now() -> datetime:
    """The current time of the platform, aware, in Asia/Tokyo."""
    return datetime.now(TIMEZONE) + _Clock.offset


@contextmanager
def clock_set_to(moment: datetime) -> Iterator[None]:
    """Set the platform's clock to `moment` for the whole process, until the context ends.

    Inside the context, `now()` starts at `moment` and advances with the system time. Rehearsals and tests use it.
    """
    previous, _Clock.offset = _Clock.offset, moment - datetime.now(TIMEZONE)
    try:
        yield
    finally:
        _Clock.offset = previous


def wall_clock(moment: datetime) -> datetime:
    """The wall-clock time in Asia/Tokyo, naive, as the `TIMESTAMP_NTZ` columns of the tables store it."""
    return moment.astimezone(TIMEZONE).replace(tzinfo=None)


def day_of(key: str) -> date:
    """The date of a daily key (`2024-05-17`) or the first day of a monthly one (`2024-05-01`)."""
    return date.fromisoformat(key)


def days_window(keys: Iterable[str]) -> Window:
    """The window that consecutive daily keys cover, in any order.

    `["2024-05-01", "2024-05-02"]` -> `[2024-05-01, 2024-05-03)`, Asia/Tokyo.

    Raises:
        ValueError: the keys are not consecutive.
    """
    days = sorted(map(day_of, keys))
    window = Window(days[0], days[-1] + timedelta(days=1))
    if len(window) != len(days):
        raise ValueError(f"the daily keys {days[0]} to {days[-1]} are not consecutive")
    return window


def range_tags(window: Window) -> dict[str, str]:
    """The tags of one Dagster run over all days of `window`."""
    return {RANGE_START: window.keys[0], RANGE_END: window.keys[-1]}


def tagged_window(tags: Mapping[str, str]) -> Window | None:
    """The days that a Dagster run with these tags covers; None for a run without partitions."""
    first, last = (tags.get(tag, tags.get(PARTITION)) for tag in (RANGE_START, RANGE_END))
    if first is None or last is None:
        return None
    return Window(day_of(first), day_of(last) + timedelta(days=1))


def month_window(key: str) -> Window:
    """The whole month of a monthly key. `2024-05-01` -> `[2024-05-01, 2024-06-01)`, Asia/Tokyo."""
    return Window(day_of(key), add_months(day_of(key), 1))


def training_window(key: str, months: int) -> Window:
    """The training window of the challenger of monthly key `key`: the `months` months before it.

    `2024-05-01`, 3 -> `[2024-02-01, 2024-05-01)`, Asia/Tokyo. It ends where the test window begins.
    """
    month = day_of(key)
    return Window(add_months(month, -months), month)


def evaluation_window(key: str, days: int) -> Window:
    """The test window of the evaluation of monthly key `key`: the first `days` days of that month.

    `2024-05-01`, 14 -> `[2024-05-01, 2024-05-15)`, Asia/Tokyo. This example is complete when the 15th begins.
    """
    month = day_of(key)
    return Window(month, month + timedelta(days=days))


def unseen_months(key: str, months: int, trained: Iterable[Window]) -> list[Window]:
    """The months before monthly key `key` that do not overlap any window in `trained`, newest first.

    The result goes back `months` months at most and contains whole months only.
    `2024-09-01`, 4, trained on `[2024-02-01, 2024-05-01)` and `[2024-06-01, 2024-09-01)` -> `[2024-05-01, 2024-06-01)`,
    Asia/Tokyo.
    """
    seen = tuple(trained)
    earlier = (month_window(add_months(day_of(key), -n).isoformat()) for n in range(1, months + 1))
    return [month for month in earlier if not any(month.overlaps(window) for window in seen)]


def trailing_window(last_day: date, days: int) -> Window:
    """The window of `days` days up to and including `last_day`, Asia/Tokyo."""
    end = last_day + timedelta(days=1)
    return Window(end - timedelta(days=days), end)


def first_kept_day(raw_days: int | None) -> date:
    """The first day whose raw sessions are not older than `raw_days` days, Asia/Tokyo; the first of all for None."""
    return date.min if raw_days is None else now().date() - timedelta(days=raw_days)


def merged(windows: Iterable[Window]) -> list[Window]:
    """The fewest windows that cover the same days, in order. Overlapping and adjacent windows become one."""
    result: list[Window] = []
    for window in sorted(windows):
        if result and window.start <= result[-1].end:
            result[-1] = Window(result[-1].start, max(result[-1].end, window.end))
        else:
            result.append(window)
    return result


def month_keys(window: Window) -> list[str]:
    """The monthly keys whose month begins within the window, in order."""
    return [day.isoformat() for day in window if day.day == 1]


def add_months(day: date, months: int) -> date:
    """The first day of the month that is `months` after the month of `day`; a negative number goes back."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, 1)


def daily_partitions(first_day: date) -> "dg.DailyPartitionsDefinition":
    """One partition for each past day, Asia/Tokyo; a key is `2024-05-17`."""
    import dagster as dg

    return dg.DailyPartitionsDefinition(start_date=first_day.isoformat(), timezone=TIMEZONE_NAME)


def monthly_partitions(first_day: date) -> "dg.MonthlyPartitionsDefinition":
    """One partition for each month, including the current one, Asia/Tokyo; a key is `2024-05-01`."""
    import dagster as dg

    # Training and evaluation run within their month, so the current month needs a partition: end_offset=1.
    return dg.MonthlyPartitionsDefinition(
        start_date=first_day.replace(day=1).isoformat(), timezone=TIMEZONE_NAME, end_offset=1
    )


def fresh_after(hour: int) -> "dg.FreshnessPolicy":
    """The policy of an asset that is scheduled daily at `hour`, Asia/Tokyo: it must materialize within one hour."""
    import dagster as dg

    return dg.FreshnessPolicy.cron(
        deadline_cron=f"0 {(hour + 1) % 24} * * *", lower_bound_delta=timedelta(hours=1), timezone=TIMEZONE_NAME
    )
