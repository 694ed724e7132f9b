"""How closely simulated sessions match the UCI file. Writes docs/simulator.md between its markers.

The simulated rows are a sample of a whole year, with UCI's number of sessions in each month. Where more rows only add
precision, the sample is ten times as large. The models use the product's own features (`dataset.sql`) and training
(`modelling.training`).
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy.stats import ks_2samp
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from intent_platform.modelling.training import train
from intent_platform.partitions import Window
from intent_platform.pipeline.dataset import SELECT
from intent_platform.platforms.local.staging import Staging
from intent_platform.platforms.local.warehouse import DuckDBConnection
from intent_platform.sessions.simulated.feed import SimulatedFeed
from intent_platform.settings import load_settings
from intent_platform.settings.training import TrainingSettings
from intent_platform.tables import MONTH_NAMES, SESSION_COLUMNS, VISITOR_TYPES

REPORT = Path(__file__).parents[1] / "docs" / "simulator.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
YEAR = Window(date(2025, 1, 1), date(2026, 1, 1))
SESSIONS_PER_DAY = 400  # enough to give every month more sessions than in UCI
FOLDS = 5
SEED = 0

_CONTINUOUS = [column.name for column in SESSION_COLUMNS if column.type in ("INTEGER", "DOUBLE")][:9]
_CATEGORIES = [
    *("SPECIALDAY", "OPERATINGSYSTEMS", "BROWSER", "REGION", "TRAFFICTYPE", "VISITORTYPE", "WEEKEND", "REVENUE"),
]
_ATTRIBUTES = [*_CONTINUOUS, *_CATEGORIES]

Floats = npt.NDArray[np.float64]
Progress = Callable[[str], object]


def write_report(csv: str, progress: Progress = lambda text: sys.stderr.write(f"{text}\n")) -> None:
    """Measure everything and write the results into the document."""
    real = _real(csv)
    per_month = {str(month): int(n) for month, n in real.MONTH.value_counts().items()}
    simulated, many = _simulated(per_month), _simulated(per_month, times=10)
    lines = [
        *_marginals(real, many),
        *_correlations(real, many),
        *_conversions(real, many),
        *_two_samples(real, simulated),
        *_models(real, simulated, load_settings().training, progress),
    ]
    text = REPORT.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    REPORT.write_text("\n".join([before + BEGIN, "", *lines, "", END + after]), encoding="utf-8")
    progress("\n".join(lines))


def _real(csv: str) -> pd.DataFrame:
    rows = pd.read_csv(csv).rename(columns=str.upper)
    rows["UID"] = [str(number) for number in range(len(rows))]
    rows["SESSION_DATE"] = YEAR.start
    return rows


def _simulated(per_month: dict[str, int], times: int = 1) -> pd.DataFrame:
    """Simulated sessions, in each month `times` as many as UCI has."""
    feed = SimulatedFeed(SEED, SESSIONS_PER_DAY * times, YEAR.start, today=lambda: YEAR.end)
    with feed.deliver(YEAR) as batches:
        rows = pa.concat_tables([batch.rows for batch in batches]).to_pandas()
    parts = [rows[month == rows.MONTH].sample(n * times, random_state=SEED) for month, n in per_month.items()]
    together: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return together


def _marginals(real: pd.DataFrame, simulated: pd.DataFrame) -> Iterator[str]:
    yield "### Single columns"
    yield ""
    yield "KS is the largest distance between the two distribution functions."
    yield "TV is the total variation distance: half the sum of the absolute differences of the shares."
    yield ""
    yield "| column | distance | real mean | simulated mean |"
    yield "|---|---|---|---|"
    for name in _CONTINUOUS:
        distance = ks_2samp(real[name], simulated[name]).statistic
        yield f"| {name} | KS {distance:.3f} | {real[name].mean():.4g} | {simulated[name].mean():.4g} |"
    for name in _CATEGORIES:
        shares: list[Any] = [rows[name].value_counts(normalize=True) for rows in (real, simulated)]
        yield f"| {name} | TV {shares[0].subtract(shares[1], fill_value=0).abs().sum() / 2:.3f} | | |"


def _matrix(rows: pd.DataFrame) -> pd.DataFrame:
    coded = rows[_ATTRIBUTES].copy()
    coded["VISITORTYPE"] = coded.VISITORTYPE.map({name: at for at, name in enumerate(VISITOR_TYPES)})
    return coded.astype(float)


def _correlations(real: pd.DataFrame, simulated: pd.DataFrame) -> Iterator[str]:
    """Spearman's correlation, because durations and page values are skewed."""
    difference = (_matrix(real).corr("spearman") - _matrix(simulated).corr("spearman")).abs()
    upper: Any = difference.where(np.triu(np.ones(difference.shape, bool), 1)).stack()
    worst = upper.sort_values(ascending=False).head(3)
    yield ""
    yield "### Rank correlations"
    yield ""
    yield f"The mean absolute difference over {len(upper)} pairs of columns is {upper.mean():.3f}."
    yield (
        "The largest differences are "
        + ", ".join(f"{value:.3f} ({one} and {other})" for (one, other), value in worst.items())
        + "."
    )


