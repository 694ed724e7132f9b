"""A game day: a simulated shop to which something happens, in a home of its own, in an autumn that is over.

The person on call, who rolls back when a promotion turns out to have been wrong, is played too.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from intent_platform.automation.jobs import EVALUATION_JOB, SCORES_JOB, SESSIONS_JOB, TRAINING_JOB
from intent_platform.automation.schedules import schedule_name
from intent_platform.clocks import clocks_of
from intent_platform.partitions import TIMEZONE, Window, add_months, month_window
from intent_platform.pipeline.monitoring import DRIFT, PR_AUC, ROC_AUC, flagged, ranking_on
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.ports import Platform
from intent_platform.rehearsal.game_story import Entry, Week, entries_of
from intent_platform.rehearsal.rehearsal import Rehearsal
from intent_platform.settings import Settings, load_settings

FIRST_DAY = date(2025, 9, 1)  # of the game: two months begin in it, and two evaluations; seasons differ little
DAYS = 60
BEGINS, ENDS = date(2025, 9, 6), date(2025, 10, 17)  # the scenario
SESSIONS_PER_DAY = 400  # enough to notice within days what happens
_ON_CALL = timedelta(hours=1)  # until somebody acts


def rehearsal_settings(kind: str, strength: float, sessions_per_day: int) -> Settings:
    """The settings of now, but for home and feed; always local.

    Challengers are trained on one month: so they learn from what happens.
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
    month = add_months(FIRST_DAY, -1).isoformat()
    clocks = clocks_of(rehearsal.settings.schedules)
    last = FIRST_DAY - timedelta(days=1)  # its own morning is the game's first
    evening = datetime.combine(last, time(20), TIMEZONE)
    rehearsal.run(evening, SESSIONS_JOB.name, window=Window(rehearsal.settings.first_day, last))
    (trained,), (evaluated,) = (clocks[name].ticks_in(month_window(month)) for name in ("training", "evaluation"))
    rehearsal.run(trained, TRAINING_JOB.name, partition=month)
    rehearsal.run(evaluated, EVALUATION_JOB.name, partition=month)
    rehearsal.run(evening, SCORES_JOB.name, window=Window(evaluated.date(), last))


def play(rehearsal: Rehearsal, day: date) -> Iterator[Entry]:
    """One day of the game; the person on call acts on what the checks say of a promotion."""
    scores_schedule = schedule_name(clocks_of(rehearsal.settings.schedules)["scores"])
    for played in rehearsal.day(day):
        yield from entries_of(played)
        if played.by == scores_schedule:
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
        found = ranking_on(connection, day)
    for version, measures in found.items():
        yield Week(day, version, measures.get(PR_AUC), measures.get(ROC_AUC))
