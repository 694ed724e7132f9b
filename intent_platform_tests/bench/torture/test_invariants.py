"""Each fault that is planted into a home is a violation."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from bench.torture.invariants import broken_at_any_time, broken_when_settled, half_written
from bench.torture.state import HomeState, state_of


def change_warehouse(home: Path, statement: str) -> None:
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute(statement)


def change_registry(home: Path, statement: str) -> None:
    with closing(sqlite3.connect(home / "mlflow.db")) as connection:
        connection.execute(statement)
        connection.commit()


def model_files(home: Path) -> list[Path]:
    return sorted(home.glob("mlartifacts/*/artifacts/model/model.cb"))


def damage_model(home: Path) -> None:
    file = model_files(home)[0]
    file.write_bytes(file.read_bytes()[:-1] + b"x")


def in_warehouse(statement: str) -> Callable[[Path], None]:
    return lambda home: change_warehouse(home, statement)


def in_registry(statement: str) -> Callable[[Path], None]:
    return lambda home: change_registry(home, statement)


#: By the beginning of the violation: how to plant the fault.
FAULTS = {
    "warehouse.duckdb cannot be read": lambda home: (home / "warehouse.duckdb").write_bytes(b"x" * 9_000),
    "mlflow.db cannot be read": lambda home: (home / "mlflow.db").write_bytes(b"x" * 9_000),
    "the model file of version": damage_model,
    "version v_": lambda home: model_files(home)[1].unlink(),
    "SCORES has 3 repeated keys": in_warehouse("INSERT INTO SCORES SELECT * FROM SCORES"),
    "2024-05-01 was scored by two versions": in_warehouse("UPDATE SCORES SET MODEL_VERSION = 'v' WHERE UID = 'a'"),
    "2024-05-02 was scored by v as champion": in_warehouse("UPDATE SCORES SET MODEL_VERSION = 'v' WHERE UID = 'c'"),
    "move 1 ends with": in_warehouse("UPDATE CHAMPION_HISTORY SET FROM_VERSION = 'v' WHERE MOVE = 2"),
    "the ledger's moves have the numbers [1, 3]": in_warehouse("DELETE FROM CHAMPION_HISTORY WHERE MOVE = 2"),
    "move 3 is earlier": in_warehouse(
        "UPDATE CHAMPION_HISTORY SET MOVED_AT = TIMESTAMP '2000-01-01 00:00:00' WHERE MOVE = 3"
    ),
    "the pointer names v_": in_registry(
        "UPDATE registered_model_aliases SET version = 2 WHERE alias = 'champion'"  # ahead of the ledger
    ),
    "the pointer names nobody": in_registry("DELETE FROM registered_model_aliases WHERE alias = 'champion'"),
    "the alias champion names a deleted version": in_registry(
        "UPDATE registered_model_aliases SET version = 9 WHERE alias = 'champion'"
    ),
}


class TestSoundHome:
    def test_breaks_nothing(self, sound):
        assert broken_when_settled(sound) == []
        assert sound.leftovers == ()


class TestPlantedFault:
    @pytest.mark.parametrize("violation", FAULTS)
    def test_is_a_violation(self, home, violation):
        FAULTS[violation](home)
        assert any(found.startswith(violation) for found in broken_at_any_time(state_of(home)))


class TestHalfWrittenDay:
    def test_is_neither_old_nor_new(self, home, sound):
        change_warehouse(home, "DELETE FROM SCORES WHERE UID = 'a'")
        (found,) = half_written(state_of(home), HomeState(), sound, ["SCORES"])
        assert found == "SCORES of 2024-05-01 has 1 rows, neither the 0 before nor the 2 after"

    def test_may_be_one_of_two_days(self, home, sound):
        """One day is new and the other one is old, although one transaction writes both."""
        change_warehouse(home, "DELETE FROM SCORES WHERE UID = 'c'")
        assert half_written(state_of(home), HomeState(), sound, ["SCORES"]) == [
            "some days of SCORES are new and others are old"
        ]

    def test_is_found_by_its_content(self, home, sound):
        change_warehouse(home, "UPDATE SCORES SET SCORE = 0.6 WHERE UID = 'a'")
        assert len(half_written(state_of(home), HomeState(), sound, ["SCORES"])) == 1

    def test_is_no_day_of_old_or_new_rows(self, sound):
        assert half_written(sound, HomeState(), sound, ["SCORES"]) == []
        assert half_written(HomeState(), None, sound, ["SCORES"]) == []


class TestMarks:
    def test_that_are_lost_are_a_violation(self, sound):
        (found,) = broken_at_any_time(replace(sound, marks=frozenset()))
        assert found.endswith("was rolled back from, but it is not quarantined")

    def test_that_are_false_are_a_violation(self, sound):
        (found,) = broken_at_any_time(replace(sound, marks=sound.marks | {"v_240101_000000"}))
        assert found == "version v_240101_000000 is quarantined, but nobody rolled back from it"

    def test_of_the_champion_last_until_it_is_settled(self, sound):
        marked = replace(sound, marks=sound.marks | {sound.pointer})
        assert broken_at_any_time(marked) == []
        assert len(broken_when_settled(marked)) == 1


class TestPointerAhead:
    def test_may_be_completed_from_its_intent(self, sound):
        two = sound.ledger[1].to_version
        intent = sound.ledger[1]._replace(number=4)
        ahead = replace(sound, pointer=two, intents=(intent,))
        assert broken_at_any_time(ahead) == []
        assert len(broken_when_settled(ahead)) == 1
