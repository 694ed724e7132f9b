"""What a trial is, and the sizes of a run. Every kind of torture makes trials of this one form."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from bench.torture.homes import Room

Item = TypeVar("Item")


@dataclass(frozen=True)
class Outcome:
    """The result of a trial.

    Attributes:
        violations: what broke, a sentence each.
        kills: how many processes were killed.
        conditions: what was drawn, for whoever repeats the trial.
        measured: by measure, its mean early and late in the trial.
    """

    violations: Sequence[str]
    kills: int = 0
    conditions: str = ""
    measured: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """One trial. It can be repeated alone, because its random numbers depend only on the seed and on its name.

    Attributes:
        kind: the row of the result table.
        name: unique in a run; `--only` takes it.
        run: performs the trial in a folder of its own within the room.
    """

    kind: str
    name: str
    run: Callable[[Room, Random], Outcome]


@dataclass(frozen=True)
class Size:
    """How much a run tries.

    Attributes:
        calls: kills of each operation at a random call that changes a file.
        moments: kills of each operation at a random moment.
        drawn: how many kills of each operation are drawn from its steps, calls and moments. None tries all of them.
        flips: bit flips of each file.
        damages: how many trials of each kind of damage are drawn. None tries all of them.
        servers: kills of `make dev`. Each costs as much as ten other trials.
        rounds: rounds of each kind at once.
        seconds: how long a round of the mixture lasts.
        mornings: the length of the soak in days.
        files: malformed landing files.
        inputs: other malformed inputs.
        minutes: after this time, no further trial begins.
    """

    calls: int
    moments: int
    drawn: int | None
    flips: int
    damages: int | None
    servers: int
    rounds: int
    seconds: int
    mornings: int
    files: int
    inputs: int
    minutes: int


SIZES = {
    "small": Size(
        calls=4,
        moments=1,
        drawn=1,
        flips=1,
        damages=2,
        servers=0,
        rounds=1,
        seconds=6,
        mornings=2,
        files=48,
        inputs=30,
        minutes=15,
    ),
    "full": Size(
        calls=12,
        moments=2,
        drawn=None,
        flips=2,
        damages=None,
        servers=5,
        rounds=4,
        seconds=20,
        mornings=365,
        files=1_500,
        inputs=1_000,
        minutes=90,
    ),
}


def drawn(trials: Sequence[Trial], number: int | None, random: Random) -> Iterator[Trial]:
    """So many of the trials, or all, in random order. So a run that is cut off has tried some of each."""
    yield from random.sample(trials, len(trials) if number is None else min(number, len(trials)))


#: A kind of torture: the trials of a run of that size. It draws what to try with the given random numbers.
Kind = Callable[[Size, Random], Iterator[Trial]]


def groups(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """The items in groups of that size, in their order. The last group may be smaller."""
    return [items[first : first + size] for first in range(0, len(items), size)]
