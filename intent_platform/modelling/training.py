"""Trains a challenger: rows in, a calibrated model and its out-of-fold quality out.

`search` finds the parameters. The caller chooses the rows and stores the model.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from intent_platform.errors import TrainingRefused
from intent_platform.modelling import catboost_family as family
from intent_platform.modelling.calibration import PlattScaling
from intent_platform.modelling.catboost_family import Parameters
from intent_platform.modelling.drift import Profile, profile_of
from intent_platform.modelling.folds import Fold, Folds, side_by_side
from intent_platform.modelling.metrics import Labels, Metrics, Scores, measure
from intent_platform.modelling.model import IntentModel, feature_matrix
from intent_platform.modelling.search import Trial, search
from intent_platform.settings.training import TrainingSettings

SCORE = "SCORE"  # the profile of the scores, beside those of the features
_TARGET = "REVENUE"
_DAY = "SESSION_DATE"
_KEY = [("UID", "ascending"), (_DAY, "ascending")]


@dataclass(frozen=True)
class TrainedModel:
    """The result of one training.

    Attributes:
        model: the calibrated model, trained on all rows.
        parameters: the CatBoost parameters of the model, fixed and searched, without its number of trees.
        iterations: the model's number of trees.
        metrics: quality of calibrated out-of-fold scores. The model that scores a row and the line that calibrates it
            have not seen the row. The parameters and the number of trees were chosen on the same folds, so the metrics
            are slightly too good.
        trials: the trials of the search, in order.
        sessions, positives: the number of rows trained on, and of purchases among them.
        profiles: the distribution of each feature among these rows, and of the calibrated out-of-fold scores (`SCORE`).
    """

    model: IntentModel
    parameters: Parameters
    iterations: int
    metrics: Metrics
    trials: tuple[Trial, ...]
    sessions: int
    positives: int
    profiles: Mapping[str, Profile]


def train(rows: pa.Table, settings: TrainingSettings, report: Callable[[Trial], None] | None = None) -> TrainedModel:
    """Search for parameters, refit on all rows, and calibrate.

    On one machine, the same rows, settings and CatBoost version give the same model file to the bit. The order of the
    rows does not matter.

    Args:
        rows: columns UID, SESSION_DATE, REVENUE (0 or 1) and `settings.features`.
        settings: features, search space, folds, seeds, threads.
        report: called after each trial of the search.

    Raises:
        TrainingRefused: the rows are not enough for a model, or the machine lacks the GPU that the settings ask for.
            The message gives the counts. The caller adds the window.
    """
    order = pc.sort_indices(rows, sort_keys=_KEY).to_numpy()
    labels: Labels = rows.column(_TARGET).to_numpy()[order].astype(np.int64)
    days = rows.column(_DAY).to_numpy()[order]
    _refuse_too_little(labels, settings)
    profiles = {name: profile_of(rows.column(name).to_numpy().astype(np.float64)) for name in settings.features}
    matrix = feature_matrix([rows.column(name) for name in settings.features], order)
    if not np.ptp(matrix, axis=0).any():
        raise TrainingRefused(
            f"all {len(labels)} sessions have the same features, so a model cannot tell them apart: check DATASET"
        )
    folds = Folds.of(matrix, labels, days, settings)
    del matrix  # the quantized folds replace it and take a quarter of its memory
    best = search(folds, settings, report)
    margins = _out_of_fold_margins(folds, settings, best.parameters, best.iterations)
    model = family.fit(folds.whole, settings, best.parameters, best.iterations)
    held_out = folds.held_out_rows
    family.calibrate(model, PlattScaling.fit(labels[held_out], margins[held_out]))
    family.drop_identity(model)
    scores = _calibrated_out_of_fold(folds, margins)[held_out]
    return TrainedModel(
        model=IntentModel(model, settings.features),
        parameters={**settings.fixed, "border_count": settings.border_count, **best.parameters},
        iterations=best.iterations,
        metrics=measure(labels[held_out], scores),
        trials=best.trials,
        sessions=len(labels),
        positives=int(labels.sum()),
        profiles={**profiles, SCORE: profile_of(scores)},
    )


def _refuse_too_little(labels: Labels, settings: TrainingSettings) -> None:
    sessions, positives = len(labels), int(labels.sum())
    needed = max(settings.minimum_purchases, settings.folds)
    if sessions == 0:
        raise TrainingRefused("there are no sessions to train on: load the days of the window first")
    if positives < needed:
        raise TrainingRefused(
            f"{positives} of {sessions} sessions are purchases, but training needs at least {needed}: "
            "load more days, or increase training.months"
        )
    if sessions - positives < settings.folds:
        raise TrainingRefused(
            f"{positives} of {sessions} sessions are purchases, but training needs at least {settings.folds} other "
            "sessions: check REVENUE in the source"
        )


def _out_of_fold_margins(folds: Folds, settings: TrainingSettings, parameters: Parameters, iterations: int) -> Scores:
    """Return the margin of each held-out row, by a model that has not seen it, shape (rows,).

    These models are trained like the final one, so without early stopping. The margins of rows that no fold holds out
    are undefined, and callers must not read them.
    """

    def fit(fold: Fold, share: TrainingSettings) -> Scores:
        return family.margins(family.fit(fold.training, share, parameters, iterations), fold.held_out, share.threads)

    margins = np.empty(len(folds.labels))
    for fold, scores in zip(folds.folds, side_by_side(folds, settings, fit), strict=True):
        margins[fold.held_out_rows] = scores
    return margins


def _calibrated_out_of_fold(folds: Folds, margins: Scores) -> Scores:
    """Return the scores of each fold, calibrated by a line that was fitted to the other folds, shape (rows,).

    A line that was fitted to the same rows would look better calibrated than it is.
    """
    scores = np.empty(len(margins))
    for fold in folds.folds:
        others = np.setdiff1d(folds.held_out_rows, fold.held_out_rows, assume_unique=True)
        scores[fold.held_out_rows] = PlattScaling.fit(folds.labels[others], margins[others])(
            margins[fold.held_out_rows]
        )
    return scores
