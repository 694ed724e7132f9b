"""The trials of all inputs that are not files: settings, run configs and command lines."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from math import ceil
from pathlib import Path
from random import Random

from bench.torture.homes import Room
from bench.torture.input.command_lines import command_lines
from bench.torture.input.given import Given, Home, answer_to, changes_of, files_of, violations_of
from bench.torture.input.run_configs import run_configs
from bench.torture.input.variables import config_files, variables
from bench.torture.processes import answer_of
from bench.torture.state import state_of
from bench.torture.trials import Outcome, Size, Trial

#: By kind: how its inputs are drawn, and its share of all inputs.
SOURCES: Mapping[str, tuple[Callable[[Random], Iterator[Given]], float]] = {
    "input: settings": (variables, 0.45),
    "input: config file": (config_files, 0.1),
    "input: run configs": (run_configs, 0.15),
    "input: command lines": (command_lines, 0.3),
}
_INPUTS_PER_TRIAL = 50
#: The current folder is so deep that a path like `../../x` stays in the folder of the trial.
_CURRENT = Path("current", "a", "b", "c")


def other_inputs(size: Size, _: Random) -> Iterator[Trial]:
    """The trials of a run."""
    for kind, (draw, share) in SOURCES.items():
        inputs = ceil(size.inputs * share)
        for number, first in enumerate(range(0, inputs, _INPUTS_PER_TRIAL), start=1):
            count = min(_INPUTS_PER_TRIAL, inputs - first)
            yield Trial(kind, f"{kind} {number}", partial(_give_all, draw, count))


def _give_all(draw: Callable[[Random], Iterator[Given]], count: int, room: Room, random: Random) -> Outcome:
    """Give the inputs to one copy of the home after the other. A copy is used until an input changes it."""
    numbered = [*enumerate(islice(draw(random), count), start=1)]
    found: list[str] = []
    refused = 0
    while numbered:
        with room.copy(room.shop()) as folder:
            home, log, current = folder / "home", folder / "log", folder / _CURRENT
            current.mkdir(parents=True)
            before = Home(answer_of(partial(state_of, home), log), files_of(home))
            while numbered and files_of(home) == before.files:
                number, given = numbered.pop(0)
                ended = answer_to(given, home, current, log)
                refused += ended.answer != 0
                crashes = [*(home / "crashes").glob("*"), *current.glob("intent_platform_*.txt")]
                wrong = violations_of(given, ended, crashes)
                if files_of(home) != before.files:
                    after = Home(answer_of(partial(state_of, home), log), files_of(home))
                    wrong += changes_of(given, refused=ended.answer != 0, before=before, after=after)
                found += [f"input {number}, {violation}" for violation in wrong]
    return Outcome(found, conditions=f"{count} inputs, {refused} refused")
