"""`make game-day scenario=…`: what the platform makes of 60 days of a simulated shop to which something happens.

A rehearsal in a home of its own: nothing real is touched, and the clocks are set to an autumn that is over. The person
on call, who rolls back when a promotion turns out to have been wrong, is played too.
"""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import dagster as dg
from rich.console import Console
from rich.progress import track
from rich.table import Table

from intent_platform.automation.jobs import EVALUATION_JOB, SCORES_JOB, SESSIONS_JOB, TRAINING_JOB
from intent_platform.automation.rollback import ROLLBACK_JOB
from intent_platform.commands.rehearsal import Played, Rehearsal
from intent_platform.partitions import TIMEZONE, Window, add_months
from intent_platform.pipeline.monitoring import DRIFT, ROC_AUC, flagged
from intent_platform.platforms import platform_for
from intent_platform.platforms.ledger import read_ledger
from intent_platform.sessions.simulated.scenarios import meaning_of
from intent_platform.settings import Settings, load_settings

FIRST_DAY = date(2025, 9, 1)  # of the game: two months begin in it, and two evaluations; seasons differ little
DAYS = 60
BEGINS, ENDS = date(2025, 9, 11), date(2025, 10, 19)  # the scenario
SESSIONS_PER_DAY = 400  # enough to notice within days what happens
_ON_CALL = timedelta(hours=1)  # until somebody acts
_QUIET = (SESSIONS_JOB.name, SCORES_JOB.name)


@dataclass(frozen=True)
class Entry:
    """A line of the story: what was noticed, or done, on a day. `subject` is what it is about."""

    day: date
    kind: str
    subject: str
    text: str


def game_day(kind: str, strength: float, *, days: int = DAYS, sessions_per_day: int = SESSIONS_PER_DAY) -> None:
    """Play the scenario and print the story.

    Raises:
        SettingsError: there is no such scenario.
    """
    settings = rehearsal_settings(kind, strength, sessions_per_day)
    console = Console()
    shutil.rmtree(settings.home, ignore_errors=True)
    settings.home.mkdir(parents=True)
    during = "" if kind == "none" else f" From {BEGINS} to {ENDS - timedelta(days=1)}."
    console.print(f"[bold]{kind}[/bold]: {meaning_of(kind)}{during}", soft_wrap=True)
    with dg.DagsterInstance.local_temp(str(settings.home)) as instance:
        rehearsal = Rehearsal(settings, platform_for(settings), instance)
        prepare(rehearsal)
        dates = list(Window(FIRST_DAY, FIRST_DAY + timedelta(days=days)))
        story = [entry for day in track(dates, "playing", console=console) for entry in play(rehearsal, day)]
        console.print(_as_table(story))
        console.print(_weeks(rehearsal))


def rehearsal_settings(kind: str, strength: float, sessions_per_day: int) -> Settings:
    """The settings of now, but for home, feed and first day; always local."""
    own = load_settings(feed="simulated", deployment="local")
    when = {} if kind == "none" else {"start": BEGINS, "end": ENDS}
    return load_settings(
        deployment="local",
        home=own.home / "game-day" / kind,
        feed="simulated",
        first_day=add_months(FIRST_DAY, -1 - own.training.months),
        simulated={
            "seed": own.simulated.seed,
            "sessions_per_day": sessions_per_day,
            "scenario": {"kind": kind, "strength": strength, **when},
        },
    )


def prepare(rehearsal: Rehearsal) -> None:
    """The months before the game, in few runs: sessions, the first champion, its scores."""
    month = add_months(FIRST_DAY, -1)
    clocks = rehearsal.settings.schedules
    last = FIRST_DAY - timedelta(days=1)  # its own morning is the game's first
    evening = datetime.combine(last, time(20), TIMEZONE)
    rehearsal.run(evening, SESSIONS_JOB.name, window=Window(rehearsal.settings.first_day, last))
    for job, day, hour in (
        (TRAINING_JOB, clocks.training_day, clocks.training_hour),
        (EVALUATION_JOB, clocks.evaluation_day, clocks.evaluation_hour),
    ):
        moment = datetime.combine(month.replace(day=day), time(hour), TIMEZONE)
        rehearsal.run(moment, job.name, partition=month.isoformat())
    scored = Window(month.replace(day=clocks.evaluation_day), last)
    rehearsal.run(evening, SCORES_JOB.name, window=scored)


