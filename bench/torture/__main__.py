"""`python -m bench.torture`: kill processes, run them at once, give bad input, and report every invariant that breaks.

The first process compiles the shim and starts a second one with it. That one imports the package once, and forks.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random, SystemRandom

from bench.torture import shim
from bench.torture.homes import NOW, Room, new_room
from bench.torture.kinds import KINDS
from bench.torture.report import DOCUMENT, print_progress, print_report, write_table
from bench.torture.runner import import_everything, run_trials
from bench.torture.trials import SIZES, Size, Trial
from intent_platform.partitions import clock_set_to


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials and print the results.

    Returns:
        0 if nothing broke, 1 if something did, 2 if there is no such trial.
    """
    given = sys.argv[1:] if arguments is None else [*arguments]
    chosen = _parsed(given)
    if chosen.room is not None:
        return _run(chosen)
    with new_room() as folder:
        library = shim.compiled(folder)
        if library is None:
            print("without Linux and a C compiler, nothing is killed at a random call")  # noqa: T201
        command = [sys.executable, "-m", "bench.torture", *given, "--seed", str(chosen.seed), "--room", str(folder)]
        environment = None if library is None else shim.preloaded_environment(library)
        return subprocess.run(command, check=False, env=environment).returncode  # noqa: S603


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.torture", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6), help="default: a random one")
    parser.add_argument("--only", default="", metavar="NAME", help="one trial, or all with this text in their name")
    parser.add_argument("--processes", type=int, default=min(os.cpu_count() or 1, 4), help="trials at the same time")
    parser.add_argument("--list", action="store_true", help="print the names of the trials and run none")
    parser.add_argument("--write", action="store_true", help=f"write the table into docs/{DOCUMENT.name}")
    parser.add_argument("--room", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _run(chosen: argparse.Namespace) -> int:
    size, room = SIZES[chosen.size], Room(chosen.room)
    trials = _chosen_trials(size, chosen.seed, chosen.only)
    if chosen.list:
        print(*(trial.name for trial in trials), sep="\n")  # noqa: T201
        return 0
    if not trials:
        print("no trial has this name: --list prints all names")  # noqa: T201
        return 2
    import_everything()
    results = []
    with clock_set_to(NOW):
        room.shop()  # now, because the first trial would otherwise have its processor seconds
        for result in run_trials(trials, room, chosen.seed, processes=chosen.processes, minutes=size.minutes):
            results.append(result)
            print_progress(result, len(results), len(trials))
    print_report(results, len(trials), chosen.size, chosen.seed)
    if chosen.write:
        write_table(results, chosen.size, chosen.seed)
    return int(any(result.outcome.violations for result in results))


def _chosen_trials(size: Size, seed: int, only: str) -> list[Trial]:
    """The trial of that name, or all trials with this text in their names."""
    trials = [
        trial
        for name, kind in KINDS.items()
        for trial in kind(size, Random(f"{seed} {name}"))  # noqa: S311  not for secrets
    ]
    return [trial for trial in trials if trial.name == only] or [trial for trial in trials if only in trial.name]


if __name__ == "__main__":
    sys.exit(main())
