"""The search for hyperparameters: Optuna's TPE over shared folds, the same to the bit every time.

It ends with parameters and a number of trees. What is made of them is in `training`.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from math import sqrt
from typing import TYPE_CHECKING, Literal

import numpy as np

from intent_platform.errors import TrainingRefused
from intent_platform.modelling.folds import Fold, Folds, side_by_side
from intent_platform.settings.training import FloatRange, IntRange, TrainingSettings

if TYPE_CHECKING:
    import optuna
    from catboost import CatBoostClassifier

Parameters = Mapping[str, str | int | float | bool]

# Trials drawn at random before TPE models them: Optuna's default of 10 would make a search of 10 trials a purely
# random one.
_STARTUP_TRIALS = 4
# Folds that a trial is measured on before it can be given up: on one alone, chance decides.
_FOLDS_BEFORE_PRUNING = 2


@dataclass(frozen=True)
class Trial:
    """One point of the search. `value` is the mean PR-AUC over the folds; None when it was pruned before the last."""

    number: int
    parameters: Parameters
    value: float | None
    state: Literal["complete", "pruned"]
    seconds: float

    def as_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Search:
    """What was found: the searched `parameters` of the best trial, the `iterations` for them, and all trials."""

    parameters: Parameters
    iterations: int
    trials: tuple[Trial, ...]


def classifier(settings: TrainingSettings, parameters: Parameters, iterations: int) -> "CatBoostClassifier":
    """A silent, seeded classifier that writes no files.

    Raises:
        TrainingRefused: it is to run on a GPU, and there is none.
    """
    from catboost import CatBoostClassifier
    from catboost.utils import get_gpu_device_count

    if settings.task_type == "GPU" and get_gpu_device_count() == 0:
        raise TrainingRefused(
            "training.task_type is GPU, and CatBoost finds none on this machine: set it to CPU, or train on another one"
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


def search(folds: Folds, settings: TrainingSettings, report: Callable[[Trial], None] | None = None) -> Search:
    """The parameters with the best mean PR-AUC over the folds among `settings.trials` trials.

    With `settings.search_seconds`, no trial is begun after so many seconds; which of them are run then depends on the
    machine, and the result is no longer the same every time.

    The first trial is the middle of every range, a sensible default for the others to beat. A trial is pruned when it
    is behind the best so far on the folds that it has: folds differ more than parameters do, so that only the same
    folds compare (racing: Birattari et al. 2002). Trees are added until the log loss of the held-out rows stops
    falling; stopping by PR-AUC itself ends with a fraction of the trees and was lower out of fold, while the following
    month did not tell the two apart. `report` is called after each trial.
    """
    import optuna

    trials: list[Trial] = []
    best: tuple[Parameters, int] | None = None
    leading: Sequence[float] = ()
    began = time.perf_counter()
    with _silenced("optuna"):
        study = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(n_startup_trials=_STARTUP_TRIALS, seed=settings.seed),
        )
        study.enqueue_trial({name: middle(values) for name, values in settings.search_space.items()})
        for number in range(settings.trials):
            started = time.perf_counter()
            if number and settings.search_seconds is not None and started - began >= settings.search_seconds:
                break
            asked = study.ask()
            parameters = {name: _suggest(asked, name, values) for name, values in settings.search_space.items()}
            means, iterations = _cross_validate(folds, settings, parameters, leading)
            for step, mean in enumerate(means):
                asked.report(mean, step)
            complete = len(means) == len(folds.folds)
            value = means[-1] if complete else None
            study.tell(asked, value, state=None if complete else optuna.trial.TrialState.PRUNED)
            state: Literal["complete", "pruned"] = "complete" if complete else "pruned"
            trial = Trial(asked.number, parameters, value, state, time.perf_counter() - started)
            trials.append(trial)
            if report is not None:
                report(trial)
            if complete and (best is None or means[-1] > leading[-1]):
                best, leading = (parameters, iterations), means
    assert best is not None, "the first trial is never pruned"  # noqa: S101  for the type checker
    return Search(*best, tuple(trials))


def _cross_validate(
    folds: Folds, settings: TrainingSettings, parameters: Parameters, leading: Sequence[float]
) -> tuple[Sequence[float], int]:
    """The mean PR-AUC of the first fold, of the first two, …, until it is behind that of the `leading` trial.

    With it the mean of the folds' best numbers of trees.
    """
    from sklearn.metrics import average_precision_score

    def fit(fold: Fold, share: TrainingSettings) -> tuple[float, int]:
        model = classifier(share, parameters, settings.iterations)
        model.fit(fold.training, eval_set=fold.held_out, early_stopping_rounds=settings.patience, use_best_model=True)
        margins = model.predict(fold.held_out, prediction_type="RawFormulaVal", thread_count=share.threads)
        return float(average_precision_score(folds.labels[fold.held_out_rows], margins)), model.tree_count_

    scores: list[float] = []
    means: list[float] = []
    trees: list[int] = []
    with closing(side_by_side(folds, settings, fit)) as fitted:
        for score, count in fitted:
            scores.append(score)
            means.append(float(np.mean(scores)))
            trees.append(count)
            if leading and len(means) >= _FOLDS_BEFORE_PRUNING and means[-1] < leading[len(means) - 1]:
                break
    return means, max(1, round(float(np.mean(trees))))


def middle(values: IntRange | FloatRange) -> float | int:
    """The middle of a range, on its scale: where the search begins."""
    if isinstance(values, IntRange):
        return round(sqrt(values.low * values.high)) if values.log else (values.low + values.high) // 2
    return sqrt(values.low * values.high) if values.log else (values.low + values.high) / 2


def _suggest(trial: "optuna.Trial", name: str, values: IntRange | FloatRange) -> float | int:
    if isinstance(values, IntRange):
        return trial.suggest_int(name, values.low, values.high, log=values.log)
    return trial.suggest_float(name, values.low, values.high, log=values.log)


@contextmanager
def _silenced(name: str) -> Iterator[None]:
    """Keep a library's chatter out of the log for a while, and put its level back."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
