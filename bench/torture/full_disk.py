"""A full disk: an operation finds some KiB or none at all, and completes after there is room again.

The preloaded library lets writes fail. So a trial needs neither a disk of its own nor the right to mount one.
"""

from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from random import Random

from bench.torture import shim
from bench.torture.calls import answered
from bench.torture.homes import Room
from bench.torture.kills import Interrupted, judged
from bench.torture.operations import OPERATIONS, Operation
from bench.torture.processes import Child
from bench.torture.questions import broken_answer
from bench.torture.trials import Outcome, Size, Trial, drawn

#: The others write what these write, or take long.
_TRIED = {
    *("rollback", "rollback command", "promotion", "challenger", "scores", "landing load"),
    *("first start", "backup", "restore"),
}
_FREE_KIB = (0, 60, 600)
#: What a refusal may call the disk, and what it may ask for.
_DISK, _OFFERS = ("disk", "space left"), ("space", "room", "disk")


def full_disk(size: Size, random: Random) -> Iterator[Trial]:
    """The operations on disks of different free space, in random order. There are none without the library."""
    trials = [
        Trial("full disk", f"full disk: {operation.name}, {free} KiB free", partial(_filled, operation, free))
        for operation, free in product(OPERATIONS, _FREE_KIB)
        if shim.is_preloaded() and operation.name in _TRIED
    ]
    yield from drawn(trials, size.damages, random)


def _filled(operation: Operation, free_kib: int, room: Room, _: Random) -> Outcome:
    return judged(operation, room, partial(run_on_full_disk, operation, free_kib), event="the full disk")


def run_on_full_disk(operation: Operation, free_kib: int, home: Path, log: Path) -> Interrupted:
    """Run the operation in a process whose disk has that much room. It succeeds, or says what it lacks."""

    def run(_: str) -> None:
        shim.fill_disk(1024 * free_kib)
        operation.run(home)

    ended = Child(partial(answered, operation.name, run), log).end()
    if ended.answer is None:
        return Interrupted([f"the operation gave no answer: {ended.failure}"])
    if ended.answer.kind in ("refused", "failed"):
        return Interrupted(broken_answer(ended.answer, None, _DISK, _OFFERS), conditions=ended.answer.kind)
    return Interrupted([], conditions="there was room")
