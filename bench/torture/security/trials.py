"""The trials: an operation with planted secrets, under a caller whose umask gives everything to everybody."""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random

from bench.torture.homes import Room
from bench.torture.processes import Child
from bench.torture.security.operations import LONG, OPERATIONS, Operation
from bench.torture.security.search import files_showing
from bench.torture.security.secrets import planted
from bench.torture.security.watch import UnpicklingWatch, open_to_others
from bench.torture.trials import Outcome, Size, Trial

_KIND = "security"
_OUTPUT = "output"
_SMALL = 3


def security(size: Size, random: Random) -> Iterator[Trial]:
    """The trials of a run."""
    quick = [name for name in OPERATIONS if name not in LONG]
    for name in [*OPERATIONS] if size.drawn is None else random.sample(quick, _SMALL):
        yield Trial(_KIND, f"{_KIND}: {name}", partial(judged, *OPERATIONS[name]))


def judged(begins_with_shop: bool, operation: Operation, room: Room, random: Random) -> Outcome:
    """Do the operation, then search its output and all files, and look at the modes of the files."""
    secrets, cores = planted(random)
    with room.copy(room.shop() if begins_with_shop else None) as folder:
        ended = Child(partial(_watched, operation, folder, secrets), folder / _OUTPUT).end()
        found = [f"the operation failed: {ended.failure}"] if ended.failure else [*ended.answer]
        found += [f"a secret is in {place}" for place in files_showing(folder, cores)]
        homes = [path for path in folder.iterdir() if path.is_dir()]
        found += [place for home in homes for place in open_to_others(home)]
    return Outcome(found)


def _watched(operation: Operation, folder: Path, secrets: Mapping[str, str]) -> Sequence[str]:
    """Do the operation, and return what it unpickled."""
    os.chdir(folder)
    os.umask(0)
    watch = UnpicklingWatch()
    operation(folder, secrets)
    return watch.found
