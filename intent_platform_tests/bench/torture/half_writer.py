"""Two operations to kill: one writes a day in two transactions and leaves a folder, the other one in a single one.

A third one reads a pickle.

`test_kills` runs this in a process of its own, because only a process without threads may fork.
"""

import json
import pickle
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from random import Random

import duckdb

from bench.torture.homes import Room
from bench.torture.kills import _killed_at_call, _killed_at_step, uninterrupted
from bench.torture.operations import Operation
from bench.torture.runner import import_everything
from bench.torture.steps import Step

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


def operation_of(template: Path, run: Callable[[Path], None]) -> Operation:
    """The operation `run`, whose only step is between the halves."""
    step = Step("old rows deleted", f"{__name__}:delete")
    return Operation(run.__name__, lambda _: template, run, (step,), lambda state: state.days, ("SCORES",))


def main() -> None:
    """Kill both at the step and at a call, and read a pickle. Print violations and kills of each trial as JSON."""
    room, template = Room(Path(sys.argv[1])), Path(sys.argv[2])
    import_everything()
    halves, whole = operation_of(template, write_halves), operation_of(template, write_whole)
    outcomes = {
        "halves": _killed_at_step(halves, halves.steps[0], room, Random(0)),
        "whole": _killed_at_step(whole, whole.steps[0], room, Random(0)),
        "call": _killed_at_call(whole, room, Random(0)),
    }
    found = {name: [[*outcome.violations], outcome.kills] for name, outcome in outcomes.items()}
    try:
        uninterrupted(operation_of(template, unpickle), room)
    except RuntimeError as error:
        found["unpickled"] = [[str(error)], 0]
    print(json.dumps(found))
