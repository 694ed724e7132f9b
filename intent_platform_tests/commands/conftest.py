"""A user who calls commands: the environment, a UCI file, and the contents of the home that a command fills."""

import shutil
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from intent_platform.__main__ import main
from intent_platform.tables import TABLES
from intent_platform_tests.builders.environment import act_as_user, clean_environment
from intent_platform_tests.builders.sessions import write_uci_csv

MONTHS = {"Mar": 300, "May": 300, "June": 200}
QUICK = {"training_trials": 1, "training_folds": 2, "warehouse_timeout_seconds": 1}


class Called(NamedTuple):
    """The home after a command, and what the command printed."""

    home: Path
    output: str


def call(home: Path, *arguments: str, **settings: object) -> Called:
    """Call a command that succeeds, as a user with this home and these settings. A fixture may outlive the test."""
    with clean_environment() as patch, redirect_stdout(StringIO()) as output:
        act_as_user(patch, home=home, **{**QUICK, **settings})
        assert main([*arguments]) == 0
    return Called(home, output.getvalue())


def contents(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of every table, in order."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        return {table.name: sorted(connection.table(table.name).fetchall(), key=repr) for table in TABLES}


@pytest.fixture(scope="session")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A UCI file of three months. No test changes it."""
    return write_uci_csv(tmp_path_factory.mktemp("uci") / "sessions.csv", MONTHS)


@pytest.fixture(scope="session")
def played(made_once: Callable[..., Path], empty_registry, csv: Path) -> Called:
    """The home after a first demo, and its output. Every test that changes the home does so in a copy."""

    def play(folder: Path) -> None:
        empty_registry(folder / "home")
        (folder / "output.txt").write_text(call(folder / "home", "demo", "--csv", str(csv)).output)

    folder = made_once("played", play)
    return Called(folder / "home", (folder / "output.txt").read_text())


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory, empty_registry) -> Callable[[], Path]:
    """Make homes with an empty registry, for fixtures that several tests share."""

    def make() -> Path:
        home = tmp_path_factory.mktemp("user") / "home"
        empty_registry(home)
        return home

    return make


@pytest.fixture
def played_home(played: Called, home: Path) -> Path:
    """A copy of the home after the demo, in the environment of its user."""
    shutil.rmtree(home)
    return shutil.copytree(played.home, home)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_registry) -> Path:
    """The home of a user who has not called a command yet, in the environment of this user."""
    empty_registry(tmp_path / "home")
    act_as_user(monkeypatch, home=tmp_path / "home", **QUICK)
    return tmp_path / "home"
