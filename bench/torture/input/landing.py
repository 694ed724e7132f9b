"""Landing files with faults, in loads of a few files. A good file lies beside them in each load."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from random import Random

from bench.torture.homes import Room
from bench.torture.input import csv_files, names, parquet_files
from bench.torture.input.csv_files import Maker
from bench.torture.input.dropped import Dropped, good_csv
from bench.torture.input.judgement import violations_of
from bench.torture.input.loads import load
from bench.torture.processes import Child
from bench.torture.state import state_of
from bench.torture.trials import Outcome, Size, Trial, groups

_KIND = "input: landing files"
_FILES_PER_TRIAL, _FILES_PER_LOAD = 100, 7
_MAKERS: tuple[tuple[str, Maker], ...] = (
    *((".csv", maker) for maker in (*csv_files.MAKERS, *names.MAKERS)),
    *((".parquet", maker) for maker in parquet_files.MAKERS),
)


def landing_files(size: Size, random: Random) -> Iterator[Trial]:
    """The trials of a run. Together they make each kind of file about equally often."""
    drawn = [*islice(cycle(random.sample(_MAKERS, len(_MAKERS))), size.files)]
    for number, makers in enumerate(groups(drawn, _FILES_PER_TRIAL), start=1):
        yield Trial(_KIND, f"{_KIND} {number}", partial(_load_all, makers))


def files_of(makers: Sequence[tuple[str, Maker]], random: Random) -> list[Dropped]:
    """A file of each maker. The case names its number, so it can be found again among those of its trial."""
    files = []
    for number, (suffix, maker) in enumerate(makers, start=1):
        file = maker(random, f"f_{number}{suffix}")
        files.append(replace(file, case=f"file {number}, {file.case}"))
    return files


def _load_all(makers: Sequence[tuple[str, Maker]], room: Room, random: Random) -> Outcome:
    loads = [[*files] for files in groups(files_of(makers, random), _FILES_PER_LOAD)]
    for number, files in enumerate(loads):
        good = good_csv(random, f"good_{number}.csv")
        files.insert(random.randrange(len(files)), good)
        if number:  # rows of the load before come again
            files.append(_backwards(loads[number - 1], number))
    with room.copy(None) as folder:
        home = folder / "home"
        ended = Child(partial(_loaded, home, loads), folder / "log").end()
        if ended.code != 0:
            return Outcome([f"the process of the loads ended: {ended.failure}"])
        found = ended.answer
        state = state_of(home)
    return Outcome([*found, *state.damage, *state.faults, *state.leftovers], conditions=f"{len(makers)} files")


def _backwards(files: Sequence[Dropped], number: int) -> Dropped:
    """The rows of the good file among these, in the opposite order."""
    (good,) = (file for file in files if file.case == "a good file")
    header, *lines = (good.content or b"").decode().splitlines(keepends=True)
    content = "".join([header, *lines[::-1]]).encode()
    return replace(good, case="a good file, backwards", name=f"again_{number}.csv", content=content)


def _loaded(home: Path, loads: Sequence[Sequence[Dropped]]) -> list[str]:
    """The violations of all loads, of which Dagster runs the last one.

    The output names the files of the load that runs, in case the process dies.
    """
    found = []
    for number, files in enumerate(loads, start=1):
        print(f"load {number}: {', '.join(file.case for file in files)}", flush=True)  # noqa: T201
        seen = load(home, files, by_job=number == len(loads))
        found += [f"load {number}: {violation}" for violation in violations_of(files, seen)]
    return found
