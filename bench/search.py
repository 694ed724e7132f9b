"""`python -m bench.search`: our search and the sandbox's on the same rows and folds. Writes a table of docs/quality.md.

The table has the seconds of each search, and the PR-AUC of its best parameters on the folds of the search and on fresh
folds.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.arguments import read
from bench.document import fill
from bench.sandbox import SANDBOX, kept_rows
from bench.sessions import dataset_rows
from bench.tuning import Budget, Peer, cross_validate, inputs_of, labels_of, tune
from intent_platform.modelling.catboost_family import classifier
from intent_platform.modelling.folds import Folds
from intent_platform.modelling.intervals import t_quantile
from intent_platform.modelling.metrics import Labels, Scores
from intent_platform.modelling.model import feature_matrix
from intent_platform.modelling.search import search
from intent_platform.settings.training import TrainingSettings

_T = TypeVar("_T")
_FRESH_SEEDS = (1, 2, 3)
#: Our search takes only seconds, so it runs this often and the median run counts.
_REPEATS = 3
_CONFIDENCE = 0.95
#: March to May: the training window of the challenger of June.
_WINDOW = (3, 5)


@dataclass(frozen=True)
class Searched:
    """The result of one search.

    Attributes:
        seconds: wall-clock seconds.
        cpu_seconds: CPU seconds of all threads.
        parameters: the best parameters.
        search_folds: mean PR-AUC of these parameters on the folds of the search.
        fresh_folds: PR-AUC on fresh folds, one value for each fold and seed.
    """

    seconds: float
    cpu_seconds: float
    parameters: dict[str, Any]
    search_folds: float
    fresh_folds: tuple[float, ...]


def ours(rows: pa.Table, training: TrainingSettings) -> Searched:
    """Run the product's search, including the quantization."""
    from sklearn.metrics import average_precision_score

    labels = labels_of(rows)

    def folds(seed: int) -> Folds:
        matrix = feature_matrix([rows[name] for name in training.features])
        days = rows["SESSION_DATE"].to_numpy()
        return Folds.of(matrix, labels, days, training.model_copy(update={"seed": seed}))

    timed = [_timed(lambda: search(folds(training.seed), training)) for _ in range(_REPEATS)]
    found, seconds, cpu = sorted(timed, key=lambda one: one[1])[_REPEATS // 2]

    def values(seed: int) -> list[float]:
        """PR-AUC of each fold, without early stopping: the search has found the number of trees."""
        scores = []
        for fold in folds(seed).folds:
            model = classifier(training, found.parameters, found.iterations).fit(fold.training)
            margins = model.predict(fold.held_out, prediction_type="RawFormulaVal")
            scores.append(average_precision_score(labels[fold.held_out_rows], margins))
        return scores

    return Searched(
        seconds,
        cpu,
        {**found.parameters, "iterations": found.iterations},
        float(np.mean(values(training.seed))),
        tuple(value for seed in _FRESH_SEEDS for value in values(seed)),
    )


def theirs(peer: Peer, rows: pa.Table, training: TrainingSettings) -> Searched:
    """Run the sandbox's search."""
    inputs, labels = inputs_of(rows, peer.columns or training.features), labels_of(rows)
    budget = Budget(training.trials, training.folds, training.threads, training.seed)
    best, seconds, cpu = _timed(lambda: tune(peer, inputs, labels, budget))
    fresh: list[float] = []
    for seed in _FRESH_SEEDS:
        scores = cross_validate(peer, inputs, labels, best.parameters, None, replace(budget, seed=seed)).out_of_fold
        fresh += _by_fold(labels, scores, training.folds, seed)
    return Searched(seconds, cpu, dict(best.parameters), best.value, tuple(fresh))


def _by_fold(labels: Labels, scores: Scores, folds: int, seed: int) -> list[float]:
    """PR-AUC of each stratified fold; `seed` determines the folds."""
    from sklearn.metrics import average_precision_score
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return [
        float(average_precision_score(labels[rows], scores[rows]))
        for _, rows in splitter.split(scores[:, None], labels)
    ]


def row_sets(rows: pa.Table) -> dict[str, pa.Table]:
    """Four fifths of all sessions, and four fifths of a three-month window: the sandbox trains on four fifths."""
    first, last = _WINDOW
    window = rows.filter(pc.and_(pc.greater_equal(rows["MONTH"], first), pc.less_equal(rows["MONTH"], last)))
    return {
        name: chosen.take(kept_rows(chosen.num_rows, seed=0))
        for name, chosen in (("all sessions", rows), ("a 3-month window", window))
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure both searches on both row sets and write the table."""
    told = read("search", __doc__, ("search",), arguments)
    training = told.settings.training
    if told.quick:
        training = training.model_copy(update={"trials": 1, "folds": 2, "iterations": 10})
    table = []
    results: dict[str, Any] = {}
    for name, rows in row_sets(dataset_rows(told.settings)).items():
        baseline, found = theirs(SANDBOX, rows, training), ours(rows, training)
        results[name] = {"sandbox": asdict(baseline), "ours": asdict(found)}
        label = f"{name}, {rows.num_rows:,} rows"
        apart = _difference(found.fresh_folds, baseline.fresh_folds, training.folds)
        table += [
            (label, "sandbox", *_cells(baseline), "", "", ""),
            (label, "ours", *_cells(found), apart, *_ratios(baseline, found)),
        ]
    told.store.put("search", results)
    header = (
        "rows",
        "search",
        "wall-clock seconds",
        "CPU seconds",
        "PR-AUC, search folds",
        "PR-AUC, fresh folds",
        "ours − sandbox",
        "wall-clock speedup",
        "CPU speedup",
    )
    fill(told.document, "search", header, table)


def _cells(searched: Searched) -> tuple[str, ...]:
    return (
        f"{searched.seconds:.1f}",
        f"{searched.cpu_seconds:.1f}",
        f"{searched.search_folds:.4f}",
        f"{np.mean(searched.fresh_folds):.4f}",
    )


def _difference(ours: Sequence[float], theirs: Sequence[float], folds: int) -> str:
    """The mean difference and its corrected resampled t-interval, since folds share rows (Nadeau & Bengio 2003)."""
    apart = np.array(ours) - np.array(theirs)
    spread = float(apart.std(ddof=1)) * np.sqrt(1 / len(apart) + 1 / (folds - 1))
    reach = t_quantile(_CONFIDENCE, len(apart) - 1) * spread
    return f"{apart.mean():+.4f} [{apart.mean() - reach:+.4f}, {apart.mean() + reach:+.4f}]"


def _ratios(baseline: Searched, found: Searched) -> tuple[str, str]:
    """How much faster our search is, by wall-clock and by CPU seconds."""
    return f"{baseline.seconds / found.seconds:.1f}×", f"{baseline.cpu_seconds / found.cpu_seconds:.1f}×"


def _timed(action: Callable[[], _T]) -> tuple[_T, float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = action()
    return result, time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    main()
