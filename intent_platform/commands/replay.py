"""`make replay`: promotion policies played over the months of DATASET, so that a team can choose its own.

Reads the warehouse and the registry, and changes neither: a month without a challenger gets one in memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from intent_platform.errors import FeedError, TrainingRefused
from intent_platform.modelling.head_to_head import Contender
from intent_platform.modelling.metrics import Metrics
from intent_platform.modelling.model import IntentModel
from intent_platform.modelling.replay import Course, History, play, policies
from intent_platform.modelling.training import train
from intent_platform.partitions import Window, add_months, day_of, month_keys, month_window, training_window
from intent_platform.pipeline.training import training_rows
from intent_platform.platforms import platform_for
from intent_platform.platforms.loading import in_window
from intent_platform.platforms.ports import Platform, challenger_of
from intent_platform.settings import Settings, load_settings
from intent_platform.tables import DATASET

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PLOT = "replay.png"
_COLOURS = {"evidence": "#1f4e79", "greater": "#d97706", "always": "#6b21a8", "never": "#9ca3af"}


@dataclass(frozen=True)
class _Challenger:
    name: str
    training_window: Window
    out_of_fold: Metrics
    model: IntentModel


def replay() -> None:
    """Play every policy, print what each delivered, and write the plot into the home.

    Raises:
        FeedError: DATASET is empty, or no month of it carries a challenger.
    """
    settings, console = load_settings(), Console()
    platform = platform_for(settings)
    months = [day_of(key) for key in month_keys(_extent(platform))]
    challengers: dict[date, _Challenger] = {}
    for month in track(months, "challengers", console=console, transient=True):
        challenger = _challenger(platform, settings, month)
        if challenger is not None:
            challengers[month] = challenger
    history = _history(platform, months, challengers)
    courses = [
        play(history, months, name, policy, settings.evaluation.days, settings.gate)
        for name, policy in policies(settings.gate).items()
    ]
    if not any(course.service_months for course in courses):
        raise FeedError("no month has a challenger and purchases after it: load more months with `make demo`")
    console.print(_summary(courses))
    console.print(_by_month(courses))
    path = settings.home / _PLOT
    _figure(courses).savefig(path)
    console.print(
        f"Plot: {path}\nThe policy in force is the setting gate.policy: {settings.gate.policy}.", soft_wrap=True
    )


def _extent(platform: Platform) -> Window:
    """The whole months that DATASET reaches over."""
    with platform.warehouse.connect() as connection:
        row = connection.fetch("SELECT MIN(SESSION_DATE) AS FIRST_DAY, MAX(SESSION_DATE) AS LAST_DAY FROM DATASET")
    first, last = row["FIRST_DAY"][0].as_py(), row["LAST_DAY"][0].as_py()
    if first is None:
        raise FeedError("DATASET is empty: load sessions with `make demo` first")
    return Window(add_months(first, 0), add_months(last, 1))


def _challenger(platform: Platform, settings: Settings, month: date) -> _Challenger | None:
    """The month's version in the registry; else one trained here, if there is enough to train on."""
    version = challenger_of(platform.registry.versions(), month)
    if version is not None:
        provenance = version.provenance
        model = platform.registry.load(version)
        return _Challenger(version.name, provenance.training_window, Metrics.from_dict(provenance.metrics), model)
    window = training_window(month.isoformat(), settings.training.months)
    with platform.warehouse.connect() as connection:
        rows = training_rows(connection, window, settings.training)
    try:
        training = train(rows, settings.training)
    except TrainingRefused:
        return None
    return _Challenger(f"{month:%Y-%m} (in memory)", window, training.metrics, training.model)


def _history(platform: Platform, months: Sequence[date], challengers: Mapping[date, _Challenger]) -> History:
    """Every version's scores of all sessions; features are held for one month at a time, scores for all."""
    features = sorted({feature for challenger in challengers.values() for feature in challenger.model.features})
    columns = ("REVENUE", "SESSION_DATE", "VISITORTYPE")
    facts: list[list[np.ndarray]] = []
    scores: dict[date, list[np.ndarray]] = {month: [] for month in challengers}
    with platform.warehouse.connect() as connection:
        for month in months:
            window = month_window(month.isoformat())
            rows = connection.fetch(
                f"SELECT {', '.join((*columns, *features))} FROM DATASET "  # noqa: S608
                f"WHERE {in_window(DATASET)} ORDER BY SESSION_DATE, UID",
                start=window.start,
                end=window.end,
            )
            facts.append([rows[name].to_numpy() for name in columns])
            for of, challenger in challengers.items():
                scores[of].append(challenger.model.predict(rows))
    labels, days, slices = (np.concatenate(parts) for parts in zip(*facts, strict=True))
    contenders = {
        of: Contender(c.name, np.concatenate(scores[of]), c.training_window, c.out_of_fold)
        for of, c in challengers.items()
    }
    return History(labels, days, slices, contenders)


def _summary(courses: Sequence[Course]) -> Table:
    table = Table(
        title="What each policy's champion delivered, from one evaluation to the next", box=None, pad_edge=False
    )
    for name in ("policy", "mean PR-AUC", "moves", "regret (to the best in hindsight)"):
        table.add_column(name, justify="left" if name == "policy" else "right")
    for course in courses:
        table.add_row(course.policy, f"{course.pr_auc:.4f}", str(course.moves), f"{course.regret:.4f}")
    return table


def _by_month(courses: Sequence[Course]) -> Table:
    table = Table(title="\nPR-AUC by month of service; * a new champion", box=None, pad_edge=False)
    table.add_column("from")
    rows: dict[date, dict[str, str]] = {}
    for course in courses:
        table.add_column(course.policy, justify="right")
        before = ""
        for service_month in course.service_months:
            new = "*" if service_month.champion != before else " "
            row = rows.setdefault(service_month.window.start, {"best": f"{service_month.best:.3f}"})
            row[course.policy] = f"{service_month.pr_auc:.3f}{new}"
            before = service_month.champion
    table.add_column("best in hindsight", justify="right")
    for start, row in sorted(rows.items()):
        table.add_row(str(start), *(row.get(course.policy, "–") for course in courses), row["best"])
    return table


def _figure(courses: Sequence[Course]) -> "Figure":
    """Above what the champions delivered, below how far each policy's stayed behind the best in hindsight."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5.6), dpi=120, layout="constrained")
    delivered, behind = figure.subplots(2, sharex=True)
    for place, course in enumerate(courses):
        months = np.array([service_month.window.start for service_month in course.service_months])
        pr_aucs = np.array([service_month.pr_auc for service_month in course.service_months])
        best = np.array([service_month.best for service_month in course.service_months])
        # Later lines are thinner, so that equal ones stay visible.
        style = {"color": _COLOURS[course.policy], "linewidth": 5 - place, "markersize": 8 - place, "marker": "o"}
        delivered.plot(months, pr_aucs, **style)
        behind.plot(
            months, best - pr_aucs, **style, label=f"{course.policy}: moves {course.moves}, regret {course.regret:.3f}"
        )
    delivered.set(title="PR-AUC that each policy's champion delivered", ylabel="PR-AUC")
    behind.set(title="Regret: below the best version in hindsight", ylabel="PR-AUC", xlabel="month of service begins")
    behind.legend(frameon=False, title="each policy's moves and mean regret")
    for axes in (delivered, behind):
        axes.spines[["top", "right"]].set_visible(False)
    return figure