def play(rehearsal: Rehearsal, day: date) -> Iterator[Entry]:
    """One day of the game; the person on call acts on what the checks say of a promotion."""
    for played in rehearsal.day(day):
        yield from entries_of(played)
        if played.by == "scores_schedule":
            yield from _drift(rehearsal, day)
        if any(check.check_name == "promotion_was_right" for check in played.failed_checks()):
            with rehearsal.platform.warehouse.session() as session:
                latest = read_ledger(session).latest
            if latest is not None and latest.from_version is not None and latest.cause != "rollback":
                reason = f"worse than {latest.from_version} since {latest.effective_date}"
                yield from entries_of(
                    rehearsal.roll_back(played.moment + _ON_CALL, latest.from_version, reason),
                )


def _drift(rehearsal: Rehearsal, today: date) -> Iterator[Entry]:
    """A line for each feature: all together they would hide the new one."""
    with rehearsal.platform.warehouse.session() as session:
        for metric, sentence in flagged(session, today - timedelta(days=1), DRIFT).items():
            yield Entry(today, "warning", f"monitoring: {metric}", sentence)


def entries_of(played: Played) -> Iterator[Entry]:
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
        yield Entry(day, "did", "challenger trained", f"{told['version']}, out-of-fold PR-AUC {told['pr_auc']:.3f}")
    elif played.job == EVALUATION_JOB.name:
        text = f"{told['challenger']} against {told['champion']}: {_one_line(str(told['reasons']))}"
        yield Entry(day, "did", f"evaluation: {told['decision']}", text)
    elif played.job == ROLLBACK_JOB:
        yield Entry(day, "did", "rolled back, by the person on call", f"to {told['champion']}")
    elif played.by.endswith("_sensor") or played.job not in _QUIET:
        yield Entry(day, "did", f"{played.by}: {played.job}", played.partitions)


def _metadata(played: Played) -> dict[str, object]:
    """What the run's assets said of themselves, all together."""
    events = played.result.get_asset_materialization_events() if played.result else []
    return {name: value.value for event in events for name, value in event.materialization.metadata.items()}


def _one_line(markdown: str) -> str:
    return "; ".join(line.removeprefix("- ") for line in markdown.splitlines())


def _as_table(story: Iterable[Entry]) -> Table:
    """The story in order; what is said again on later days is told once."""
    table = Table(title="\nWhat was noticed, and what was done", box=None, pad_edge=False, title_justify="left")
    for name in ("day", "", "about", "in words"):
        table.add_column(name, no_wrap=name == "day", overflow="fold")
    told: dict[tuple[str, str], list[Entry]] = {}
    for entry in story:
        told.setdefault((entry.kind, entry.subject), []).append(entry)
    lines = []
    for (kind, subject), entries in told.items():
        for number, entry in enumerate(entries if kind == "did" else entries[:1]):
            days = sorted({other.day for other in entries})
            more = f" (on {len(days)} days, the last {days[-1]})" if kind != "did" and len(days) > 1 else ""
            lines.append((entry.day, number, kind, subject, entry.text + more))
    colours = {"error": "[red]error[/red]", "warning": "[yellow]warning[/yellow]", "did": "[green]did[/green]"}
    for day, _, kind, subject, text in sorted(lines):
        table.add_row(str(day), colours[kind], subject, text)
    return table


def _weeks(rehearsal: Rehearsal) -> Table:
    """Week by week, who scored and how well."""
    with rehearsal.platform.warehouse.session() as session:
        rows = session.fetch(
            "SELECT SESSION_DATE, MODEL_VERSION, MAX(CASE WHEN METRIC = 'pr_auc' THEN VALUE END) AS PR_AUC, "
            "MAX(CASE WHEN METRIC = :roc_auc THEN VALUE END) AS ROC_AUC FROM MONITORING WHERE SESSION_DATE >= :first "
            "GROUP BY SESSION_DATE, MODEL_VERSION ORDER BY SESSION_DATE",
            roc_auc=ROC_AUC,
            first=FIRST_DAY,
        ).to_pylist()
    table = Table(title="\nThe scores that marketing had, week by week", box=None, pad_edge=False, title_justify="left")
    for name in ("week to", "by", "PR-AUC", "ROC-AUC"):
        table.add_column(name)
    for row in rows:
        if (row["SESSION_DATE"] - FIRST_DAY).days % 7 == 6:
            table.add_row(
                str(row["SESSION_DATE"]), row["MODEL_VERSION"], f"{row['PR_AUC']:.3f}", f"{row['ROC_AUC']:.3f}"
            )
    return table
