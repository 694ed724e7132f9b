"""The platforms under test, a tiny real model, and the provenance that a version of it carries."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from catboost import CatBoostClassifier, Pool
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from intent_platform.modelling.model import IntentModel
from intent_platform.modelling.search import Trial
from intent_platform.partitions import training_window
from intent_platform.platforms import platform_for
from intent_platform.platforms.champion import Proof, move_champion
from intent_platform.platforms.ledger import Cause, Move, read_ledger
from intent_platform.platforms.ports import Platform
from intent_platform.platforms.versions import ModelVersion, Provenance
from intent_platform.settings import Settings, load_settings
from intent_platform.settings.types import ENVIRONMENT_PREFIX
from intent_platform_tests.builders.environment import clean_environment
from intent_platform_tests.conftest import _ACCOUNT_FROM_ENVIRONMENT, created_schema, new_schema_name

FEATURES = ("PAGEVALUES", "EXITRATES", "WEEKEND")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test of a port against each target. The real account is a target if an option asks for it."""
    if "target" in metafunc.fixturenames:
        account = ["account"] if metafunc.config.getoption("--snowflake") else []
        metafunc.parametrize("target", ["local", "emulator", *account], scope="module")


@pytest.fixture
def platform(target, make_settings, empty_registry, snowflake_settings) -> Platform:
    """Each platform in turn, empty."""
    if target != "local":
        return platform_for(snowflake_settings(target))
    settings = make_settings(deployment="local")
    empty_registry(settings.home)
    return platform_for(settings)


@pytest.fixture(scope="module")
def new_local_settings(tmp_path_factory, empty_registry) -> Callable[[], Settings]:
    """Make settings of a local platform with an empty home of its own, for a fixture that several tests share."""

    def make() -> Settings:
        home = tmp_path_factory.mktemp("local") / "home"
        empty_registry(home)
        with clean_environment():
            return load_settings(home=home, deployment="local")

    return make


@pytest.fixture(scope="module")
def new_snowflake_settings(request, tmp_path_factory) -> Iterator[Callable[..., Settings]]:
    """Make settings like `snowflake_settings`, with a schema that exists until the end of the module."""

    def make(target: str = "emulator") -> Settings:
        prefix = f"{ENVIRONMENT_PREFIX}SNOWFLAKE_"
        if target == "account":
            connection: dict[str, object] = {
                name.removeprefix(prefix).lower(): text
                for name, text in _ACCOUNT_FROM_ENVIRONMENT.items()
                if name.startswith(prefix)
            }
        else:
            connection = request.getfixturevalue("emulator").connection_parameters
        with clean_environment():
            settings = load_settings(
                home=tmp_path_factory.mktemp("snowflake") / "home",
                deployment="dev",
                snowflake={**connection, "schema": new_schema_name()},
            )
        until_end.enter_context(created_schema(settings))
        return settings

    with ExitStack() as until_end:
        yield make


@pytest.fixture(scope="module")
def new_platform(target, new_local_settings, new_snowflake_settings) -> Callable[[], Platform]:
    """Make an empty platform of the target, for a fixture that several tests share."""
    return lambda: platform_for(new_local_settings() if target == "local" else new_snowflake_settings(target))


@pytest.fixture(scope="session")
def model() -> IntentModel:
    """A real model of three features, trained on noise with one true relation."""
    random = np.random.default_rng(0)
    rows = random.random((300, 3))
    bought = rows[:, 0] + 0.2 * random.random(300) > 0.6
    classifier = CatBoostClassifier(
        iterations=8,
        depth=2,
        learning_rate=0.1,
        random_seed=0,
        thread_count=1,
        allow_writing_files=False,
        logging_level="Silent",
    )
    classifier.fit(Pool(rows, bought, feature_names=list(FEATURES)))
    return IntentModel(classifier, FEATURES)


def provenance(month: str) -> Provenance:
    """The provenance of the tiny model as the challenger of a month."""
    return Provenance(
        month=date.fromisoformat(month),
        training_window=training_window(month, 3),
        sessions=300,
        purchases=120,
        features=FEATURES,
        parameters={"depth": 2, "learning_rate": 0.1},
        metrics={"pr_auc": 0.7, "precision": None},
        iterations=8,
        git_commit="0" * 40,
        run_id="a-run",
    )


def log_version(platform: Platform, model: IntentModel, month: str = "2024-05-01") -> ModelVersion:
    """Log a version of the tiny model as the challenger of a month."""
    return platform.registry.log(model, provenance(month), [Trial(0, {"depth": 2}, 0.7, "complete", 0.1)])


def move(
    platform: Platform, to: ModelVersion, replacing: ModelVersion | None, cause: Cause = "promotion", **rest: Any
) -> Proof:
    """Move the champion for a made-up reason. Returns the proof."""
    return move_champion(
        platform,
        to,
        replacing=replacing,
        cause=cause,
        reason="it's better",
        metrics={"pr_auc": 0.7},
        run_id="r",
        **rest,
    )


def moves_of(platform: Platform) -> tuple[Move, ...]:
    """The moves in the ledger."""
    with platform.warehouse.connect() as connection:
        return read_ledger(connection).moves


@pytest.fixture
def log(platform: Platform, model: IntentModel) -> Callable[..., ModelVersion]:
    """Log a version of the tiny model into the registry of `platform`."""
    return lambda month="2024-05-01": log_version(platform, model, month)


@pytest.fixture(scope="session")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def write_key(key: rsa.RSAPrivateKey, file: Path, passphrase: str | None = None) -> Path:
    """Write a private key as Snowflake's clients read it, and return the file."""
    locked = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))
    return file
