"""The clocks of the platform: the hours and days at which scheduled work begins (Asia/Tokyo).

Dagster's schedules, Snowflake's tasks, catch-up and the rehearsal follow from these clocks. What a clock starts is
defined there, not here.
"""

from dataclasses import dataclass
from datetime import date, datetime, time

from intent_platform.partitions import TIMEZONE, Window
from intent_platform.settings import Settings


@dataclass(frozen=True)
class Clock:
    """A clock that ticks at `hour`, every day or on `day_of_month` of every month."""

    name: str
    hour: int
    day_of_month: int | None = None

    @property
    def cron(self) -> str:
        """The cron string; `0 5 * * *` means five o'clock every day."""
        return f"0 {self.hour} {self.day_of_month or '*'} * *"

    def ticks_on(self, day: date) -> bool:
        """Whether the clock ticks on `day`."""
        return self.day_of_month in (None, day.day)

    def moment_on(self, day: date) -> datetime:
        """The clock's hour on `day` as an aware time in Asia/Tokyo, whether or not it ticks on that day."""
        return datetime.combine(day, time(self.hour), TIMEZONE)

    def ticks_in(self, window: Window) -> list[datetime]:
        """The times of all ticks within `window`, in order."""
        return [self.moment_on(day) for day in window if self.ticks_on(day)]


def clocks_of(settings: Settings) -> dict[str, Clock]:
    """All clocks by name: first the daily ones, then the monthly ones, each in the order of the pipeline.

    Without `retention.raw_days`, nothing is deleted, and the clock of the deletion does not exist.
    """
    schedules, has_retention = settings.schedules, settings.retention.raw_days is not None
    clocks = (
        *([Clock("retention", schedules.retention_hour)] if has_retention else []),
        Clock("sessions", schedules.sessions_hour),
        Clock("scores", schedules.scores_hour),
        Clock("training", schedules.training_hour, schedules.training_day),
        Clock("evaluation", schedules.evaluation_hour, schedules.evaluation_day),
    )
    return {clock.name: clock for clock in clocks}
