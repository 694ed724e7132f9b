"""The feed `simulated`: the sessions of any past day from `first_day` on.

The sessions of a day depend only on seed, settings and date. If rows are late, they also depend on the day of the
request. The feed has no state, reads only the figures and needs the memory of one batch.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import ClassVar

import numpy as np
import pyarrow as pa

from intent_platform.partitions import Window, now
from intent_platform.sessions.contract import RawBatch
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.simulated.figures import load_figures
from intent_platform.sessions.simulated.scenarios import LATE_DAYS, Scenario, scenario_of
from intent_platform.sessions.simulated.seasons import Mix, closeness, is_weekend, mix_of
from intent_platform.sessions.simulated.sessions import BLOCK_ROWS, Sessions
from intent_platform.sessions.simulated.visitors import MEMORY, VisitorRoster, hashes, uids
from intent_platform.settings import Settings
from intent_platform.tables import MONTH_NAMES, SESSION_COLUMNS, VISITOR_TYPES

_NAMES = [column.name for column in SESSION_COLUMNS]


def _today() -> date:
    return now().date()


@dataclass(frozen=True)
class SimulatedFeed(Feed):
    """Sessions that are drawn from the figures.

    Attributes:
        seed: the seed of all random streams.
        sessions_per_day: the mean over a year.
        first_day: the first day that has sessions.
        scenario: what changes the shop or breaks the feed.
        blocks_per_batch: a batch has this many blocks of `BLOCK_ROWS` rows. It does not change the rows of a day.
        today: the current day in Asia/Tokyo; only earlier days have sessions.
        raw_days: see `SessionSource`.
    """

    name: ClassVar[str] = "simulated"
    seed: int
    sessions_per_day: int
    first_day: date
    scenario: Scenario = field(default_factory=Scenario)
    blocks_per_batch: int = 4
    today: Callable[[], date] = _today
    raw_days: int | None = None

    @classmethod
    def of(cls, settings: Settings) -> "SimulatedFeed":
        """The feed that the settings describe."""
        simulated = settings.simulated
        return cls(
            simulated.seed,
            simulated.sessions_per_day,
            settings.first_day,
            scenario=scenario_of(simulated.scenario),
            raw_days=settings.retention.raw_days,
        )

    def extent(self) -> Window:
        """From `first_day` to yesterday, Asia/Tokyo."""
        return Window(self.first_day, max(self.first_day, self.today()))

    def accepted_days(self) -> Window:
        """The days of `extent`."""
        return self.extent()

    def deferred(self, window: Window) -> list[str]:
        """The days of `window` whose late rows have not arrived yet, one sentence each."""
        today = self.today()
        incomplete = [day for day in window.intersection(self.extent()) if self._missing_share(day, today)]
        return [
            f"about {self._missing_share(day, today):.0%} of the sessions of {day} are late: "
            f"load the day again from {_complete_on(day)} on"
            for day in incomplete
        ]

    def completion_days(self, window: Window) -> dict[date, date]:
        """The days of `window` whose late rows have arrived, each with the day of their arrival."""
        today = self.today()
        days = window.intersection(self.extent())
        return {day: _complete_on(day) for day in days if self.scenario.late_share(day) and _complete_on(day) <= today}

    @contextmanager
    def deliver(self, window: Window) -> Iterator[Iterator[RawBatch]]:
        """Deliver the sessions of the past days in `window`, as far as the scenario lets them arrive."""
        today = self.today()
        days = window.intersection(self.extent())
        # Every day needs the counts of the `MEMORY` days before it, which it shares with the next day.
        mix_on = lru_cache(maxsize=2 * MEMORY)(self._mix)
        yield (
            batch
            for day in days
            for source in self.scenario.arrivals(day)
            for batch in self._batches(source, today, mix_on)
        )

    def _batches(self, day: date, today: date, mix_on: Callable[[date], Mix]) -> Iterator[RawBatch]:
        figures = load_figures()
        roster = VisitorRoster.of(self.seed, day, mix_on)
        sessions = Sessions(figures, self.seed, day, self.scenario.tendency(day))
        missing_share = self._missing_share(day, today)
        blocks: list[pa.Table] = []
        for number, first in enumerate(range(0, roster.mix.sessions, BLOCK_ROWS)):
            rows = _block(self.seed, roster, sessions, self.scenario, number, first)
            blocks.append(self._without_late_rows(rows, day, number, missing_share))
            if len(blocks) == self.blocks_per_batch or first + BLOCK_ROWS >= roster.mix.sessions:
                yield RawBatch(pa.concat_tables(blocks), origin=f"{self.name} {day}")
                blocks = []

    def _mix(self, day: date) -> Mix:
        return mix_of(load_figures(), self.seed, day, self.sessions_per_day * self.scenario.volume(day))

    def _missing_share(self, day: date, today: date) -> float:
        """The share of the day's rows that are late and have not arrived by `today`."""
        return self.scenario.late_share(day) if today < _complete_on(day) else 0.0

    def _without_late_rows(self, rows: pa.Table, day: date, number: int, missing_share: float) -> pa.Table:
        """The rows of block `number` that are not late. Every request of the day draws the same late rows."""
        if not missing_share:
            return rows
        # The third number of a seed names the stream of the day:
        # 0 counts, 1 visitors, 2 sessions, 3 scenario, 4 late rows.
        random = np.random.default_rng([self.seed, day.toordinal(), 4, number])
        return rows.filter(pa.array(random.random(rows.num_rows) >= missing_share))


def _complete_on(day: date) -> date:
    """The day on which the late rows of `day` arrive."""
    return day + timedelta(days=LATE_DAYS + 1)


def _block(
    seed: int, roster: VisitorRoster, sessions: Sessions, scenario: Scenario, number: int, first: int
) -> pa.Table:
    """Block `number` of a day: `BLOCK_ROWS` rows from row `first` on, fewer at the end of the day."""
    numbers, types = roster.rows(first, min(first + BLOCK_ROWS, roster.mix.sessions))
    first_hash, second_hash, traits = hashes(seed, numbers)
    day = roster.day
    drawn = sessions.block(number, types, traits)
    changed = scenario.changed(day, drawn, np.random.default_rng([seed, day.toordinal(), 3, number]))
    columns = {name: pa.array(column) for name, column in changed.items()} | {
        "UID": uids(first_hash, second_hash),
        "VISITORTYPE": pa.array(VISITOR_TYPES, pa.string()).take(pa.array(types)),
        **_constants(day, len(numbers)),
    }
    return pa.table({name: columns[name] for name in _NAMES})


def _constants(day: date, rows: int) -> dict[str, pa.Array]:
    """The columns that are the same for all sessions of a day."""
    return {
        "SESSION_DATE": pa.repeat(pa.scalar(day, pa.date32()), rows),
        "SPECIALDAY": pa.repeat(pa.scalar(closeness(day) / 5, pa.float64()), rows),
        "MONTH": pa.repeat(pa.scalar(MONTH_NAMES[day.month - 1], pa.string()), rows),
        "WEEKEND": pa.repeat(pa.scalar(is_weekend(day), pa.bool_()), rows),
    }
