"""What each group of features contributes to PR-AUC, month by month and in cross-validation.

A group that the model uses is removed, and a group that it does not use is added. Every row of the table uses one fixed
CatBoost, the middle of the search space, because a search would add its own randomness to each row.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from bench.arguments import Arguments
from bench.document import fill
from bench.rolling import Split
from bench.runs import Runs
from bench.store import packages
from bench.tuning import labels_of
from intent_platform.modelling.catboost_family import classifier
from intent_platform.modelling.metrics import Scores
from intent_platform.modelling.model import feature_matrix
from intent_platform.modelling.search import middle
from intent_platform.settings.training import TrainingSettings

#: Groups of columns of DATASET that are removed or added together.
GROUPS: dict[str, tuple[str, ...]] = {
    "counts and durations": (
        *("ADMINISTRATIVE", "ADMINISTRATIVE_DURATION", "INFORMATIONAL", "INFORMATIONAL_DURATION"),
        *("PRODUCTRELATED", "PRODUCTRELATED_DURATION"),
    ),
    "rates": ("BOUNCERATES", "EXITRATES"),
    "page values": ("PAGEVALUES", "PAGEVALUE_PER_PAGE"),
    "page value per page": ("PAGEVALUE_PER_PAGE",),
    "special day": ("SPECIALDAY",),
    "visitor type": ("IS_RETURNING_VISITOR", "IS_NEW_VISITOR"),
    "browser": ("BROWSER",),
    "region": ("REGION",),
    "traffic type": ("TRAFFICTYPE",),
    "browser, region, weekend": ("BROWSER", "REGION", "WEEKEND"),
    "operating system": ("OPERATINGSYSTEMS",),
    "weekend": ("WEEKEND",),
    "seconds per page": (
        *("ADMINISTRATIVE_SECONDS_PER_PAGE", "INFORMATIONAL_SECONDS_PER_PAGE", "PRODUCTRELATED_SECONDS_PER_PAGE"),
    ),
    "bounce × exit": ("BOUNCE_TIMES_EXIT",),
}
_TREES = 150
_SEEDS = 4


def without_page_values(training: TrainingSettings) -> TrainingSettings:
    """The settings without the features that use PAGEVALUES."""
    dropped = GROUPS["page values"]
    return training.model_copy(update={"features": tuple(name for name in training.features if name not in dropped)})


def measure_features(
    told: Arguments,
    runs: Runs,
    rows: pa.Table,
    splits: Sequence[Split],
    training: TrainingSettings,
    seeds: Sequence[int],
) -> None:
    """Write the table: the change of PR-AUC in both protocols when a group is removed or added."""
    trees = training.iterations if told.quick else _TREES
    fits = 1 if told.quick else _SEEDS

    def measured(chosen: tuple[str, ...]) -> tuple[float, float]:
        depends_on = {
            "content": runs.content,
            "features": chosen,
            "splits": [split.name for split in splits],
            "fixed": _middle_of(training),
            "counts": [trees, fits, list(seeds), training.folds, training.border_count],
            "packages": packages("catboost", "scikit-learn"),
        }

        def compute() -> list[float]:
            return [
                _month_by_month(splits, chosen, training, trees, fits),
                _cross_validated(rows, chosen, training, trees, fits, seeds),
            ]

        month, folds = runs.store.get_or("features", depends_on, compute)
        return float(month), float(folds)

    reference = measured(training.features)
    table: list[Sequence[object]] = [("all default features", f"{reference[0]:.4f}", f"{reference[1]:.4f}")]
    for name, group in list(GROUPS.items())[-2 if told.quick else 0 :]:
        present = any(feature in training.features for feature in group)
        if present:
            chosen = tuple(feature for feature in training.features if feature not in group)
        else:
            chosen = (*training.features, *group)
        found = measured(chosen)
        changes = (f"{now - before:+.4f}" for now, before in zip(found, reference, strict=True))
        table.append((f"{'without' if present else 'with'} {name}", *changes))
    fill(told.document, "features", ("features", "PR-AUC, month by month", "PR-AUC, cross-validated"), table)


def _middle_of(training: TrainingSettings) -> dict[str, Any]:
    return {**training.fixed, **{name: middle(values) for name, values in training.search_space.items()}}


def _fitted(
    inputs: pa.Table, test: pa.Table, chosen: Sequence[str], training: TrainingSettings, trees: int, fits: int
) -> list[Scores]:
    """Margins of the test rows from `fits` models, each with another seed."""
    from catboost import Pool

    parameters = {name: middle(values) for name, values in training.search_space.items()}
    pool = Pool(feature_matrix([inputs[name] for name in chosen]), labels_of(inputs))
    pool.quantize(border_count=training.border_count)
    unseen = feature_matrix([test[name] for name in chosen])
    return [
        classifier(training.model_copy(update={"seed": seed}), parameters, trees)
        .fit(pool)
        .predict(unseen, prediction_type="RawFormulaVal")
        for seed in range(fits)
    ]


def _value(labels: Any, margins: Sequence[Scores]) -> float:
    from sklearn.metrics import average_precision_score

    return float(np.mean([average_precision_score(labels, scores) for scores in margins]))


def _month_by_month(
    splits: Sequence[Split], chosen: Sequence[str], training: TrainingSettings, trees: int, fits: int
) -> float:
    return float(
        np.mean(
            [
                _value(split.labels, _fitted(split.training, split.test, chosen, training, trees, fits))
                for split in splits
            ]
        )
    )


def _cross_validated(
    rows: pa.Table, chosen: Sequence[str], training: TrainingSettings, trees: int, fits: int, seeds: Sequence[int]
) -> float:
    from sklearn.model_selection import StratifiedKFold

    values = []
    for seed in seeds:
        splitter = StratifiedKFold(training.folds, shuffle=True, random_state=seed)
        for kept, held_out in splitter.split(np.empty(rows.num_rows), labels_of(rows)):
            test = rows.take(held_out)
            margins = _fitted(rows.take(kept), test, chosen, training, trees, fits)
            values.append(_value(labels_of(test), margins))
    return float(np.mean(values))
