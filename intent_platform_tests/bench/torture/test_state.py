"""The leftovers that the suite sees in a home."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bench.torture.state import state_of


@pytest.mark.parametrize(
    ("path", "leftover"),
    [
        (".staged-7-abc", "folder .staged-7-abc of staged sessions"),
        ("mlartifacts/0123", "artifact folder 0123 without a version"),
        ("mlflow.draft", "unfinished file mlflow.draft"),
        ("landing/a.csv.done", "unfinished file landing/a.csv.done"),
        ("landing/.scans/a.unfinished", "unfinished file landing/.scans/a.unfinished"),
    ],
)
class TestLeftover:
    def test_is_seen(self, home: Path, path: str, leftover: str):
        place = home / path
        if place.suffix in (".draft", ".done", ".unfinished"):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        else:
            place.mkdir()
        assert state_of(home).leftovers == (leftover,)


class TestUnfinishedVersion:
    def test_is_seen_with_its_run(self, home: Path):
        with closing(sqlite3.connect(home / "mlflow.db")) as connection:
            connection.execute("DELETE FROM registered_model_aliases WHERE version = 2 AND alias LIKE 'v_%'")
            connection.commit()
        kinds = sorted(" ".join(leftover.split()[:2]) for leftover in state_of(home).leftovers)
        assert kinds == ["MLflow run", "MLflow run", "MLflow version", "artifact folder"]  # the trial is a run, too


class TestWaitingFile:
    def test_keeps_its_done_file(self, home: Path):
        (home / "landing").mkdir()
        for name in ("a.csv", "a.csv.done"):
            (home / "landing" / name).touch()
        assert state_of(home).leftovers == ()


class TestNewHome:
    def test_holds_nothing(self, tmp_path: Path):
        state = state_of(tmp_path)
        assert (state.damage, state.days, state.ledger, state.pointer) == ((), {}, (), None)
