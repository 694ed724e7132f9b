"""Logs a model so that the warehouse can score with it, and loads a model from its exported files.

The ML library requires sample input. The sample is made up, so no real session is stored with a version.
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
from intent_platform.modelling.catboost_family import PACKAGE
from intent_platform.modelling.model import IntentModel
from intent_platform.platforms.model_file import read_model
from intent_platform.platforms.versions import MODEL_NAME, ModelVersion, Provenance

if TYPE_CHECKING:
    from snowflake.ml.registry import Registry

#: The shared repository of packages from PyPI. The stored procedures take theirs from it too.
PACKAGE_REPOSITORY = "snowflake.snowpark.pypi_shared_repository"
METHOD = "predict_proba"
_PINNED = (PACKAGE, "numpy", "pandas", "cloudpickle", "snowflake-ml-python")


def log_artifact(
    registry: "Registry", model: IntentModel, name: str, provenance: Provenance, extra_metrics: Mapping[str, Any]
) -> bool:
    """Store `model` as version `name` for use in a warehouse, with its metrics and `extra_metrics`.

    Returns:
        True, or False if somebody else used the name meanwhile. In that case nothing was stored.
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
                metrics={**measured, **extra_metrics},
                pip_requirements=model_requirements(),
                artifact_repository_map={"pip": PACKAGE_REPOSITORY},
                target_platforms=["WAREHOUSE"],
                sample_input_data=made_up,
                # Snowflake cannot explain a calibrated model. `IntentModel.explain` can.
                options={"target_methods": [METHOD], "relax_version": False, "enable_explainability": False},
            )
    except (ValueError, SnowparkSQLException) as error:
        if "already exist" not in str(error):  # the library raises the same classes for other failures
            raise
        return False
    return True


def model_requirements() -> list[str]:
    """The packages of a version, in the versions that are installed here."""
    return [f"{package}=={metadata.version(package)}" for package in _PINNED]


def exported_model(folder: Path, version: ModelVersion) -> IntentModel:
    """The model from the files of an exported version.

    Raises:
        VersionUnfit: the files contain no model, or the model is damaged or that of another version.
    """
    files = sorted(folder.rglob("model.bin"))
    if not files:
        raise VersionUnfit(f"the files of version {version.name} contain no CatBoost model: choose another version")
    return read_model(version, files[0])


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the library's advice about dependencies and signature, because this module sets both."""
    with (
        quiet_loggers("snowflake.ml", level=logging.ERROR),
        warnings.catch_warnings(),
        redirect_stdout(StringIO()),  # a progress bar
        redirect_stderr(StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield
