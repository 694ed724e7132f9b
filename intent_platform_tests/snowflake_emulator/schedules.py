"""The schedule of a task: `USING CRON <minute> <hour> <day of month> <month> <day of week> <time zone>`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

from intent_platform_tests.snowflake_emulator.errors import error

_CRON = "USING CRON "
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
#: By field: its least and greatest value, and the names of its values.
_FIELDS: Sequence[tuple[int, int, Sequence[str]]] = (
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
)


@dataclass(frozen=True)
class Schedule:
    """The values at which each field of a cron expression ticks, and the time zone."""

    values: tuple[frozenset[int], ...]
    zone: ZoneInfo

    @classmethod
    def parsed(cls, text: str) -> "Schedule":
        """Read the value of SCHEDULE.

        Raises:
            ProgrammingError: it is no cron expression, or the time zone does not exist.
        """
        *fields, zone = text.removeprefix(_CRON).split() or [""]
        if not text.startswith(_CRON) or len(fields) != len(_FIELDS) or zone not in available_timezones():
            raise _refused(text)
        values = (_values(field, text, *limits) for field, limits in zip(fields, _FIELDS, strict=True))
        return cls(tuple(values), ZoneInfo(zone))

    def ticks(self, at: datetime) -> bool:
        """Whether the schedule ticks in the minute of `at`. If both kinds of days are limited, one is enough."""
        local = at.astimezone(self.zone)
        minute, hour, day, month, weekday = self.values
        on_day, on_weekday = local.day in day, local.isoweekday() % 7 in weekday
        both_limited = len(day) < 31 and len(weekday) < 7
        on_date = (on_day or on_weekday) if both_limited else (on_day and on_weekday)
        return local.minute in minute and local.hour in hour and local.month in month and on_date


def _values(field: str, schedule: str, least: int, most: int, names: Sequence[str]) -> frozenset[int]:
    """The values of one field: `*`, `5`, `1-5`, `*/15` or names, and lists of these."""
    found: set[int] = set()
    for part in field.upper().split(","):
        span, _, step = part.partition("/")
        first, _, last = (f"{least}-{most}" if span == "*" else span).partition("-")
        ends = [names.index(end) + least if end in names else end for end in (first, last or first)]
        if not all(str(number).isdecimal() for number in (*ends, step or 1)):
            raise _refused(schedule)
        start, stop, by = int(ends[0]), int(ends[1]), int(step or 1)
        if not (least <= start <= stop <= most and by > 0):
            raise _refused(schedule)
        found.update(range(start, stop + 1, by))
    return frozenset(found)


def _refused(schedule: str) -> Exception:
    return error(f"SQL compilation error:\ninvalid value [{schedule}] for parameter 'SCHEDULE'", 1008, "22023")
