"""`python -m bench.quality`: the quality of our model and of its peers. Writes tables of docs/quality.md.

The parts are the rolling protocol with peers, the features, and plain cross-validation. The results are stored, so an
interrupted run can be resumed and the page can be written again without new measurements.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from bench import features, plain
from bench.arguments import Arguments, read
from bench.document import fill
from bench.intervals import METRICS, Difference, Judged, difference, replicates
from bench.peers import installed, peers
from bench.rolling import Split, Splits, rolling_splits
from bench.runs import OURS, Runs
from bench.sessions import dataset_rows, fingerprint
from bench.tuning import Scored
from intent_platform.modelling.metrics import Scores
from intent_platform.settings.training import TrainingSettings

#: Ways to spread the sessions over the days of a month. They cost little, because models train on whole months.
_SPREADS = 10
#: Seeds of search and training. A result is the mean over the seeds, and each seed adds a full run.
_SEEDS = (0,)
_RESAMPLES = 500
_CONFIDENCE = 0.95
_RAW = "Brier, raw"
_Table = tuple[Sequence[str], list[Sequence[object]]]


@dataclass(frozen=True)
class Effort:
    """How much the benchmark measures. `splits` is the number of splits to use; None for all."""

    spreads: int
    seeds: tuple[int, ...]
    resamples: int
    splits: int | None
    training: TrainingSettings


@dataclass(frozen=True)
class Result:
    """The scores of one model for each split, each of shape (seeds, rows), and its total CPU seconds."""

    raw: tuple[Scores, ...]
    calibrated: tuple[Scores, ...]
    seconds: float


def effort_of(told: Arguments) -> Effort:
    """The full effort, or with --quick just enough to run all the code."""
    training = told.settings.training
    if told.quick:
        small = training.model_copy(update={"trials": 1, "folds": 2, "iterations": 10, "threads": 1})
        return Effort(spreads=2, seeds=(0,), resamples=20, splits=1, training=small)
    return Effort(_SPREADS, _SEEDS, _RESAMPLES, None, training)


def rolling(told: Arguments, rows: pa.Table, effort: Effort) -> None:
    """Measure our model and the peers month by month, on the product's test window and on the whole month."""
    found = rolling_splits(rows, told.settings, effort.spreads)
    splits = found.splits[: effort.splits]
    runs = Runs(told.store, fingerprint(rows))
    there, left_out = installed(peers(effort.training))
    results = {OURS: result_of([_ours(runs, split, effort) for split in splits])}
    for peer in there:
        print(f"{peer.name} …", flush=True)  # noqa: T201
        results[peer.name] = result_of(
            [
                [
                    runs.peer(peer, split.name, split.training, split.test, _seeded(effort.training, seed))
                    for seed in effort.seeds
                ]
                for split in splits
            ]
        )
    for name, whole in (("rolling", False), ("rolling-month", True)):
        fill(told.document, name, *_table(splits, results, effort, whole=whole))
    fill(told.document, "splits", *_splits_table(splits, results, effort))
    fill(told.document, "left-out", ("left out",), [(sentence,) for sentence in (*found.left_out, *left_out)])


def without_page_values(told: Arguments, rows: pa.Table, effort: Effort) -> None:
    """Measure our model month by month, with all features and without those that use PAGEVALUES."""
    splits = rolling_splits(rows, told.settings, effort.spreads).splits[: effort.splits]
    runs = Runs(told.store, fingerprint(rows))
    bare = replace(effort, training=features.without_page_values(effort.training))
    table = []
    for name, chosen in (("all features", effort), ("without page values", bare)):
        result = result_of([_ours(runs, split, chosen) for split in splits])
        for window, whole in (("first days", False), ("whole month", True)):
            measured = [replicates(_tested(splits, result.raw, whole=whole), metric, 0)[:, 0] for metric in METRICS]
            table.append((name, window, *(f"{values.mean():.4f}" for values in measured)))
    fill(told.document, "no-page-values", ("features", "tested on", *METRICS), table)


def result_of(scored: Sequence[Sequence[Scored]]) -> Result:
    """Combine the scores of every split and seed."""
    return Result(
        tuple(np.stack([one.raw for one in seeds]) for seeds in scored),
        tuple(np.stack([one.calibrated for one in seeds]) for seeds in scored),
        sum(one.seconds for seeds in scored for one in seeds),
    )


