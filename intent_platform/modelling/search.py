"""The search for hyperparameters: Optuna's TPE over shared folds, reproducible to the bit.

It returns parameters and a number of trees. `training` trains the final model with them.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Literal

import numpy as np

from intent_platform.loggers import quiet_loggers
from intent_platform.modelling import catboost_family as family
from intent_platform.modelling.catboost_family import Parameters
from intent_platform.modelling.folds import Fold, Folds, side_by_side
from intent_platform.settings.training import FloatRange, IntRange, TrainingSettings

if TYPE_CHECKING:
    import optuna

# Random trials before TPE models the results. With Optuna's default of 10, all 10 trials of a search would be random.
_STARTUP_TRIALS = 4
# Folds that every trial completes before it may be pruned, because chance decides on a single fold.
_FOLDS_BEFORE_PRUNING = 2


@dataclass(frozen=True)
class Trial:
    """One point of the search.

    `value` is the mean PR-AUC over the folds; None if the trial was pruned. `seconds` is the trial's wall-clock time.
    """

    number: int
    parameters: Parameters
    value: float | None
    state: Literal["complete", "pruned"]
    seconds: float


@dataclass(frozen=True)
class Search:
    """The result of a search: `parameters` and number of trees (`iterations`) of the best trial, and all trials."""

    parameters: Parameters
    iterations: int
    trials: tuple[Trial, ...]


def search(folds: Folds, settings: TrainingSettings, report: Callable[[Trial], None] | None = None) -> Search:
    """Return the parameters with the best mean PR-AUC over the folds, from `settings.trials` trials.

    The first trial uses the middle of every range, a sensible default for the others to beat. `report` is called after
    each trial.

    A trial is pruned when it falls behind the best trial on the folds that it has completed. Folds differ more than
    parameters do, so only results of the same folds are compared (racing: Birattari et al. 2002).

    A fit adds trees until the log loss of the held-out rows stops falling. Stopping by PR-AUC gave a fraction of the
    trees and a lower PR-AUC out of fold. On the following month, the two could not be told apart.

    With `settings.search_seconds`, no trial starts after that many seconds. The number of trials then depends on the
    machine, so the result is not reproducible.
    """
    import optuna

    trials: list[Trial] = []
    best: tuple[Parameters, int] | None = None
    best_means: Sequence[float] = ()
    search_started = time.perf_counter()
    with quiet_loggers("optuna"):
        study = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(n_startup_trials=_STARTUP_TRIALS, seed=settings.seed),
        )
        study.enqueue_trial({name: middle(values) for name, values in settings.search_space.items()})
        for number in range(settings.trials):
            started = time.perf_counter()
            if number and settings.search_seconds is not None and started - search_started >= settings.search_seconds:
                break
            optuna_trial = study.ask()
            parameters = {name: _suggest(optuna_trial, name, values) for name, values in settings.search_space.items()}
            means, iterations = _cross_validate(folds, settings, parameters, best_means)
            for step, mean in enumerate(means):
                optuna_trial.report(mean, step)
            complete = len(means) == len(folds.folds)
            value = means[-1] if complete else None
            study.tell(optuna_trial, value, state=None if complete else optuna.trial.TrialState.PRUNED)
            state: Literal["complete", "pruned"] = "complete" if complete else "pruned"
            trial = Trial(optuna_trial.number, parameters, value, state, time.perf_counter() - started)
            trials.append(trial)
            if report is not None:
                report(trial)
            if complete and (best is None or means[-1] > best_means[-1]):
                best, best_means = (parameters, iterations), means
    assert best is not None, "the first trial is never pruned"  # noqa: S101  for the type checker
    return Search(*best, tuple(trials))


def _cross_validate(
    folds: Folds, settings: TrainingSettings, parameters: Parameters, best_means: Sequence[float]
) -> tuple[Sequence[float], int]:
    """Return the running means of the folds' PR-AUC, and the mean of the folds' best numbers of trees.

    The running means are those of the first fold, of the first two folds, and so on. They end early when they fall
    behind `best_means`, the running means of the best trial.
    """
    from sklearn.metrics import average_precision_score

    def fit(fold: Fold, share: TrainingSettings) -> tuple[float, int]:
        model = family.fit_until_no_gain(fold.training, fold.held_out, share, parameters)
        margins = family.margins(model, fold.held_out, share.threads)
        return float(average_precision_score(folds.labels[fold.held_out_rows], margins)), family.trees_of(model)

    scores: list[float] = []
    means: list[float] = []
    trees: list[int] = []
    # After a break, closing the generator keeps the remaining fits from starting.
    with closing(side_by_side(folds, settings, fit)) as results:
        for score, count in results:
            scores.append(score)
            means.append(float(np.mean(scores)))
            trees.append(count)
            if best_means and len(means) >= _FOLDS_BEFORE_PRUNING and means[-1] < best_means[len(means) - 1]:
                break
    return means, max(1, round(float(np.mean(trees))))


def middle(values: IntRange | FloatRange) -> float | int:
    """Return the middle of a range, on its linear or logarithmic scale. The search begins there."""
    if isinstance(values, IntRange):
        return round(sqrt(values.low * values.high)) if values.log else (values.low + values.high) // 2
    return sqrt(values.low * values.high) if values.log else (values.low + values.high) / 2


def _suggest(trial: "optuna.Trial", name: str, values: IntRange | FloatRange) -> float | int:
    if isinstance(values, IntRange):
        return trial.suggest_int(name, values.low, values.high, log=values.log)
    return trial.suggest_float(name, values.low, values.high, log=values.log)
