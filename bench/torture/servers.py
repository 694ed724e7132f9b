"""Kills of `make dev` in the middle of a run: one of its processes, or all of them.

Then the home is read raw. The next `make dev` starts, ends the run that was left, and completes another one.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random

from bench.torture.homes import Room, use
from bench.torture.invariants import broken_at_any_time, broken_when_settled, half_written
from bench.torture.listeners import open_to_others, processes_of
from bench.torture.processes import answer_of
from bench.torture.state import HomeState, state_of
from bench.torture.trials import Outcome, Size, Trial
from intent_platform_tests.end_to_end.webserver import Webserver, dagster_dev

_JOB = "scores_job"
_DAYS = {"dagster/asset_partition_range_start": "2025-04-05", "dagster/asset_partition_range_end": "2025-04-07"}
#: A run that reached one of these has passed the ones before it.
_STATUSES = ("QUEUED", "STARTING", "STARTED", "SUCCESS")
_LONGEST_PAUSE = 3.0  # seconds
_START_SECONDS, _END_SECONDS = 180, 60
_ENVIRONMENT = {"INTENT_PLATFORM_SCHEDULES_RUNNING_BY_DEFAULT": "false"}


def servers(size: Size, _: Random) -> Iterator[Trial]:
    """The trials of a run."""
    for number in range(1, size.servers + 1):
        yield Trial("kill: make dev", f"kill: make dev {number}", partial(_killed, all_die=number % 2 == 1))


def _killed(room: Room, random: Random, *, all_die: bool) -> Outcome:
    status, pause = random.choice(_STATUSES[:3]), random.random() * _LONGEST_PAUSE
    with room.copy(room.shop()) as folder:
        home, log = folder / "home", folder / "log"
        before = answer_of(partial(state_of, home), log)
        use(home)
        try:
            with dagster_dev(home, _ENVIRONMENT) as server:
                run = server.launch(_JOB, _DAYS)
                reached = _STATUSES[_STATUSES.index(status) :]
                server.until(f"{status} of the run", _START_SECONDS, lambda: server.status(run) in reached)
                time.sleep(pause)
                found = open_to_others(processes_of(home))
                victims = processes_of(home)
                _kill(victims if all_die else [random.choice(victims)])
                _kill_the_rest(home)
            seen = answer_of(partial(state_of, home), log)
            found += broken_at_any_time(seen)
            with dagster_dev(home, _ENVIRONMENT) as server:
                found += _completed(server, run)
        finally:
            _kill_the_rest(home)
        last = answer_of(partial(state_of, home), log)
        found += broken_when_settled(last) + scored_in_part(seen, before, last)
    return Outcome(
        found, len(victims), f"{'all' if all_die else 'one'} of {len(victims)}, {pause:.1f} s after {status}"
    )


def _completed(server: Webserver, left: str) -> list[str]:
    """What is wrong with the run that was left, and with another run of the same days."""
    found = []
    if server.finish(left) not in ("SUCCESS", "FAILURE"):
        found.append(f"the run that was left is {server.status(left)}")
    if server.finish(again := server.launch(_JOB, _DAYS)) != "SUCCESS":
        found.append(f"another run of the same days failed: {server.errors(again)}")
    return found


def scored_in_part(seen: HomeState, before: HomeState, last: HomeState) -> list[str]:
    """The days whose scores after the kill are neither the old nor the new ones."""
    return half_written(seen, before, last, ["SCORES"])


def _kill(processes: list[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _kill_the_rest(home: Path) -> None:
    """Kill what still runs, as the user is told to, and wait until it has ended."""
    deadline = time.monotonic() + _END_SECONDS
    while (alive := [process for process in processes_of(home) if process != os.getpid()]) and (
        time.monotonic() < deadline
    ):
        _kill(alive)
        time.sleep(0.1)
