"""Plain stratified cross-validation over all sessions with the month as a feature, to compare with published results.

Nested: ours is searched for and calibrated within each training part. Not how the product is used: see `rolling`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from bench import features
from bench.arguments import Arguments
from bench.document import fill
from bench.runs import Runs
from bench.tuning import labels_of
from intent_platform.modelling.metrics import Scores, measure
from intent_platform.modelling.model import feature_matrix
from intent_platform.settings import TrainingSettings

if TYPE_CHECKING:
    import numpy.typing as npt

_FOLDS = 5
_MONTH = "MONTH"


def measure_plain(
    told: Arguments, runs: Runs, rows: pa.Table, training: TrainingSettings, seeds: Sequence[int]
) -> None:
    """Ours with and without page values, CatBoost's defaults as an anchor, and the answer "no"."""
    table = []
    variants = (("ours", training), ("ours, without page values", features.without_page_values(training)))
    for name, chosen in variants:
        with_month = chosen.model_copy(update={"features": (*chosen.features, _MONTH)})
        table.append((name, *_means([_ours(runs, rows, with_month, seed) for seed in seeds], rows, seeds)))
    if not told.quick:
        columns = (*training.features, _MONTH)
        table.append(
            ("CatBoost, its defaults", *_means([_defaults(rows, columns, seed) for seed in seeds], rows, seeds))
        )
    nobody = np.zeros(rows.num_rows)
    table.append(("always no", "", "", f"{measure(labels_of(rows), nobody).accuracy:.4f}", ""))
    fill(told.document, "plain", ("model", "PR-AUC", "ROC-AUC", "accuracy", "Brier"), table)


def _means(scores: Sequence[Scores], rows: pa.Table, seeds: Sequence[int]) -> tuple[str, ...]:
    """The mean over folds and seeds, each fold measured by itself."""
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


def _ours(runs: Runs, rows: pa.Table, training: TrainingSettings, seed: int) -> Scores:
    scores = np.empty(rows.num_rows)
    for number, (kept, held_out) in enumerate(_splits(rows, seed)):
        seeded = training.model_copy(update={"seed": seed})
        name = f"plain {seed} {number} of {_FOLDS}"
        scores[held_out] = runs.ours(name, rows.take(kept), rows.take(held_out), seeded).raw
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
