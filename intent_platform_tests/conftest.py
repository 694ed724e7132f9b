"""Fixtures shared by all tests: a home of their own, settings without the developer's environment, real rows."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from intent_platform.platforms import platform_for
from intent_platform.settings import ENVIRONMENT_PREFIX, Settings, load_settings

_UCI_VARIABLE = "INTENT_PLATFORM_UCI_CSV"
_UCI_CANDIDATE = Path(__file__).parents[2] / "shared" / "data" / "online_shoppers_intention.csv"
_UCI_FROM_ENVIRONMENT = os.environ.get(_UCI_VARIABLE)


@pytest.fixture(autouse=True)
def _without_the_developers_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith(ENVIRONMENT_PREFIX) or name == "DAGSTER_HOME":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def uci_csv() -> Path:
    """The published UCI file, or a skip that says how to provide it."""
    path = Path(_UCI_FROM_ENVIRONMENT) if _UCI_FROM_ENVIRONMENT else _UCI_CANDIDATE
    if not path.is_file():
        pytest.skip(f"needs the UCI file: set {_UCI_VARIABLE} to the path of online_shoppers_intention.csv")
    return path


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., Settings]:
    """Settings with a home under the test's own folder; keyword arguments override."""

    def make(**overrides: object) -> Settings:
        return load_settings(**{"home": tmp_path / "home", **overrides})

    return make


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    """The defaults of config.yml, in a home of the test's own."""
    return make_settings()


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Put an empty MLflow store into a home: making one takes seconds, copying one nothing."""
    template = tmp_path_factory.mktemp("registry") / "home"
    assert platform_for(load_settings(home=template)).registry.champion() is None

    def put(home: Path) -> None:
        shutil.copytree(template, home, dirs_exist_ok=True)

    return put
