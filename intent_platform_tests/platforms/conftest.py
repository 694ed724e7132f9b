"""The platforms under test, a tiny real model, and the provenance that a version of it carries."""

from collections.abc import Callable
from datetime import date

import numpy as np
import pytest
from catboost import CatBoostClassifier

from intent_platform.modelling.model import IntentModel
from intent_platform.modelling.search import Trial
from intent_platform.partitions import training_window
from intent_platform.platforms import platform_for
from intent_platform.platforms.ports import Platform
from intent_platform.platforms.versions import ModelVersion, Provenance

FEATURES = ("PAGEVALUES", "EXITRATES", "WEEKEND")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test of a port runs against each target; the real account only when it is asked for."""
    if "target" in metafunc.fixturenames:
        account = ["account"] if metafunc.config.getoption("--snowflake") else []
        metafunc.parametrize("target", ["local", "emulator", *account])


@pytest.fixture
def platform(target, make_settings, empty_registry, snowflake_settings) -> Platform:
    """Each platform in turn, empty."""
    if target != "local":
        return platform_for(snowflake_settings(target))
    settings = make_settings(deployment="local", warehouse={"timeout_seconds": 5})
    empty_registry(settings.home)
    return platform_for(settings)


@pytest.fixture(scope="session")
def model() -> IntentModel:
    """A real model of three features, trained on noise with one true relation."""
    random = np.random.default_rng(0)
    rows = random.random((300, 3))
    bought = rows[:, 0] + 0.2 * random.random(300) > 0.6
    classifier = CatBoostClassifier(
        iterations=8, depth=2, random_seed=0, thread_count=1, allow_writing_files=False, logging_level="Silent"
    )
    from catboost import Pool

    classifier.fit(Pool(rows, bought, feature_names=list(FEATURES)))
    return IntentModel(classifier, FEATURES)


def provenance(month: str) -> Provenance:
    """What the tiny model says of itself, as the challenger of a month."""
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


@pytest.fixture
def log(platform: Platform, model: IntentModel) -> Callable[..., ModelVersion]:
    """Log a version of the tiny model for a month."""

    def log(month: str = "2024-05-01") -> ModelVersion:
        return platform.registry.log(model, provenance(month), [Trial(0, {"depth": 2}, 0.7, "complete", 0.1)])

    return log
