"""Tunes a peer, calibrates it and scores with it, with the same number of trials and folds and the same seeds as ours.

`peers` and `sandbox` define the peers.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intent_platform.modelling.calibration import PlattScaling
from intent_platform.modelling.metrics import Labels, Scores

if TYPE_CHECKING:
    import optuna
    import pandas as pd

Parameters = Mapping[str, Any]
Fit = Callable[["Job"], tuple[Any, int | None]]

# Probabilities are kept this far from 0 and 1, because forests often return 0 and 1, whose log-odds are infinite.
_CLIP = 1e-3


@dataclass(frozen=True)
class Budget:
    """The trials, folds, threads and seed of a search."""

    trials: int
    folds: int
    threads: int
    seed: int


@dataclass(frozen=True)
class Job:
    """One fit. With `held_out`, early stopping by its log loss sets the number of trees, otherwise `trees` does."""

    inputs: "pd.DataFrame"
    labels: Labels
    parameters: Parameters
    seed: int
    threads: int
    held_out: tuple["pd.DataFrame", Labels] | None = None
    trees: int | None = None


@dataclass(frozen=True)
class Peer:
    """A model that ours is compared with.

    Attributes:
        name: as the tables show it.
        columns: the input columns, or None for the features of our model.
        fit: fits the model and returns it with its number of trees, or with None if it has no early stopping.
        suggest: draws one point of the search space.
        first: the point of the first trial, or None for a random one.
        startup: the number of random trials before TPE models them.
        kept: draws the row numbers to train on from a number of rows and a seed, or None for all rows.
    """

    name: str
    fit: Fit
    suggest: Callable[["optuna.Trial"], Parameters]
    columns: tuple[str, ...] | None = None
    first: Parameters | None = None
    startup: int = 4
    kept: Callable[[int, int], npt.NDArray[np.intp]] | None = None


@dataclass(frozen=True)
class Tuned:
    """The parameters and trees of one trial, their mean PR-AUC over the folds, and the scores of held-out rows."""

    parameters: Parameters
    trees: int | None
    value: float
    out_of_fold: Scores


@dataclass(frozen=True)
class Scored:
    """Probabilities for the test rows, raw and after Platt scaling, and the CPU seconds to get them."""

    raw: Scores
    calibrated: Scores
    seconds: float


def inputs_of(rows: pa.Table, columns: tuple[str, ...]) -> "pd.DataFrame":
    """The columns as a data frame, which all these libraries accept."""
    frame: pd.DataFrame = rows.select(columns).to_pandas()
    return frame


def labels_of(rows: pa.Table) -> Labels:
    """The labels: 1 for a purchase, otherwise 0."""
    return np.asarray(rows["REVENUE"].to_numpy(), dtype=np.int64)


def tune(peer: Peer, inputs: "pd.DataFrame", labels: Labels, budget: Budget) -> Tuned:
    """Find the parameters with the best mean PR-AUC over stratified folds. No trial is pruned."""
    import optuna

    logging.getLogger("optuna").setLevel(logging.WARNING)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=budget.seed, n_startup_trials=peer.startup)
    )
    if peer.first is not None:
        study.enqueue_trial(dict(peer.first))
    best: Tuned | None = None
    for _ in range(budget.trials):
        trial = study.ask()
        found = cross_validate(peer, inputs, labels, peer.suggest(trial), None, budget)
        study.tell(trial, found.value)
        if best is None or found.value > best.value:
            best = found
    assert best is not None, "there is a trial"  # noqa: S101  for the type checker
    return best


def cross_validate(
    peer: Peer, inputs: "pd.DataFrame", labels: Labels, parameters: Parameters, trees: int | None, budget: Budget
) -> Tuned:
    """Measure parameters by their mean PR-AUC over stratified folds. With `trees`, there is no early stopping."""
    from sklearn.metrics import average_precision_score
    from sklearn.model_selection import StratifiedKFold

    scores, counts, out_of_fold = [], [], np.empty(len(labels))
    splitter = StratifiedKFold(budget.folds, shuffle=True, random_state=budget.seed)
    for training, held_out in splitter.split(inputs, labels):
        unseen = inputs.iloc[held_out]
        job = Job(
            inputs.iloc[training],
            labels[training],
            parameters,
            budget.seed,
            budget.threads,
            held_out=(unseen, labels[held_out]) if trees is None else None,
            trees=trees,
        )
        model, count = peer.fit(job)
        out_of_fold[held_out] = model.predict_proba(unseen)[:, 1]
        scores.append(average_precision_score(labels[held_out], out_of_fold[held_out]))
        counts.append(count)
    known = [count for count in counts if count is not None]
    return Tuned(
        parameters, max(1, round(float(np.mean(known)))) if known else None, float(np.mean(scores)), out_of_fold
    )


def score(peer: Peer, training: pa.Table, test: pa.Table, features: tuple[str, ...], budget: Budget) -> Scored:
    """Search on the training rows, refit on them, and score the test rows.

    The calibration is the product's: Platt scaling of the log-odds of the rows held out in the search.
    """
    started = time.process_time()
    columns = peer.columns or features
    if peer.kept is not None:
        training = training.take(peer.kept(training.num_rows, budget.seed))
    inputs, labels = inputs_of(training, columns), labels_of(training)
    best = tune(peer, inputs, labels, budget)
    model, _ = peer.fit(Job(inputs, labels, best.parameters, budget.seed, budget.threads, trees=best.trees))
    raw = np.asarray(model.predict_proba(inputs_of(test, columns))[:, 1], dtype=np.float64)
    calibrated = PlattScaling.fit(labels, _log_odds(best.out_of_fold))(_log_odds(raw))
    return Scored(raw, calibrated, time.process_time() - started)


def _log_odds(probabilities: Scores) -> Scores:
    clipped = np.clip(probabilities, _CLIP, 1 - _CLIP)
    return np.asarray(np.log(clipped / (1 - clipped)), dtype=np.float64)
