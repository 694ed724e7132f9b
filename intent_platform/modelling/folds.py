"""How training rows are split to measure a model on rows it has not seen: at random, or forward in time.

Which parameters win on the folds is the business of `search`.
"""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from intent_platform.errors import TrainingRefused
from intent_platform.modelling.metrics import Labels
from intent_platform.settings.training import TrainingSettings

if TYPE_CHECKING:
    from catboost import Pool

Days = npt.NDArray[np.datetime64]
_Rows = npt.NDArray[np.intp]
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Fold:
    """Row numbers to train on and to be measured on, and the same rows as CatBoost pools."""

    training_rows: _Rows
    held_out_rows: _Rows
    training: "Pool"
    held_out: "Pool"


@dataclass(frozen=True)
class Folds:
    """All rows and their folds, quantized once and shared by every fit.

    The borders of the quantization come from all rows, those held out included: they are quantiles of the
    features and know nothing of the labels.
    """

    labels: Labels
    whole: "Pool"
    folds: tuple[Fold, ...]

    @classmethod
    def of(cls, matrix: npt.NDArray[np.float32], labels: Labels, days: Days, settings: TrainingSettings) -> "Folds":
        """Quantize and split. Each class must have at least as many rows as there are folds.

        Raises:
            TrainingRefused: validation goes forward in time, and the days do not allow two folds.
        """
        from catboost import Pool

        quantized = Pool(matrix, labels, feature_names=list(settings.features), thread_count=settings.threads)
        quantized.quantize(border_count=settings.border_count, random_seed=settings.seed)
        whole = quantized.slice(np.arange(len(labels)))  # unlike the pool, a slice of it does not hold on to the matrix
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
        """Every row that some fold holds out, in order: all of them, but for the first days of a forward split."""
        return np.sort(np.concatenate([fold.held_out_rows for fold in self.folds]))


def side_by_side(
    folds: Folds, settings: TrainingSettings, fit: Callable[[Fold, TrainingSettings], _Result]
) -> Generator[_Result, None, None]:
    """What `fit` makes of each fold, in order; several at once, which share the threads.

    A second thread hardly helps one fit of a few thousand rows, a second fit has it to itself. A GPU is not shared.
    No fit is begun before the results of those before it were taken, so that a trial can be given up.
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
    """Forward chaining: each block of days is held out from a model of all the days before it.

    The days are cut into `folds` + 1 blocks of about equally many purchases; the first is only trained on. Fewer days
    make fewer folds (Hyndman & Athanasopoulos, "Forecasting: Principles and Practice", section 5.10).
    """
    _, day_of_row = np.unique(days, return_inverse=True)
    purchases = np.cumsum(np.bincount(day_of_row, weights=labels))
    # The block of a day follows from the purchases until its middle, so that a day is never cut.
    middle = purchases - np.bincount(day_of_row, weights=labels) / 2
    block_of_day = np.minimum((middle * (folds + 1) / purchases[-1]).astype(int), folds)
    blocks = [np.flatnonzero(block_of_day[day_of_row] == block) for block in np.unique(block_of_day)]
    splits = [
        (np.sort(np.concatenate(blocks[:number])), blocks[number])
        for number in range(1, len(blocks))
        if _has_both(labels[np.concatenate(blocks[:number])]) and _has_both(labels[blocks[number]])
    ]
    if len(splits) < 2:
        raise TrainingRefused(
            f"{len(purchases)} days do not make two folds forward in time, each with purchases and others: load more "
            "days, or set training.validation to stratified"
        )
    return splits


def _has_both(labels: Labels) -> bool:
    return bool(0 < labels.sum() < len(labels))
