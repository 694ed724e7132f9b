"""Operations to interrupt: one writes a day in two transactions and leaves a folder, another one in a single one.

Two more meet a full disk: one fails with the error of the system, and the other one says what is missing.

A third one reads a pickle.

`test_kills` runs this in a process of its own, because only a process without threads may fork.
"""

import json
import pickle
import sys
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from random import Random

import duckdb

from bench.torture import shim
from bench.torture.full_disk import run_on_full_disk
from bench.torture.homes import Room
from bench.torture.kills import _killed_at_call, _killed_at_step, judged, uninterrupted
from bench.torture.operations import Operation
from bench.torture.runner import import_everything
from bench.torture.steps import Step
from intent_platform.errors import WarehouseError

DAY = "SESSION_DATE = DATE '2024-05-01'"


def delete(connection: duckdb.DuckDBPyConnection) -> None:
    """Delete the old rows of a day."""
    connection.execute(f"DELETE FROM SCORES WHERE {DAY}")


def insert(connection: duckdb.DuckDBPyConnection) -> None:
    """Insert its new row."""
    connection.execute("INSERT INTO SCORES SELECT * REPLACE (DATE '2024-05-01' AS SESSION_DATE) FROM SCORES")


def write_halves(home: Path) -> None:
    """Write the day in two transactions. The folder stays if nobody reaches the end."""
    (home / f".staged-{len([*home.glob('.staged-*')])}").mkdir()
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        delete(connection)
        insert(connection)
    (home / ".staged-0").rmdir()


def write_whole(home: Path) -> None:
    """Write the day in one transaction."""
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("BEGIN TRANSACTION")
        delete(connection)
        insert(connection)
        connection.execute("COMMIT")


def unpickle(home: Path) -> None:
    """Read a pickle."""
    (home / "number").write_bytes(pickle.dumps(Fraction(1, 2)))
    pickle.loads((home / "number").read_bytes())


def fill_up(home: Path) -> None:
    """Write a file, and let a full disk end the process with an error of the system."""
    (home / "filling").write_bytes(b"x" * 10_000)
    (home / "filling").unlink()


def ask_for_room(home: Path) -> None:
    """The same, and say what is missing."""
    try:
        fill_up(home)
    except OSError as error:
        raise WarehouseError("the disk is full: make room") from error


def operation_of(template: Path, run: Callable[[Path], None]) -> Operation:
    """The operation `run`, whose only step is between the halves."""
    step = Step("old rows deleted", f"{__name__}:delete")
    return Operation(run.__name__, lambda _: template, run, (step,), lambda state: state.days, ("SCORES",))


def main() -> None:
    """Interrupt them, and print the violations and the kills of each trial as JSON."""
    room, template = Room(Path(sys.argv[1])), Path(sys.argv[2])
    import_everything()
    halves, whole = operation_of(template, write_halves), operation_of(template, write_whole)
    outcomes = {
        "halves": _killed_at_step(halves, halves.steps[0], room, Random(0)),
        "whole": _killed_at_step(whole, whole.steps[0], room, Random(0)),
        "call": _killed_at_call(whole, room, Random(0)),
    }
    if shim.is_preloaded():
        for operation in (whole, operation_of(template, fill_up), operation_of(template, ask_for_room)):
            disk = partial(run_on_full_disk, operation, 0)
            outcomes[f"disk: {operation.name}"] = judged(operation, room, disk)
    found = {name: [[*outcome.violations], outcome.kills] for name, outcome in outcomes.items()}
    try:
        uninterrupted(operation_of(template, unpickle), room)
    except RuntimeError as error:
        found["unpickled"] = [[str(error)], 0]
    print(json.dumps(found))