def _ours(runs: Runs, split: Split, effort: Effort) -> list[Scored]:
    return [runs.ours(split.name, split.training, split.test, _seeded(effort.training, seed)) for seed in effort.seeds]


def _seeded(training: TrainingSettings, seed: int) -> TrainingSettings:
    return training.model_copy(update={"seed": seed})


def _tested(splits: Sequence[Split], scores: Sequence[Scores], *, whole: bool) -> list[Judged]:
    return [
        Judged(
            split.name.split(" → ")[1],
            split.labels,
            np.ones((1, len(split.labels)), dtype=bool) if whole else split.first_days,
            of_split,
        )
        for split, of_split in zip(splits, scores, strict=True)
    ]


def _table(splits: Sequence[Split], results: Mapping[str, Result], effort: Effort, *, whole: bool) -> _Table:
    """A row for each model: its mean metrics, and our model minus it.

    The Brier score is given twice, for calibrated and for raw scores.
    """
    months = [split.name.split(" → ")[1] for split in splits]

    def measured(result: Result) -> dict[str, Scores]:
        raw = _tested(splits, result.raw, whole=whole)
        calibrated = _tested(splits, result.calibrated, whole=whole)
        found = {metric: replicates(raw, metric, effort.resamples) for metric in METRICS[:2]}
        found[METRICS[2]] = replicates(calibrated, METRICS[2], effort.resamples)
        return found | {_RAW: replicates(raw, METRICS[2], effort.resamples)}

    ours = measured(results[OURS])
    table: list[Sequence[object]] = []
    for name, result in results.items():
        theirs = ours if name == OURS else measured(result)
        means = (f"{theirs[metric][:, 0].mean():.4f}" for metric in (*METRICS, _RAW))
        against: tuple[str, ...] = ("", "", "", "")
        if name != OURS:
            apart = {metric: difference(ours[metric], theirs[metric], months, _CONFIDENCE) for metric in ours}
            against = (*(_rows(apart[metric]) for metric in METRICS), _months(apart[METRICS[0]]))
        table.append((name, *means, *against, f"{result.seconds:.0f}"))
    against_each = (f"ours − other: {metric}" for metric in METRICS)
    header = ("model", *METRICS, _RAW, *against_each, f"ours − other: {METRICS[0]} over months", "CPU seconds")
    return header, table


def _splits_table(splits: Sequence[Split], results: Mapping[str, Result], effort: Effort) -> _Table:
    """The PR-AUC of every model on the whole month of every split."""
    columns = {
        name: replicates(_tested(splits, result.raw, whole=True), METRICS[0], 0)[:, 0]
        for name, result in results.items()
    }
    table: list[Sequence[object]] = []
    for number, split in enumerate(splits):
        purchases = [int(split.labels[inside].sum()) for inside in split.first_days]
        counts = (split.training.num_rows, int(split.labels.sum()), f"{min(purchases)}–{max(purchases)}")
        table.append((split.name, *counts, *(f"{values[number]:.3f}" for values in columns.values())))
    days = f"in the first days, {effort.spreads} spreads"
    return ("trained on → tested on", "training sessions", "test purchases", days, *columns), table


def _rows(apart: Difference) -> str:
    return f"{apart.estimate:+.4f} [{apart.rows[0]:+.4f}, {apart.rows[1]:+.4f}]"


def _months(apart: Difference) -> str:
    return f"[{apart.months[0]:+.4f}, {apart.months[1]:+.4f}]"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the requested parts and write their tables."""
    told = read("quality", __doc__, ("rolling", "features", "plain"), arguments)
    rows = dataset_rows(told.settings)
    effort = effort_of(told)
    if "rolling" in told.parts:
        rolling(told, rows, effort)
        without_page_values(told, rows, effort)
    runs = Runs(told.store, fingerprint(rows))
    if "features" in told.parts:
        found: Splits = rolling_splits(rows, told.settings, 1)
        features.measure_features(told, runs, rows, found.splits[: effort.splits], effort.training, effort.seeds)
    if "plain" in told.parts:
        plain.measure_plain(told, runs, rows, effort.training, effort.seeds)


if __name__ == "__main__":
    main()
