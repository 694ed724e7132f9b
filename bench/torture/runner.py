"""Runs trials, some at a time, each in a process of its own."""

import os
import resource
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from multiprocessing.connection import wait
from random import Random
from time import monotonic

from bench.torture.homes import Room
from bench.torture.processes import Child
from bench.torture.trials import Outcome, Trial

_COMMANDS = ("demo", "setup", "rollback", "promote", "prune", "backup", "restore")
_IMPORTED = (
    *(f"intent_platform.commands.{name}" for name in _COMMANDS),
    "intent_platform.platforms.local",
    "encodings.utf_8_sig",  # the user nobody may be unable to read it later
    *("mlflow.catboost", "mlflow.store.model_registry.sqlalchemy_store", "mlflow.store.tracking.sqlalchemy_store"),
    *("alembic.command", "catboost", "duckdb", "duckdb.func", "optuna", "pandas", "pyarrow.csv", "pyarrow.parquet"),
    *("sklearn.metrics", "sklearn.model_selection", "sqlglot", "dagster._core.storage.sqlite_storage"),
)


@dataclass(frozen=True)
class Result:
    """A trial, its outcome, and the processor seconds of all its processes."""

    trial: Trial
    outcome: Outcome
    processor_seconds: float


def run_trials(trials: Sequence[Trial], room: Room, seed: int, *, processes: int, minutes: float) -> Iterator[Result]:
    """Run the trials and yield each result when it exists. After `minutes`, no further trial begins."""
    waiting, running = [*reversed(trials)], dict[Trial, Child]()
    deadline = monotonic() + 60 * minutes
    while running or (waiting and monotonic() < deadline):
        while waiting and len(running) < processes and monotonic() < deadline:
            trial = waiting.pop()
            running[trial] = Child(partial(_measured, trial, room, seed), room.folder / f"trial_{len(waiting)}.log")
        ready = wait([child.pipe for child in running.values()])
        for trial, child in [*running.items()]:
            if child.pipe in ready:
                yield _result(trial, child)
                del running[trial]


def _result(trial: Trial, child: Child) -> Result:
    ended = child.end()
    if ended.answer is None:
        return Result(trial, Outcome([f"the trial could not be carried out: {ended.failure or 'it was killed'}"]), 0.0)
    return Result(trial, *ended.answer)


def _measured(trial: Trial, room: Room, seed: int) -> tuple[Outcome, float]:
    outcome = trial.run(room, Random(f"{seed} {trial.name}"))  # noqa: S311  not for secrets
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return outcome, sum(usage.ru_utime + usage.ru_stime for usage in used)


def import_everything() -> None:
    """Import what the trials need, so a kill never falls into an import. It starts no thread."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    warnings.filterwarnings("ignore")
    for name in _IMPORTED:
        import_module(name)
