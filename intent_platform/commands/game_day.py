"""`make game-day scenario=…`: what the platform makes of 60 days of a simulated shop to which something happens.

A rehearsal in a home of its own: nothing real is touched, and the clocks are set to an autumn that is over. The person
on call, who rolls back when a promotion turns out to have been wrong, is played too.
"""

import shutil
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

import dagster as dg
from rich.console import Console
from rich.progress import track

from intent_platform.automation.jobs import EVALUATION_JOB, SCORES_JOB, SESSIONS_JOB, TRAINING_JOB
from intent_platform.commands.game_story import Entry, Week, entries_of, story_table, weeks_table
from intent_platform.commands.rehearsal import Rehearsal
from intent_platform.partitions import TIMEZONE, Window, add_months
from intent_platform.pipeline.monitoring import DRIFT, PR_AUC, ROC_AUC, flagged
from intent_platform.platforms import platform_for
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.ports import Platform
from intent_platform.sessions.simulated.scenarios import meaning_of
from intent_platform.settings import Settings, load_settings

FIRST_DAY = date(2025, 9, 1)  # of the game: two months begin in it, and two evaluations; seasons differ little
DAYS = 60
BEGINS, ENDS = date(2025, 9, 6), date(2025, 10, 17)  # the scenario
SESSIONS_PER_DAY = 400  # enough to notice within days what happens
_WEEK = 7
_ON_CALL = timedelta(hours=1)  # until somebody acts


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
        story: list[Entry] = []
        weeks: list[Week] = []
        for day in track(dates, "playing", console=console):
            story += play(rehearsal, day)
            if (day - FIRST_DAY).days % _WEEK == 0:
                weeks += scores_of(rehearsal.platform, day - timedelta(days=1))
        console.print(story_table(story))
        console.print(weeks_table(weeks))


def rehearsal_settings(kind: str, strength: float, sessions_per_day: int) -> Settings:
    """The settings of now, but for home and feed; always local.

    Challengers are trained on one month, so that they learn from what happens.
    """
    own = load_settings(feed="simulated", deployment="local")
    when = {} if kind == "none" else {"start": BEGINS, "end": ENDS}
    return load_settings(
        deployment="local",
        home=own.home / "game-day" / kind,
        feed="simulated",
        first_day=add_months(FIRST_DAY, -2),
        training={"months": 1},
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
            with rehearsal.platform.warehouse.connect() as connection:
                latest = read_ledger(connection).latest
            if latest is not None and latest.from_version is not None and latest.cause != "rollback":
                reason = f"worse than {latest.from_version} since {latest.effective_date}"
                yield from entries_of(
                    rehearsal.play_rollback(played.moment + _ON_CALL, latest.from_version, reason),
                )


def _drift(rehearsal: Rehearsal, today: date) -> Iterator[Entry]:
    """A line for each feature: all together they would hide the new one."""
    with rehearsal.platform.warehouse.connect() as connection:
        for metric, sentence in flagged(connection, today - timedelta(days=1), DRIFT).items():
            yield Entry(today, "warning", f"monitoring: {metric}", sentence)


def scores_of(platform: Platform, day: date) -> Iterator[Week]:
    """How good the scores of the week up to `day` were, as they were on the morning after."""
    with platform.warehouse.connect() as connection:
        rows = connection.fetch(
            "SELECT MODEL_VERSION, METRIC, VALUE FROM MONITORING WHERE SESSION_DATE = :day AND METRIC IN :metrics",
            day=day,
            metrics=(PR_AUC, ROC_AUC),
        ).to_pylist()
    for version in sorted({row["MODEL_VERSION"] for row in rows}):
        found = {row["METRIC"]: row["VALUE"] for row in rows if row["MODEL_VERSION"] == version}
        yield Week(day, version, found.get(PR_AUC), found.get(ROC_AUC))
