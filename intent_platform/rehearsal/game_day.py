"""A game day: the rehearsal of an incident in a simulated shop, in the autumn of 2025 and a separate home folder.

The rehearsal also plays the on-call engineer, who rolls back when `promotion_was_right` fails.
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

#: The sixty days contain two trainings and two evaluations, and the season changes little in them.
FIRST_DAY = date(2025, 9, 1)
DAYS = 60
BEGINS, ENDS = date(2025, 9, 6), date(2025, 10, 17)  # the first day of the scenario, and the first day after it
SESSIONS_PER_DAY = 400  # enough to detect an incident within days
_ON_CALL = timedelta(hours=1)  # until the on-call engineer acts


def rehearsal_settings(kind: str, strength: float, sessions_per_day: int) -> Settings:
    """Return the current settings, changed to a local deployment, a simulated shop and a separate home folder.

    Challengers are trained on one month, so they learn from the incident.

    Args:
        kind: the kind of scenario, or `none`.
        strength: the strength of the scenario, above 0 and up to 1.
        sessions_per_day: the mean number of sessions a day over a year.

    Raises:
        SettingsError: the kind does not exist, or a value is out of range.
    """
    current = load_settings(feed="simulated", deployment="local")
    dates = {} if kind == "none" else {"start": BEGINS, "end": ENDS}
    return load_settings(
        deployment="local",
        home=current.home / "game-day" / kind,
        feed="simulated",
        first_day=add_months(FIRST_DAY, -2),
        training={"months": 1},
        simulated={
            "seed": current.simulated.seed,
            "sessions_per_day": sessions_per_day,
            "scenario": {"kind": kind, "strength": strength, **dates},
        },
    )


def prepare(rehearsal: Rehearsal) -> None:
    """Run the months before the game, in few runs: the sessions, the first champion and its scores."""
    month = add_months(FIRST_DAY, -1).isoformat()
    clocks = clocks_of(rehearsal.settings)
    last = FIRST_DAY - timedelta(days=1)  # the game's first morning loads this day
    evening = datetime.combine(last, time(20), TIMEZONE)
    rehearsal.run(evening, SESSIONS_JOB.name, window=Window(rehearsal.settings.first_day, last))
    (training_tick,), (evaluation_tick,) = (
        clocks[name].ticks_in(month_window(month)) for name in ("training", "evaluation")
    )
    rehearsal.run(training_tick, TRAINING_JOB.name, partition=month)
    rehearsal.run(evaluation_tick, EVALUATION_JOB.name, partition=month)
    rehearsal.run(evening, SCORES_JOB.name, window=Window(evaluation_tick.date(), last))


def play(rehearsal: Rehearsal, day: date) -> Iterator[Entry]:
    """Play one day of the game. The on-call engineer rolls back when `promotion_was_right` fails."""
    scores_schedule = schedule_name(clocks_of(rehearsal.settings)["scores"])
    for run in rehearsal.day(day):
        yield from entries_of(run)
        if run.by == scores_schedule:
            yield from _drift(rehearsal, day)
        if any(check.check_name == "promotion_was_right" for check in run.failed_checks()):
            with rehearsal.platform.warehouse.connect() as connection:
                latest = read_ledger(connection).latest
            # Only a promotion is rolled back, never a rollback.
            if latest is not None and latest.from_version is not None and latest.cause != "rollback":
                reason = f"worse than {latest.from_version} since {latest.effective_date}"
                yield from entries_of(
                    rehearsal.play_rollback(run.moment + _ON_CALL, latest.from_version, reason),
                )


def _drift(rehearsal: Rehearsal, today: date) -> Iterator[Entry]:
    """Yield an entry for each drifted feature.

    The story shows a repeated entry once, so a joint entry would hide a feature that drifts later.
    """
    with rehearsal.platform.warehouse.connect() as connection:
        for metric, sentence in flagged(connection, today - timedelta(days=1), DRIFT).items():
            yield Entry(today, "warning", f"monitoring: {metric}", sentence)


def scores_of(platform: Platform, day: date) -> Iterator[Week]:
    """Yield the measures of the seven days up to `day`, as the platform measured them on the next morning."""
    with platform.warehouse.connect() as connection:
        ranking = ranking_on(connection, day)
    for version, measures in ranking.items():
        yield Week(day, version, measures.get(PR_AUC), measures.get(ROC_AUC))
