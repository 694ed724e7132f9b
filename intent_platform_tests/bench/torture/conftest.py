"""A home in which nothing is broken: two versions, a rollback, and two days of scores."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from bench.torture.state import HomeState, state_of
from intent_platform.partitions import now, wall_clock
from intent_platform.platforms import platform_for
from intent_platform.settings import load_settings
from intent_platform_tests.builders.environment import clean_environment
from intent_platform_tests.platforms.conftest import log_version, model, move

__all__ = ["model"]


@pytest.fixture(scope="module", autouse=True)
def _environment() -> Iterator[None]:
    """Undo what `homes.use` does to the environment. The trials call it in processes of their own."""
    with patch.dict(os.environ):
        yield


@pytest.fixture(scope="session")
def sound_template(made_once: Callable[..., Path], empty_registry, model) -> Path:
    """A home whose champion is the first version, by a rollback from the second one."""

    def fill(home: Path) -> None:
        empty_registry(home)
        with clean_environment():
            platform = platform_for(load_settings(home=home, deployment="local"))
        one, two = log_version(platform, model), log_version(platform, model)
        move(platform, one, None, "first")
        move(platform, two, one)
        move(platform, one, two, "rollback", quarantine_reason="rolled back from")
        with platform.warehouse.connect(writing=True) as connection:
            connection.execute(
                "INSERT INTO SCORES SELECT UID, SESSION_DATE, 'PURCHASE_INTENT', :version, 0.5, :at, 'champion', 3 "
                "FROM (VALUES ('a', DATE '2024-05-01'), ('b', DATE '2024-05-01'), ('c', DATE '2024-05-02')) "
                "AS S (UID, SESSION_DATE)",
                version=one.name,
                at=wall_clock(now()),
            )

    return made_once("tortured", fill)


@pytest.fixture
def home(sound_template: Path, tmp_path: Path) -> Path:
    """A copy of the home that a test may break."""
    return shutil.copytree(sound_template, tmp_path / "home")


@pytest.fixture
def sound(home: Path) -> HomeState:
    """The state of the home before the test breaks it."""
    return state_of(home)
