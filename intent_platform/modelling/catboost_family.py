"""The model family: all that the platform needs from CatBoost. No other module of `modelling` imports it.

Another family is another module with these functions. `folds`, `search`, `training` and `model` use nothing else.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from intent_platform.errors import TrainingRefused, VersionUnfit, first_line
from intent_platform.modelling.calibration import PlattScaling
from intent_platform.modelling.metrics import Labels, Scores
from intent_platform.settings.training import TrainingSettings

if TYPE_CHECKING:
    from catboost import CatBoostClassifier, Pool

Parameters = Mapping[str, str | int | float | bool]
Rows = npt.NDArray[np.intp]

#: The package that a version needs to score.
PACKAGE = "catboost"
_RECORDED_AS_GIVEN = ("depth", "learning_rate", "l2_leaf_reg", "random_strength", "rsm")


def quantized(matrix: npt.NDArray[np.float32], labels: Labels, settings: TrainingSettings) -> "Pool":
    """Return the rows in the form that fits share, with `settings.border_count` borders for each feature."""
    from catboost import Pool

    pool = Pool(matrix, labels, feature_names=list(settings.features), thread_count=settings.threads)
    pool.quantize(border_count=settings.border_count, random_seed=settings.seed)
    # The pool keeps a reference to the matrix and a slice does not, so the caller can free the matrix.
    return pool.slice(np.arange(len(labels)))


def classifier(settings: TrainingSettings, parameters: Parameters, iterations: int) -> "CatBoostClassifier":
    """Return a silent, seeded classifier that writes no files.

    Raises:
        TrainingRefused: the settings ask for a GPU, and the machine has none.
    """
    from catboost import CatBoostClassifier
    from catboost.utils import get_gpu_device_count

    if settings.task_type == "GPU" and get_gpu_device_count() == 0:
        raise TrainingRefused(
            "training.task_type is GPU, but CatBoost finds no GPU on this machine: set it to CPU, or train on another "
            "machine"
        )
    return CatBoostClassifier(
        **settings.fixed,
        **parameters,
        iterations=iterations,
        task_type=settings.task_type,
        random_seed=settings.seed,
        thread_count=settings.threads,
        allow_writing_files=False,
        logging_level="Silent",
    )


def fit(rows: "Pool", settings: TrainingSettings, parameters: Parameters, iterations: int) -> "CatBoostClassifier":
    """Return a model with `iterations` trees."""
    return classifier(settings, parameters, iterations).fit(rows)


def fit_until_no_gain(
    rows: "Pool", held_out: "Pool", settings: TrainingSettings, parameters: Parameters
) -> "CatBoostClassifier":
    """Return a model that stopped growing when the log loss of the held-out rows stopped falling."""
    model = classifier(settings, parameters, settings.iterations)
    model.fit(rows, eval_set=held_out, early_stopping_rounds=settings.patience, use_best_model=True)
    return model


def trees_of(model: "CatBoostClassifier") -> int:
    """Return the number of trees."""
    return int(model.tree_count_)


def margins(model: "CatBoostClassifier", rows: "Pool", threads: int) -> Scores:
    """Return the log-odds before calibration, shape (rows,)."""
    return np.asarray(model.predict(rows, prediction_type="RawFormulaVal", thread_count=threads), dtype=np.float64)


def probabilities(model: "CatBoostClassifier", matrix: npt.NDArray[np.float32], threads: int) -> Scores:
    """Return the calibrated probability of a purchase, shape (rows,). `threads` of -1 uses the whole machine."""
    return np.ascontiguousarray(model.predict_proba(matrix, thread_count=threads)[:, 1], dtype=np.float64)


def contributions(model: "CatBoostClassifier", matrix: npt.NDArray[np.float32], features: Sequence[str]) -> Scores:
    """Return what each feature adds to the calibrated log-odds, and the mean last, shape (rows, features + 1).

    CatBoost computes the values by TreeSHAP (Lundberg et al. 2020) for the uncalibrated model. Calibration is linear in
    the log-odds, so the values only have to be scaled.
    """
    from catboost import Pool

    scale, bias = model.get_scale_and_bias()
    uncalibrated = model.copy()
    uncalibrated.set_scale_and_bias(1, [0])
    values: Scores = scale * np.asarray(
        uncalibrated.get_feature_importance(Pool(matrix, feature_names=list(features)), "ShapValues")
    )
    values[:, -1] += bias
    return values


def calibrate(model: "CatBoostClassifier", platt: PlattScaling) -> None:
    """Put the calibration line inside the model, which saves it and applies it in `predict_proba` on any platform."""
    scale, bias = model.get_scale_and_bias()
    model.set_scale_and_bias(platt.slope * scale, platt.slope * bias + platt.intercept)


def drop_identity(model: "CatBoostClassifier") -> None:
    """Drop the random identity and the time of training that CatBoost records. Equal models are then equal files."""
    metadata = model.get_metadata()
    for name in ("model_guid", "train_finish_time"):
        metadata[name] = ""


def saved(model: "CatBoostClassifier") -> bytes:
    """Return the model file, in CatBoost's binary format."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "model"
        model.save_model(str(file))
        return file.read_bytes()


def loaded(content: bytes) -> tuple["CatBoostClassifier", tuple[str, ...]]:
    """Read a model file, and return the model with its features in order.

    Raises:
        VersionUnfit: the file is not a CatBoost model.
    """
    from catboost import CatBoostClassifier

    model = CatBoostClassifier()
    with _damage_explained():
        _refuse_incomplete(content)
        model.load_model(blob=content)
        return model, tuple(model.feature_names_)


def contradictions(model: "CatBoostClassifier", parameters: Parameters, iterations: int) -> list[str]:
    """Return what a loaded model says about its training other than `parameters` and its `iterations` trees.

    Only parameters that CatBoost records as they were given are compared. It records them as float32.

    Raises:
        VersionUnfit: the model cannot say it, because its file is damaged.
    """
    with _damage_explained():
        recorded = {"the number of trees": trees_of(model), **model.get_all_params()}
    expected = {"the number of trees": iterations, **parameters}
    return [
        f"{name} is {recorded[name]:g} instead of {expected[name]}"
        for name in ("the number of trees", *_RECORDED_AS_GIVEN)
        if name in recorded and name in expected
        if not math.isclose(recorded[name], float(expected[name]), rel_tol=1e-6)
    ]


def _refuse_incomplete(content: bytes) -> None:
    """Raise when bytes are missing at the end: CatBoost would read the memory behind them, and may accept it.

    A file in CatBoost's binary format begins with a mark of four bytes and the length of what follows (32 bits, little
    endian).
    """
    stated = int.from_bytes(content[4:8], "little")
    if len(content) < 8 + stated:
        raise ValueError(f"it has {len(content):,} bytes instead of {8 + stated:,}")


@contextmanager
def _damage_explained() -> Iterator[None]:
    """Raise one error for the many types that a damaged file makes CatBoost raise."""
    try:
        yield
    except Exception as error:
        raise VersionUnfit(f"the file is not a readable CatBoost model ({first_line(error)})") from error
