"""A version's files: how the model is logged so that the warehouse can score with it, and read back.

No real session goes with them: the sample that the ML library asks for is made up.
"""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib import metadata
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intent_platform.errors import VersionUnfit
from intent_platform.loggers import quiet_loggers
from intent_platform.modelling.model import IntentModel
from intent_platform.platforms.versions import MODEL_NAME, ModelVersion, Provenance

if TYPE_CHECKING:
    from snowflake.ml.registry import Registry

METHOD = "predict_proba"
_PINNED = ("catboost", "numpy", "pandas")


def log_artifact(
    registry: "Registry", model: IntentModel, name: str, provenance: Provenance, kept: Mapping[str, Any]
) -> bool:
    """Store `model` as version `name`, with its metrics and what is `kept` beside them, for use in a warehouse.

    False when somebody else took the name meanwhile: nothing was stored.
    """
    import pandas as pd
    from snowflake.snowpark.exceptions import SnowparkSQLException

    made_up = pd.DataFrame({feature: [0.0, 1.0] for feature in model.features})
    measured = {metric: value for metric, value in provenance.metrics.items() if value is not None}
    try:
        with _quiet():
            registry.log_model(
                model.classifier,
                model_name=MODEL_NAME,
                version_name=name,
                comment=f"Challenger of {provenance.month:%Y-%m}, trained on {provenance.training_window}",
                metrics={**measured, **kept},
                conda_dependencies=[f"{package}=={metadata.version(package)}" for package in _PINNED],
                target_platforms=["WAREHOUSE"],
                sample_input_data=made_up,
                # Snowflake's EXPLAIN refuses a model with calibration in it: `IntentModel.explain` does not.
                options={"target_methods": [METHOD], "relax_version": False, "enable_explainability": False},
            )
    except (ValueError, SnowparkSQLException) as error:
        if "already exist" not in str(error):
            raise
        return False
    return True


def exported_model(folder: Path, version: ModelVersion) -> IntentModel:
    """The model among the files of an exported version.

    Raises:
        VersionUnfit: there is none, or it is damaged.
    """
    found = sorted(folder.rglob("model.bin"))
    if not found:
        raise VersionUnfit(f"version {version.name} has no CatBoost model among its files: choose another version")
    try:
        return IntentModel.load(found[0], version.provenance.features)
    except VersionUnfit as error:
        raise VersionUnfit(
            f"version {version.name} cannot be loaded ({error}): choose another one, the registry lists them"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's advice out of the reader's log: dependencies and signature are chosen here."""
    with (
        quiet_loggers("snowflake.ml", level=logging.ERROR),
        warnings.catch_warnings(),
        redirect_stdout(StringIO()),  # a progress bar
        redirect_stderr(StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield
