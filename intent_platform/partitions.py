"""Daily and monthly partitions, and the windows of dates that follow from a partition key.

The only place where windows are computed. Time zone Asia/Tokyo throughout; windows are half-open.
Dagster is imported by the functions that need it, so that the pure core can use `Window`.
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
#: Dagster's names for the tags of a run over a range of days.
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
        """Whether a day lies in both."""
        return self.start < other.end and other.start < self.end

    def intersection(self, other: "Window") -> "Window":
        """The days that lie in both; empty (at this window's start) when there is none."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Window(start, end) if start < end else Window(self.start, self.start)


class _Clock:
    """How far the platform's clock is ahead of the machine's; not at all, but in a rehearsal."""

    ahead = timedelta(0)


def now() -> datetime:
    """This moment, aware, in Asia/Tokyo."""
    return datetime.now(TIMEZONE) + _Clock.ahead


@contextmanager
def clock_set_to(moment: datetime) -> Iterator[None]:
    """Inside, `now()` begins at `moment` and goes on from there, for this whole process: a rehearsal of the past."""
    before, _Clock.ahead = _Clock.ahead, moment - datetime.now(TIMEZONE)
    try:
        yield
    finally:
        _Clock.ahead = before


def wall_clock(moment: datetime) -> datetime:
    """The naive Asia/Tokyo wall-clock time that the tables' `TIMESTAMP_NTZ` columns hold."""
    return moment.astimezone(TIMEZONE).replace(tzinfo=None)


def day_of(key: str) -> date:
    """The date of a daily key (`2024-05-17`) or the first day of a monthly one (`2024-05-01`)."""
    return date.fromisoformat(key)


def days_window(keys: Iterable[str]) -> Window:
    """The window that consecutive daily keys cover.

    `["2024-05-01", "2024-05-02"]` -> `[2024-05-01, 2024-05-03)`, Asia/Tokyo.
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
    """What the challenger of monthly key `key` trains on: the `months` months before it.

    `2024-05-01`, 3 -> `[2024-02-01, 2024-05-01)`, Asia/Tokyo. It ends where the test window begins.
    """
    month = day_of(key)
    return Window(add_months(month, -months), month)


def evaluation_window(key: str, days: int) -> Window:
    """What the evaluation of monthly key `key` tests on: the first `days` days of that month.

    `2024-05-01`, 14 -> `[2024-05-01, 2024-05-15)`, Asia/Tokyo: complete when the 15th begins.
    """
    month = day_of(key)
    return Window(month, month + timedelta(days=days))


def unseen_months(key: str, months: int, trained: Iterable[Window]) -> list[Window]:
    """The whole months before monthly key `key`, newest first, `months` back at most, that no `trained` window touches.

    `2024-09-01`, 4, trained on `[2024-02-01, 2024-05-01)` and `[2024-06-01, 2024-09-01)` -> `[2024-05-01, 2024-06-01)`,
    Asia/Tokyo.
    """
    seen = tuple(trained)
    earlier = (month_window(add_months(day_of(key), -n).isoformat()) for n in range(1, months + 1))
    return [month for month in earlier if not any(month.overlaps(window) for window in seen)]


def trailing_window(last_day: date, days: int) -> Window:
    """The `days` days up to and including `last_day`, Asia/Tokyo."""
    end = last_day + timedelta(days=1)
    return Window(end - timedelta(days=days), end)


def merged(windows: Iterable[Window]) -> list[Window]:
    """The fewest windows that cover the same days, in order; adjoining ones become one."""
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
    """The first of the month `months` later (earlier when negative) than `day`'s month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, 1)


def daily_partitions(first_day: date) -> "dg.DailyPartitionsDefinition":
    """One partition per day that is over, Asia/Tokyo; key `2024-05-17`."""
    import dagster as dg

    return dg.DailyPartitionsDefinition(start_date=first_day.isoformat(), timezone=TIMEZONE_NAME)


def monthly_partitions(first_day: date) -> "dg.MonthlyPartitionsDefinition":
    """One partition per month, the current one included, Asia/Tokyo; key `2024-05-01`."""
    import dagster as dg

    return dg.MonthlyPartitionsDefinition(
        start_date=first_day.replace(day=1).isoformat(), timezone=TIMEZONE_NAME, end_offset=1
    )


def fresh_after(hour: int) -> "dg.FreshnessPolicy":
    """Materialized every day within the hour after `hour`, Asia/Tokyo: the hour of its schedule."""
    import dagster as dg

    return dg.FreshnessPolicy.cron(
        deadline_cron=f"0 {(hour + 1) % 24} * * *", lower_bound_delta=timedelta(hours=1), timezone=TIMEZONE_NAME
    )
