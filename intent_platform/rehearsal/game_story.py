"""The story of a rehearsal: the entries for each run, and the tables that show them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg
from rich.table import Table

from intent_platform.automation.jobs import EVALUATION_JOB, SCORES_JOB, SESSIONS_JOB, TRAINING_JOB
from intent_platform.automation.rollback import ROLLBACK_JOB
from intent_platform.rehearsal.rehearsal import RehearsedRun
from intent_platform.terminal import plain_table, three_digits

_QUIET = (SESSIONS_JOB.name, SCORES_JOB.name)
_COLOURS = {"error": "red", "warning": "yellow", "did": "green"}


@dataclass(frozen=True)
class Entry:
    """A line of the story.

    Attributes:
        day: the day of the run, Asia/Tokyo.
        kind: `error` or `warning` for a failed check or run, `did` for an action.
        subject: the check, the job or the action.
        text: the details.
    """

    day: date
    kind: str
    subject: str
    text: str


@dataclass(frozen=True)
class Week:
    """How well the scores of the seven days up to `last_day` ranked, and the version that gave the last of them."""

    last_day: date
    version: str
    pr_auc: float | None
    roc_auc: float | None


def entries_of(run: RehearsedRun) -> Iterator[Entry]:
    """Yield what a run noticed and did. The daily loads and scores of the schedules get no entry of their own."""
    day = run.moment.date()
    for check in run.failed_checks():
        if check.check_name == "features_are_as_trained":
            continue  # `game_day` yields an entry for each feature instead
        kind = "error" if check.severity == dg.AssetCheckSeverity.ERROR else "warning"
        subject = f"{check.asset_key.to_user_string()}: {check.check_name}"
        yield Entry(day, kind, subject, check.description or "")
    if run.error is not None:
        yield Entry(day, "error", f"{run.job} failed", run.error)
        return
    metadata = _metadata(run)
    if run.job == TRAINING_JOB.name:
        challenger = metadata["challenger_model"]
        text = f"{challenger['version']}, out-of-fold PR-AUC {challenger['pr_auc']:.3f}"
        yield Entry(day, "did", "challenger trained", text)
    elif run.job == EVALUATION_JOB.name:
        head_to_head = metadata["evaluation"]
        text = f"{head_to_head['challenger']} against {head_to_head['champion']}: {_one_line(head_to_head['reasons'])}"
        yield Entry(day, "did", f"evaluation: {head_to_head['decision']}", text)
    elif run.job == ROLLBACK_JOB:
        yield Entry(day, "did", "rolled back, by the person on call", f"to {metadata['champion_alias']['champion']}")
    elif run.by.endswith("_sensor") or run.job not in _QUIET:
        yield Entry(day, "did", f"{run.by}: {run.job}", run.partitions)


def _metadata(run: RehearsedRun) -> dict[str, dict[str, Any]]:
    """The metadata of each asset that the run materialized."""
    events = run.result.get_asset_materialization_events() if run.result else []
    return {
        event.materialization.asset_key.to_user_string(): {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in events
    }


def _one_line(markdown: str) -> str:
    return "; ".join(line.removeprefix("- ") for line in markdown.splitlines())


def story_table(story: Iterable[Entry]) -> Table:
    """Return the story as a table, in order.

    An error or a warning that recurs on later days has one row, with the number of days and the last day.
    """
    lines = list(story)
    days: dict[tuple[str, str], list[date]] = defaultdict(list)
    for entry in lines:
        days[entry.kind, entry.subject].append(entry.day)
    table = plain_table("\nWhat was noticed, and what was done", title_justify="left")
    for name in ("day", "", "about", "in words"):
        table.add_column(name, no_wrap=name == "day", overflow="fold")
    for entry in lines:
        text = entry.text
        if entry.kind != "did":
            noticed = sorted(set(days.pop((entry.kind, entry.subject), ())))
            if not noticed:
                continue
            text += f" (on {len(noticed)} days, the last {noticed[-1]})" if len(noticed) > 1 else ""
        table.add_row(str(entry.day), f"[{_COLOURS[entry.kind]}]{entry.kind}[/]", entry.subject, text)
    return table


def weeks_table(weeks: Iterable[Week]) -> Table:
    """Return the weeks as a table: the version that scored, and how well its scores ranked."""
    table = plain_table("\nThe scores that marketing had, by week", title_justify="left")
    for name in ("week to", "by", "PR-AUC", "ROC-AUC"):
        table.add_column(name)
    for week in weeks:
        table.add_row(str(week.last_day), week.version, three_digits(week.pr_auc), three_digits(week.roc_auc))
    return table
