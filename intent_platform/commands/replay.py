"""Compare promotion policies on the past months.

The result helps a team to choose its policy. A replay changes neither the warehouse nor the registry. A month without a
challenger gets one in memory.
"""

from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from rich.progress import track
from rich.table import Table

from intent_platform.errors import FeedError
from intent_platform.modelling.replay import Course, play, policies
from intent_platform.partitions import day_of, month_keys
from intent_platform.pipeline.replay import ReplayedChallenger, dataset_months, replayed_challenger, score_history
from intent_platform.platforms import platform_for
from intent_platform.settings import load_settings
from intent_platform.terminal import open_console, plain_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PLOT = "replay.png"
_COLOURS = {"evidence": "#1f4e79", "greater": "#d97706", "always": "#6b21a8", "never": "#9ca3af"}


def options(_: ArgumentParser) -> None:
    """Declare no option: the settings determine the replay."""


def run() -> None:
    """Apply every policy to the past months, print the results, and write the plot `replay.png` into the home folder.

    Raises:
        FeedError: DATASET is empty, or no month has both a challenger and later purchases.
    """
    settings, console = load_settings(), open_console()
    platform = platform_for(settings)
    months = [day_of(key) for key in month_keys(dataset_months(platform))]
    challengers: dict[date, ReplayedChallenger] = {}
    for month in track(months, "challengers", console=console, transient=True):
        challenger = replayed_challenger(platform, month, settings.training)
        if challenger is not None:
            challengers[month] = challenger
    history = score_history(platform, months, challengers)
    courses = [
        play(history, months, name, policy, settings.evaluation.days, settings.gate)
        for name, policy in policies(settings.gate).items()
    ]
    if not any(course.service_months for course in courses):
        raise FeedError("no month has both a challenger and later purchases: load more months with `make demo`")
    console.print(_summary(courses))
    console.print(_by_month(courses))
    path = settings.home / _PLOT
    _figure(courses).savefig(path)
    console.print(
        f"Plot: {path}\nThe policy in force is {settings.gate.policy}, from the setting gate.policy.", soft_wrap=True
    )


def _summary(courses: Sequence[Course]) -> Table:
    table = plain_table("Results of each policy. A champion serves from one evaluation to the next")
    for name in ("policy", "mean PR-AUC", "moves", "regret (distance to the best in hindsight)"):
        table.add_column(name, justify="left" if name == "policy" else "right")
    for course in courses:
        table.add_row(course.policy, f"{course.pr_auc:.4f}", str(course.moves), f"{course.regret:.4f}")
    return table


def _by_month(courses: Sequence[Course]) -> Table:
    table = plain_table("\nPR-AUC by month of service; * marks a new champion")
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
    """The plot: the PR-AUC that each policy delivered, and below it the distance to the best version in hindsight."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5.6), dpi=120, layout="constrained")
    delivered, behind = figure.subplots(2, sharex=True)
    for place, course in enumerate(courses):
        months = np.array([service_month.window.start for service_month in course.service_months])
        pr_aucs = np.array([service_month.pr_auc for service_month in course.service_months])
        best = np.array([service_month.best for service_month in course.service_months])
        # Later lines are thinner, so lines with equal values stay visible.
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