def _conversions(real: pd.DataFrame, simulated: pd.DataFrame) -> Iterator[str]:
    yield ""
    yield "### Purchases"
    yield ""
    yield "| | sessions | real | simulated |"
    yield "|---|---|---|---|"
    yield f"| all | {len(real)} | {real.REVENUE.mean():.3f} | {simulated.REVENUE.mean():.3f} |"
    for column, values in (("MONTH", MONTH_NAMES), ("VISITORTYPE", VISITOR_TYPES), ("SPECIALDAY", (0, 0.2, 0.6, 1))):
        for value in values:
            ours, theirs = (rows[rows[column] == value].REVENUE for rows in (real, simulated))
            if len(ours) and len(theirs):
                yield f"| {column} {value} | {len(ours)} | {ours.mean():.3f} | {theirs.mean():.3f} |"


def _two_samples(real: pd.DataFrame, simulated: pd.DataFrame) -> Iterator[str]:
    """How well a classifier tells simulated from real rows. A ROC-AUC of 0.5 is chance."""
    both = pd.concat([_matrix(real), _matrix(simulated)])
    is_simulated = np.repeat([0, 1], [len(real), len(simulated)])
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    forest = HistGradientBoostingClassifier(random_state=SEED)
    found = []
    for columns in (_ATTRIBUTES, [name for name in _ATTRIBUTES if name not in ("BOUNCERATES", "EXITRATES")]):
        scores = cross_val_predict(forest, both[columns], is_simulated, cv=folds, method="predict_proba")[:, 1]
        found.append(roc_auc_score(is_simulated, scores))
    yield ""
    yield "### Simulated or real"
    yield ""
    yield (
        f"Gradient boosting tells simulated from real rows with a cross-validated ROC-AUC of {found[0]:.3f}, "
        "where 0.5 is chance."
    )
    yield f"Without the bounce and exit rates its ROC-AUC is {found[1]:.3f}."


def _models(
    real: pd.DataFrame, simulated: pd.DataFrame, settings: TrainingSettings, progress: Progress
) -> Iterator[str]:
    tables = {"real": _features(real), "simulated": _features(simulated)}
    yield ""
    yield "### Models"
    yield ""
    yield "Each cell has the PR-AUC, and the ROC-AUC in parentheses."
    yield "Within one kind of sessions, the model is measured on the pooled scores of 5-fold cross-validation."
    yield "Across kinds, it is trained on all sessions of one kind and tested on all of the other."
    yield ""
    yield "| trained on | tested on real | tested on simulated |"
    yield "|---|---|---|"
    for kind, rows in tables.items():
        cells = []
        for tested, others in tables.items():
            progress(f"training on {kind}, testing on {tested}")
            cells.append(_within(rows, settings) if tested == kind else _across(rows, others, settings))
        yield f"| {kind} | {cells[0]} | {cells[1]} |"


def _features(rows: pd.DataFrame) -> pa.Table:
    """The product's features, from its own SELECT."""
    columns = [column.name for column in SESSION_COLUMNS]
    with tempfile.TemporaryDirectory() as folder, closing(Staging(Path(folder) / "warehouse")) as staging:
        connection = DuckDBConnection(duckdb.connect(), staging)
        connection.stage("SOURCE", pa.Table.from_pandas(rows[columns], preserve_index=False))
        return connection.fetch(SELECT, start=YEAR.start, end=YEAR.end).sort_by("UID")


def _within(rows: pa.Table, settings: TrainingSettings) -> str:
    labels = rows["REVENUE"].to_numpy()
    scores = np.empty(len(labels))
    for training, held_out in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(labels, labels):
        model = train(rows.take(pa.array(training)), settings).model
        scores[held_out] = model.predict(rows.take(pa.array(held_out)))
    return _shown(labels, scores)


def _across(rows: pa.Table, others: pa.Table, settings: TrainingSettings) -> str:
    return _shown(others["REVENUE"].to_numpy(), train(rows, settings).model.predict(others))


def _shown(labels: Floats, scores: Floats) -> str:
    return f"{average_precision_score(labels, scores):.3f} ({roc_auc_score(labels, scores):.3f})"
