"""Training a challenger: rows in, a calibrated model and an honest account of it out.

The search itself is in `search`. Which rows, and where the model goes, is for the caller to say.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from intent_platform.errors import TrainingRefused
from intent_platform.modelling.calibration import PlattScaling
from intent_platform.modelling.drift import Profile, profile_of
from intent_platform.modelling.folds import Fold, Folds, side_by_side
from intent_platform.modelling.metrics import Labels, Metrics, Scores, measure
from intent_platform.modelling.model import IntentModel, feature_matrix
from intent_platform.modelling.search import Parameters, Trial, classifier, search
from intent_platform.settings.training import TrainingSettings

if TYPE_CHECKING:
    from catboost import CatBoostClassifier

SCORE = "SCORE"  # among the profiles
_TARGET = "REVENUE"
_DAY = "SESSION_DATE"
_KEY = [("UID", "ascending"), (_DAY, "ascending")]


@dataclass(frozen=True)
class TrainedModel:
    """What one training gave.

    Attributes:
        model: trained on all rows, calibrated.
        parameters: the CatBoost parameters it was trained with, fixed and found, without its number of trees.
        iterations: its number of trees.
        metrics: of calibrated out-of-fold scores: a row is scored by a model, and calibrated by a line, that have
            not seen it. Parameters and number of trees were chosen on the same folds, which flatters a little.
        trials: the search, in order.
        sessions, positives: rows trained on, and purchases among them.
        profiles: how each feature was spread among these rows, and the calibrated out-of-fold scores (`SCORE`).
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
    """Search, refit on all rows, calibrate.

    The same rows, settings and CatBoost give the same model to the bit on one machine, file included; in which
    order an engine returned the rows does not matter.

    Args:
        rows: columns UID, SESSION_DATE, REVENUE (0 or 1) and `settings.features`.
        settings: features, search space, folds, seeds, threads.
        report: called after each trial of the search.

    Raises:
        TrainingRefused: the rows cannot carry a model, or the machine cannot train as asked; the text gives the
            counts, the caller knows the window.
    """
    order = pc.sort_indices(rows, sort_keys=_KEY).to_numpy()
    labels: Labels = rows.column(_TARGET).to_numpy()[order].astype(np.int64)
    days = rows.column(_DAY).to_numpy()[order]
    _refuse_too_little(labels, settings)
    profiles = {name: profile_of(rows.column(name).to_numpy().astype(np.float64)) for name in settings.features}
    matrix = feature_matrix([rows.column(name) for name in settings.features], order)
    if not np.ptp(matrix, axis=0).any():
        raise TrainingRefused(
            f"all {len(labels)} sessions have the same features, so there is nothing to learn: check DATASET"
        )
    folds = Folds.of(matrix, labels, days, settings)
    del matrix  # quantized by now: a quarter of it
    found = search(folds, settings, report)
    margins = _out_of_fold_margins(folds, settings, found.parameters, found.iterations)
    model = classifier(settings, found.parameters, found.iterations).fit(folds.whole)
    held_out = folds.held_out_rows
    _calibrate(model, PlattScaling.fit(labels[held_out], margins[held_out]))
    _forget_when(model)
    scores = _calibrated_out_of_fold(folds, margins)[held_out]
    return TrainedModel(
        model=IntentModel(model, settings.features),
        parameters={**settings.fixed, "border_count": settings.border_count, **found.parameters},
        iterations=found.iterations,
        metrics=measure(labels[held_out], scores),
        trials=found.trials,
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
            f"{positives} of {sessions} sessions are purchases, at least {needed} are needed: "
            "load more days, or lengthen training.months"
        )
    if sessions - positives < settings.folds:
        raise TrainingRefused(
            f"{positives} of {sessions} sessions are purchases, which leaves nothing to tell them from: "
            "check REVENUE in the source"
        )


def _out_of_fold_margins(folds: Folds, settings: TrainingSettings, parameters: Parameters, iterations: int) -> Scores:
    """The margin of each row held out, by a model that has not seen it, trained just as the final one.

    Without early stopping, that is. Rows that no fold holds out have no margin, and are not looked at.
    """

    def fit(fold: Fold, share: TrainingSettings) -> Scores:
        model = classifier(share, parameters, iterations).fit(fold.training)
        return np.asarray(
            model.predict(fold.held_out, prediction_type="RawFormulaVal", thread_count=share.threads), dtype=np.float64
        )

    margins = np.empty(len(folds.labels))
    for fold, scores in zip(folds.folds, side_by_side(folds, settings, fit), strict=True):
        margins[fold.held_out_rows] = scores
    return margins


def _calibrated_out_of_fold(folds: Folds, margins: Scores) -> Scores:
    """Each fold calibrated by the line of the other folds: a line is not measured on the rows it was fitted to."""
    scores = np.empty(len(margins))
    for fold in folds.folds:
        others = np.setdiff1d(folds.held_out_rows, fold.held_out_rows, assume_unique=True)
        scores[fold.held_out_rows] = PlattScaling.fit(folds.labels[others], margins[others])(
            margins[fold.held_out_rows]
        )
    return scores


def _calibrate(model: "CatBoostClassifier", platt: PlattScaling) -> None:
    """Put the line inside the model, where it is saved with it and `predict_proba` applies it on any platform."""
    scale, bias = model.get_scale_and_bias()
    model.set_scale_and_bias(platt.slope * scale, platt.slope * bias + platt.intercept)


def _forget_when(model: "CatBoostClassifier") -> None:
    """Drop the random identity and the clock time that CatBoost notes, so that equal models are equal files."""
    metadata = model.get_metadata()
    for name in ("model_guid", "train_finish_time"):
        metadata[name] = ""
