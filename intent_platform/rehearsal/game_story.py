"""The story of a rehearsal: which lines a run is worth, and how they are shown."""

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
    """A line of the story: what was noticed, or done, on a day. `subject` is what it is about."""

    day: date
    kind: str
    subject: str
    text: str


@dataclass(frozen=True)
class Week:
    """How good the scores of seven days were, and who gave the last of them."""

    last_day: date
    version: str
    pr_auc: float | None
    roc_auc: float | None


def entries_of(played: RehearsedRun) -> Iterator[Entry]:
    """What a run noticed and did that is worth a line; the daily loads and scores of the schedules are not."""
    day = played.moment.date()
    for check in played.failed_checks():
        if check.check_name == "features_are_as_trained":
            continue  # feature by feature in `_drift`
        kind = "error" if check.severity == dg.AssetCheckSeverity.ERROR else "warning"
        subject = f"{check.asset_key.to_user_string()}: {check.check_name}"
        yield Entry(day, kind, subject, check.description or "")
    if played.error is not None:
        yield Entry(day, "error", f"{played.job} failed", played.error)
        return
    told = _metadata(played)
    if played.job == TRAINING_JOB.name:
        trained = told["challenger_model"]
        text = f"{trained['version']}, out-of-fold PR-AUC {trained['pr_auc']:.3f}"
        yield Entry(day, "did", "challenger trained", text)
    elif played.job == EVALUATION_JOB.name:
        head_to_head = told["evaluation"]
        text = f"{head_to_head['challenger']} against {head_to_head['champion']}: {_one_line(head_to_head['reasons'])}"
        yield Entry(day, "did", f"evaluation: {head_to_head['decision']}", text)
    elif played.job == ROLLBACK_JOB:
        yield Entry(day, "did", "rolled back, by the person on call", f"to {told['champion_alias']['champion']}")
    elif played.by.endswith("_sensor") or played.job not in _QUIET:
        yield Entry(day, "did", f"{played.by}: {played.job}", played.partitions)


def _metadata(played: RehearsedRun) -> dict[str, dict[str, Any]]:
    """What each asset of the run said of itself."""
    events = played.result.get_asset_materialization_events() if played.result else []
    return {
        event.materialization.asset_key.to_user_string(): {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in events
    }


def _one_line(markdown: str) -> str:
    return "; ".join(line.removeprefix("- ") for line in markdown.splitlines())


def story_table(story: Iterable[Entry]) -> Table:
    """The story in order. What is noticed again on later days is told once, with the days."""
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
    """Week by week, who scored and how well."""
    table = plain_table("\nThe scores that marketing had, by week", title_justify="left")
    for name in ("week to", "by", "PR-AUC", "ROC-AUC"):
        table.add_column(name)
    for week in weeks:
        table.add_row(str(week.last_day), week.version, three_digits(week.pr_auc), three_digits(week.roc_auc))
    return table
