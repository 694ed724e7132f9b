"""Plain stratified cross-validation over all sessions, with the month as a feature, to compare with published results.

The cross-validation is nested: search and calibration see only the training part. `rolling` measures the models as the
product uses them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from bench import features
from bench.arguments import Arguments
from bench.document import fill
from bench.intervals import Judged, difference, replicates
from bench.peers import installed, peers
from bench.runs import OURS, Runs
from bench.tuning import Peer, labels_of
from intent_platform.modelling.metrics import Scores, measure
from intent_platform.modelling.model import feature_matrix
from intent_platform.settings.training import TrainingSettings

if TYPE_CHECKING:
    import numpy.typing as npt

#: The peers whose search over all sessions takes only minutes.
_PEERS = ("LightGBM", "XGBoost")
_FOLDS = 5
_MONTH = "MONTH"
_RESAMPLES = 500
_CONFIDENCE = 0.95
_COMPARED = ("PR-AUC", "ROC-AUC")


def measure_plain(
    told: Arguments, runs: Runs, rows: pa.Table, training: TrainingSettings, seeds: Sequence[int]
) -> None:
    """Write the table: our model with and without page values, the peers and two reference models.

    The reference models are CatBoost with default settings and the constant prediction "no purchase".
    """
    with_month = training.model_copy(update={"features": (*training.features, _MONTH)})
    bare = features.without_page_values(with_month)
    found = {OURS: [_ours(runs, rows, with_month, seed) for seed in seeds]}
    for peer in (peer for peer in installed(peers(training))[0] if peer.name in _PEERS):
        found[peer.name] = [_peer(runs, rows, peer, with_month, seed) for seed in seeds]
    if not told.quick:
        found["CatBoost, default settings"] = [_defaults(rows, with_month.features, seed) for seed in seeds]
    found["ours, without page values"] = [_ours(runs, rows, bare, seed) for seed in seeds]
    ours = _replicates(found[OURS], rows, seeds, 2 if told.quick else _RESAMPLES)
    table = []
    for name, scores in found.items():
        theirs = ours if name == OURS else _replicates(scores, rows, seeds, len(ours[0][0]) - 1)
        table.append(
            (name, *_means(scores, rows, seeds), *([""] * len(_COMPARED) if name == OURS else _apart(ours, theirs)))
        )
    nobody = measure(labels_of(rows), np.zeros(rows.num_rows))
    table.append(('always "no purchase"', "", "", f"{nobody.accuracy:.4f}", *[""] * (1 + len(_COMPARED))))
    against_each = (f"ours − other: {metric}" for metric in _COMPARED)
    fill(told.document, "plain", ("model", *_COMPARED, "accuracy", "Brier", *against_each), table)


def _means(scores: Sequence[Scores], rows: pa.Table, seeds: Sequence[int]) -> tuple[str, ...]:
    """The mean of each metric over folds and seeds; each fold is measured separately."""
    labels = labels_of(rows)
    found = [
        measure(labels[held_out], values[held_out])
        for values, seed in zip(scores, seeds, strict=True)
        for _, held_out in _splits(rows, seed)
    ]
    return tuple(
        f"{np.mean([getattr(metrics, name) for metrics in found]):.4f}"
        for name in ("pr_auc", "roc_auc", "accuracy", "brier")
    )


def _replicates(scores: Sequence[Scores], rows: pa.Table, seeds: Sequence[int], resamples: int) -> list[Scores]:
    """The mean over the folds of each compared metric, shape (seeds, 1 + resamples).

    The first column is measured on the original sessions, and each other column on one resample.
    """
    judged = [
        Judged(
            _MONTH,
            labels_of(rows),
            np.stack([np.isin(np.arange(rows.num_rows), held_out) for _, held_out in _splits(rows, seed)]),
            values[None, :],
        )
        for values, seed in zip(scores, seeds, strict=True)
    ]
    return [replicates(judged, metric, resamples) for metric in _COMPARED]


def _apart(ours: Sequence[Scores], theirs: Sequence[Scores]) -> list[str]:
    """Our model minus the other one in each compared metric, with a paired bootstrap interval of the sessions."""
    cells = []
    for one, other in zip(ours, theirs, strict=True):
        apart = difference(one, other, [_MONTH] * len(one), _CONFIDENCE)
        cells.append(f"{apart.estimate:+.4f} [{apart.rows[0]:+.4f}, {apart.rows[1]:+.4f}]")
    return cells


def _ours(runs: Runs, rows: pa.Table, training: TrainingSettings, seed: int) -> Scores:
    scores = np.empty(rows.num_rows)
    for number, (kept, held_out) in enumerate(_splits(rows, seed)):
        seeded = training.model_copy(update={"seed": seed})
        name = f"plain {seed} {number} of {_FOLDS}"
        scores[held_out] = runs.ours(name, rows.take(kept), rows.take(held_out), seeded).raw
    return scores


def _peer(runs: Runs, rows: pa.Table, peer: Peer, training: TrainingSettings, seed: int) -> Scores:
    scores = np.empty(rows.num_rows)
    for number, (kept, held_out) in enumerate(_splits(rows, seed)):
        seeded = training.model_copy(update={"seed": seed})
        name = f"plain {seed} {number} of {_FOLDS}"
        scores[held_out] = runs.peer(peer, name, rows.take(kept), rows.take(held_out), seeded).calibrated
    return scores


def _defaults(rows: pa.Table, columns: Sequence[str], seed: int) -> Scores:
    from catboost import CatBoostClassifier

    matrix, labels, scores = feature_matrix([rows[name] for name in columns]), labels_of(rows), np.empty(rows.num_rows)
    for kept, held_out in _splits(rows, seed):
        model = CatBoostClassifier(random_seed=seed, thread_count=2, allow_writing_files=False, logging_level="Silent")
        scores[held_out] = model.fit(matrix[kept], labels[kept]).predict_proba(matrix[held_out])[:, 1]
    return scores


def _splits(rows: pa.Table, seed: int) -> "list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]":
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    return list(splitter.split(np.empty(rows.num_rows), labels_of(rows)))
