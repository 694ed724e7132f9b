"""Fixtures shared by all tests: a home of their own, settings without the developer's environment, real rows."""

import atexit
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import hypothesis
import pytest

from bench.torture.homes import Room
from intent_platform.platforms import platform_for
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.preparation import administrators_statements, prepare
from intent_platform.settings import Settings, load_settings
from intent_platform.settings.types import ENVIRONMENT_PREFIX
from intent_platform_tests.snowflake_emulator import serve
from intent_platform_tests.snowflake_emulator.server import RunningEmulator

_ACCOUNT_FROM_ENVIRONMENT = {name: text for name, text in os.environ.items() if name.startswith(ENVIRONMENT_PREFIX)}
_UCI_VARIABLE = "INTENT_PLATFORM_UCI_CSV"
_UCI_CANDIDATE = Path(__file__).parents[2] / "shared" / "data" / "online_shoppers_intention.csv"
_UCI_FROM_ENVIRONMENT = os.environ.get(_UCI_VARIABLE)

# Without deadlines: an example that takes long on a busy machine is not a failure.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.register_profile("unit", deadline=None, max_examples=10)  # for `make unit`
hypothesis.settings.load_profile("patient")  # `--hypothesis-profile` is read later and wins


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--snowflake`: run the contract suite against the account of the environment's settings, too."""
    parser.addoption("--snowflake", action="store_true", help="also against a real Snowflake account")


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
    """The default settings, in a home of the test's own."""
    return make_settings()


@pytest.fixture(scope="session")
def emulator() -> RunningEmulator:
    """An emulated Snowflake account, prepared as an administrator would.

    It ends with Python, after the clients: a connection that a failed test left open is closed at exit, and would ask a
    server that is gone for minutes.
    """
    until_exit = ExitStack()
    atexit.register(until_exit.close)  # before the clients are imported, whose own come first then
    running = until_exit.enter_context(serve())
    settings = load_settings(deployment="dev", snowflake=running.connection_parameters)
    prepare(SnowflakeConnector(settings), "ACCOUNTADMIN", lambda _: None, dry=False)
    return running


def new_schema_name() -> str:
    """A name that no other test uses."""
    return f"TEST_{uuid.uuid4().hex[:12]}".upper()


@contextmanager
def created_schema(settings: Settings) -> Iterator[None]:
    """The schema of these settings exists inside.

    On the emulated account an administrator creates it and grants what `make setup` grants. On a real account, the
    settings' role creates it and owns it.
    """
    connector = SnowflakeConnector(settings)
    schema = f"{connector.parameters['database']}.{connector.parameters['schema']}"
    is_emulated = connector.parameters["account"] == "emulated"
    role = "ACCOUNTADMIN" if is_emulated else connector.parameters["role"]
    granted = administrators_statements(connector, '"SOMEBODY"') if is_emulated else [f"CREATE SCHEMA {schema}"]

    def run(statements: Iterable[str]) -> None:
        with connector.open(schema=False) as connection, connection.cursor() as cursor:
            for statement in (f"USE ROLE {role}", *statements):
                cursor.execute(statement)

    run(granted)
    try:
        yield
    finally:
        run([f"DROP SCHEMA {schema} CASCADE"])


@pytest.fixture
def snowflake_settings(
    request: pytest.FixtureRequest, make_settings: Callable[..., Settings]
) -> Iterator[Callable[..., Settings]]:
    """Settings of a Snowflake deployment whose schema is the test's own; `account` chooses a real one."""

    def make(target: str = "emulator", **overrides: object) -> Settings:
        if target == "account":
            connection = {
                name.removeprefix(f"{ENVIRONMENT_PREFIX}SNOWFLAKE_").lower(): text
                for name, text in _ACCOUNT_FROM_ENVIRONMENT.items()
                if name.startswith(f"{ENVIRONMENT_PREFIX}SNOWFLAKE_")
            }
        else:
            connection = request.getfixturevalue("emulator").connection_parameters
        snowflake = {**connection, "schema": new_schema_name()}
        settings = make_settings(deployment="dev", snowflake=snowflake, **overrides)
        until_end.enter_context(created_schema(settings))
        return settings

    with ExitStack() as until_end:
        yield make


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """The folder of that name, filled by the first worker that asks. All workers of a test run share it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # a worker's folder lies in that of the run

    return lambda name, fill: Room(shared).made(f"{name}_template", fill)


@pytest.fixture(scope="session")
def empty_registry(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Callable[[Path], None]:
    """Put an empty warehouse and MLflow store into a home: making one takes seconds, copying one nothing."""

    def fill(home: Path) -> None:
        platform = platform_for(load_settings(home=home))
        platform.registry.champion()
        with platform.warehouse.connect():
            pass

    template = made_once("registry", fill)

    def put(home: Path) -> None:
        shutil.copytree(template, home, dirs_exist_ok=True)

    return put
