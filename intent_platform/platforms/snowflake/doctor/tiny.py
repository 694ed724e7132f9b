"""A tiny real version: a CatBoost model of made-up rows, logged as the platform logs its challengers.

A stored procedure runs this module too, so it imports neither Dagster nor the other modules of the doctor.
"""

from contextlib import nullcontext
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from intent_platform.modelling import catboost_family as family
from intent_platform.modelling.model import IntentModel
from intent_platform.modelling.search import Trial
from intent_platform.partitions import Window
from intent_platform.platforms.snowflake.registry import SnowflakeRegistry
from intent_platform.platforms.snowflake.warehouse import BorrowedWarehouse
from intent_platform.platforms.versions import ModelVersion, Provenance
from intent_platform.settings import Settings, load_settings
from intent_platform.settings.training import TrainingSettings

if TYPE_CHECKING:
    from snowflake.snowpark import Session

_ROWS, _TREES = 200, 4
_PARAMETERS = {"depth": 2, "learning_rate": 0.1}


def made_up_rows(settings: TrainingSettings) -> pa.Table:
    """Rows of random features, the same ones at every call."""
    random = np.random.default_rng(0)
    return pa.table({feature: random.random(_ROWS) for feature in settings.features})


def tiny_model(settings: TrainingSettings) -> IntentModel:
    """A model with a few small trees. Purchases follow the first feature."""
    rows = made_up_rows(settings)
    matrix = np.asarray(np.column_stack([rows[name].to_numpy() for name in settings.features]), dtype=np.float32)
    labels = (matrix[:, 0] > 0.5).astype(np.int64)
    fitted = family.fit(family.quantized(matrix, labels, settings), settings, _PARAMETERS, _TREES)
    family.drop_identity(fitted)
    return IntentModel(fitted, settings.features)


def log_tiny_version(registry: SnowflakeRegistry, settings: Settings) -> ModelVersion:
    """Log the tiny model as a version of the registry."""
    month = date(2024, 5, 1)
    provenance = Provenance(
        month=month,
        training_window=Window(date(2024, 2, 1), month),
        sessions=_ROWS,
        purchases=_ROWS // 2,
        features=settings.training.features,
        parameters=_PARAMETERS,
        metrics={"pr_auc": 0.5},
        iterations=_TREES,
        git_commit="unknown",
        run_id="doctor",
    )
    return registry.log(tiny_model(settings.training), provenance, [Trial(0, _PARAMETERS, 0.5, "complete", 0.1)])


def log_inside(session: "Session") -> str:
    """Log the tiny model from a stored procedure, and return the name of the version."""
    connect = BorrowedWarehouse(session.connection, {}).connect
    return log_tiny_version(SnowflakeRegistry(connect, lambda: nullcontext(session)), load_settings()).name
