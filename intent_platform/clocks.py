"""The clocks of the platform: at which hour, and on which days, scheduled work begins (Asia/Tokyo).

Dagster's schedules, Snowflake's tasks, catch-up and the rehearsal follow from them. Each of these names what it starts.
"""

from dataclasses import dataclass
from datetime import date, datetime, time

from intent_platform.partitions import TIMEZONE, Window
from intent_platform.settings import ScheduleSettings


@dataclass(frozen=True)
class Clock:
    """Ticks at `hour`: every day, or every month on `day_of_month`."""

    name: str
    hour: int
    day_of_month: int | None = None

    @property
    def cron(self) -> str:
        """The cron string: `0 5 * * *` for five o'clock every day."""
        return f"0 {self.hour} {self.day_of_month or '*'} * *"

    def ticks_on(self, day: date) -> bool:
        """Whether it ticks on `day`."""
        return self.day_of_month in (None, day.day)

    def moment_on(self, day: date) -> datetime:
        """Its hour on `day`, aware, in Asia/Tokyo."""
        return datetime.combine(day, time(self.hour), TIMEZONE)

    def ticks_in(self, window: Window) -> list[datetime]:
        """All its ticks within `window`, in order."""
        return [self.moment_on(day) for day in window if self.ticks_on(day)]


def clocks_of(schedules: ScheduleSettings) -> dict[str, Clock]:
    """All clocks by name, in the order of the pipeline's days and months."""
    clocks = (
        Clock("sessions", schedules.sessions_hour),
        Clock("scores", schedules.scores_hour),
        Clock("training", schedules.training_hour, schedules.training_day),
        Clock("evaluation", schedules.evaluation_hour, schedules.evaluation_day),
    )
    return {clock.name: clock for clock in clocks}
