"""Soak: the mornings of a simulated year through Dagster, with trainings, evaluations, rollbacks and deletions.

Each month runs in a process of its own. The cost of a month may not grow with the history before it.
"""

import resource
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import mean, median
from time import process_time

from bench.torture import work
from bench.torture.homes import NOW, Room, use
from bench.torture.invariants import broken_when_settled
from bench.torture.processes import Child
from bench.torture.state import WAREHOUSE, HomeState, state_of
from bench.torture.trials import Outcome, Size, Trial
from intent_platform.automation.schedules import schedule_name
from intent_platform.clocks import clocks_of
from intent_platform.partitions import TIMEZONE, Window
from intent_platform.rehearsal.rehearsal import Memory, Rehearsal, RehearsedRun
from intent_platform.settings import Settings
from intent_platform.tables import DATASET, SCORES, SOURCE, SOURCE_REJECTED

_FIRST = NOW.date() + timedelta(days=1)
_DAYS = 30
_LONGEST = 3600.0
_MORNINGS_PER_ROLLBACK = 73
_REASON = "soak"
_KEPT_VERSIONS = 6
_PARTS = (WAREHOUSE, "mlflow.db", "mlartifacts", "dagster")
#: The months that are compared. The first one is left out, because it also does what the template left.
_EARLY, _LATE = slice(1, 4), slice(-3, None)
_FEWEST_MONTHS = 7
_FLAT = 1.5
_MIB = 2**20


@dataclass(frozen=True)
class Month:
    """The measures of a month of mornings.

    Attributes:
        memory: the peak memory of the process, in MiB.
        morning: the median of the processor seconds of all runs of a day.
        tick: the median of the processor seconds in which all sensors tick once and request nothing.
        sizes: the MiB of each part of the home at the end.
    """

    memory: float
    morning: float
    tick: float
    sizes: Mapping[str, float]


@dataclass
class Diary:
    """What happened so far: the runs by the schedule or sensor that requested them, failures, and Dagster's memory."""

    runs: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)

    def note(self, run: RehearsedRun) -> None:
        """Count a run."""
        self.runs[run.by] += 1
        if run.result is None:
            self.failures.append(f"{run.job} of {run.partitions} failed: {run.error}")


def soak(size: Size, _: Random) -> Iterator[Trial]:
    """The one trial of a run."""
    yield Trial("soak", f"soak of {size.mornings} mornings", partial(_soaked, size.mornings))


def _soaked(mornings: int, room: Room, _: Random) -> Outcome:
    days = Window(_FIRST, _FIRST + timedelta(days=mornings))
    diary, months = Diary(), list[Month]()
    with room.copy(room.shop()) as folder:
        home, log = folder / "home", folder / "log"
        for start in range(0, mornings, _DAYS):
            played = partial(_played, home, [*days][start : start + _DAYS], evenings_of_rollbacks(days), diary)
            ended = Child(played, log).end(_LONGEST)
            if ended.code != 0:
                return Outcome([f"month {len(months) + 1} ended early: {ended.failure or 'it was killed'}"])
            diary, month = ended.answer
            months.append(month)
        state, settings = state_of(home), use(home, **work.RETENTION)
    whole = months[: mornings // _DAYS]
    found = [*diary.failures, *missing(diary, state, days, settings), *broken_when_settled(state), *grown(whole)]
    found += [f"at the end there still is: {leftover}" for leftover in state.leftovers]
    return Outcome(found, measured={name: (early, late) for name, early, late in compared(whole)})


def evenings_of_rollbacks(days: Window) -> set[date]:
    """The days that end with a rollback, at equal distances."""
    count = max(1, len(days) // _MORNINGS_PER_ROLLBACK)
    return {days.start + timedelta(days=(2 * number + 1) * len(days) // (2 * count)) for number in range(count)}


def _played(home: Path, days: Sequence[date], with_rollback: set[date], diary: Diary) -> tuple[Diary, Month]:
    """Play some days, and prune the versions at the end."""
    from intent_platform.instance import open_instance
    from intent_platform.platforms import platform_for

    settings = use(home, **work.RETENTION)
    mornings, ticks = list[float](), list[float]()
    with open_instance(settings) as instance:
        rehearsal = Rehearsal(settings, platform_for(settings), instance, diary.memory)
        for day in days:
            evening, started = datetime.combine(day, time(20), TIMEZONE), process_time()
            for run in rehearsal.day(day):
                diary.note(run)
            played = process_time()
            requested = rehearsal.tick(evening)
            mornings.append(played - started)
            ticks.append(process_time() - played)
            diary.failures += [f"in the evening of {day} a sensor still requests {run.run_key}" for run in requested]
            if day in with_rollback:
                diary.note(rehearsal.play_rollback(evening, "", _REASON))
    work.prune(home, _KEPT_VERSIONS)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return diary, Month(memory, median(mornings), median(ticks), {part: _mebibytes(home / part) for part in _PARTS})


def _mebibytes(path: Path) -> float:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files) / _MIB


def missing(diary: Diary, state: HomeState, days: Window, settings: Settings) -> list[str]:
    """What the mornings of `days` should have brought about and did not."""
    found = []
    for clock in clocks_of(settings).values():
        ran, expected = diary.runs[schedule_name(clock)], len(clock.ticks_in(days))
        if ran != expected:
            found.append(f"{schedule_name(clock)} started {ran} runs instead of {expected}")
    rollbacks, expected = sum(move.reason == _REASON for move in state.ledger), len(evenings_of_rollbacks(days))
    if rollbacks != expected:
        found.append(f"the ledger has {rollbacks} rollbacks instead of {expected}")
    sessions = [(day - timedelta(days=1)).isoformat() for day in days]
    kept_from = (days.end - timedelta(days=work.RAW_DAYS + 1)).isoformat()
    raw = [day for day in sessions if day >= kept_from]
    for table, expected_days in ((SOURCE, raw), (DATASET, sessions), (SCORES, sessions)):
        absent = [day for day in expected_days if day not in state.table(table.name)]
        if absent:
            found.append(f"{table.name} lacks {len(absent)} days, the first is {absent[0]}")
    old = [day for table in (SOURCE, SOURCE_REJECTED) for day in state.table(table.name) if day < kept_from]
    return found + [f"{len(old)} days before {kept_from} still have raw sessions"] * bool(old)


def compared(months: Sequence[Month]) -> Iterator[tuple[str, float, float]]:
    """Yield the mean of each measure in the early and in the late months. Fewer than seven months have none."""
    if len(months) < _FEWEST_MONTHS:
        return
    costs = {
        "peak memory of a process, MiB": [month.memory for month in months],
        "a morning, processor seconds": [month.morning for month in months],
        "a tick of all sensors, processor seconds": [month.tick for month in months],
    }
    for part in _PARTS:
        growth = [later.sizes[part] - earlier.sizes[part] for earlier, later in pairwise(months)]
        costs[f"growth of {part} in {_DAYS} days, MiB"] = [0.0, *growth]
    for name, values in costs.items():
        yield name, mean(values[_EARLY]), mean(values[_LATE])


def grown(months: Sequence[Month]) -> list[str]:
    """The measures that grew with the history. A file grows in steps, so one MiB is tolerated."""
    return [
        f"{name}: {early:.3g} in months 2 to 4, but {late:.3g} in the last three"
        for name, early, late in compared(months)
        if late > _FLAT * early + ("MiB" in name)
    ]
