"""Splits training rows into folds, to measure a model on rows that it has not seen: at random, or forward in time.

`search` compares parameters on the folds.
"""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from intent_platform.errors import TrainingRefused
from intent_platform.modelling import catboost_family as family
from intent_platform.modelling.metrics import Labels
from intent_platform.settings.training import TrainingSettings

if TYPE_CHECKING:
    from catboost import Pool

Days = npt.NDArray[np.datetime64]
_Rows = npt.NDArray[np.intp]
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Fold:
    """One split: the row numbers to train on and to measure on, and the same rows as quantized pools."""

    training_rows: _Rows
    held_out_rows: _Rows
    training: "Pool"
    held_out: "Pool"


@dataclass(frozen=True)
class Folds:
    """All rows and their folds, quantized once and shared by every fit.

    The borders of the quantization come from all rows, including held-out rows. This does not leak purchases into
    training, because the borders are quantiles of the features alone.
    """

    labels: Labels
    whole: "Pool"
    folds: tuple[Fold, ...]

    @classmethod
    def of(cls, matrix: npt.NDArray[np.float32], labels: Labels, days: Days, settings: TrainingSettings) -> "Folds":
        """Quantize the rows and split them.

        Args:
            matrix: the features, shape (rows, features).
            labels: 0 or 1, shape (rows,). Each class must have at least as many rows as there are folds.
            days: the day of each row, shape (rows,).
            settings: features, kind and number of folds, seed, threads.

        Raises:
            TrainingRefused: validation goes forward in time, and the days do not allow two folds.
        """
        whole = family.quantized(matrix, labels, settings)
        if settings.validation == "forward":
            splits = _forward(labels, days, settings.folds)
        else:
            splits = _stratified(labels, settings)
        return cls(
            labels,
            whole,
            tuple(
                Fold(training, held_out, whole.slice(training), whole.slice(held_out)) for training, held_out in splits
            ),
        )

    @property
    def held_out_rows(self) -> _Rows:
        """The rows that some fold holds out, in order: all rows, except the first days of a forward split."""
        return np.sort(np.concatenate([fold.held_out_rows for fold in self.folds]))


def side_by_side(
    folds: Folds, settings: TrainingSettings, fit: Callable[[Fold, TrainingSettings], _Result]
) -> Generator[_Result, None, None]:
    """Yield the result of `fit` for each fold, in order. Several folds are fitted at once and share the threads.

    A second thread hardly speeds up one fit of a few thousand rows, so the threads go to parallel fits first. Fits on
    a GPU run one after another. The next fits start when the caller has taken all results of the previous ones, so a
    caller that stops early saves their time.

    Args:
        folds: the folds to fit.
        settings: the threads to share, and whether the fits run on a GPU.
        fit: receives a fold, and the settings with the fit's share of the threads.
    """
    at_once = 1 if settings.task_type == "GPU" else min(settings.threads, len(folds.folds))
    share = settings.model_copy(update={"threads": settings.threads // at_once})
    with ThreadPoolExecutor(at_once) as executor:
        for start in range(0, len(folds.folds), at_once):
            yield from executor.map(lambda fold: fit(fold, share), folds.folds[start : start + at_once])


def _stratified(labels: Labels, settings: TrainingSettings) -> list[tuple[_Rows, _Rows]]:
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(settings.folds, shuffle=True, random_state=settings.seed)
    return list(splitter.split(np.empty(len(labels)), labels))


def _forward(labels: Labels, days: Days, folds: int) -> list[tuple[_Rows, _Rows]]:
    """Return the splits of forward chaining: a model of all earlier days is measured on each block of days.

    The method is that of Hyndman & Athanasopoulos, "Forecasting: Principles and Practice", section 5.10. The days are
    divided into `folds` + 1 blocks with about equally many purchases. The first block is only trained on. With few
    days there are fewer folds.

    Raises:
        TrainingRefused: there are fewer than two folds with both classes on each side.
    """
    _, day_of_row = np.unique(days, return_inverse=True)
    purchases = np.cumsum(np.bincount(day_of_row, weights=labels))
    # The purchases until the middle of a day decide its block, so a day is never divided.
    middle = purchases - np.bincount(day_of_row, weights=labels) / 2
    block_of_day = np.minimum((middle * (folds + 1) / purchases[-1]).astype(int), folds)
    blocks = [np.flatnonzero(block_of_day[day_of_row] == block) for block in np.unique(block_of_day)]
    # A model cannot learn from one class, and PR-AUC cannot be measured on one.
    splits = [
        (np.sort(np.concatenate(blocks[:number])), blocks[number])
        for number in range(1, len(blocks))
        if _has_both(labels[np.concatenate(blocks[:number])]) and _has_both(labels[blocks[number]])
    ]
    if len(splits) < 2:
        raise TrainingRefused(
            f"{len(purchases)} days do not make two folds forward in time that have purchases and other sessions: load "
            "more days, or set training.validation to stratified"
        )
    return splits


def _has_both(labels: Labels) -> bool:
    return bool(0 < labels.sum() < len(labels))
