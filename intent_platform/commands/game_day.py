"""Rehearse sixty days with an incident.

The rehearsal runs on a simulated shop in a separate home folder. It leaves the real one unchanged.
"""

import shutil
from argparse import ArgumentParser
from datetime import timedelta

import dagster as dg
from rich.progress import track

from intent_platform.errors import SettingsError
from intent_platform.partitions import Window
from intent_platform.platforms import platform_for
from intent_platform.rehearsal.game_day import (
    BEGINS,
    DAYS,
    ENDS,
    FIRST_DAY,
    SESSIONS_PER_DAY,
    play,
    prepare,
    rehearsal_settings,
    scores_of,
)
from intent_platform.rehearsal.game_story import Entry, Week, story_table, weeks_table
from intent_platform.rehearsal.rehearsal import Rehearsal
from intent_platform.sessions.simulated.scenarios import meaning_of
from intent_platform.terminal import bold, open_console

_WEEK = 7
_MOST_DAYS = 366


def options(parser: ArgumentParser) -> None:
    """Declare the scenario, its strength, the number of days and the size of the shop."""
    parser.add_argument("--scenario", required=True, help="a kind of scenario from docs/simulator.md, or none")
    parser.add_argument("--strength", type=float, default=1.0, help="strength of the scenario, above 0 and up to 1")
    parser.add_argument("--days", type=int, default=DAYS, help="number of days to play")
    parser.add_argument(
        "--sessions-per-day", type=int, default=SESSIONS_PER_DAY, help="mean number of sessions a day over a year"
    )


def run(scenario: str, strength: float, days: int, sessions_per_day: int) -> None:
    """Play the scenario and print what the platform noticed and did.

    An earlier rehearsal of the same scenario is deleted.

    Raises:
        SettingsError: the scenario does not exist, or a value is out of range.
    """
    if not 1 <= days <= _MOST_DAYS:
        raise SettingsError(f"--days must be from 1 to {_MOST_DAYS}, not {days}")
    settings = rehearsal_settings(scenario, strength, sessions_per_day)
    console = open_console()
    shutil.rmtree(settings.home, ignore_errors=True)
    settings.home.mkdir(parents=True)
    during = "" if scenario == "none" else f" From {BEGINS} to {ENDS - timedelta(days=1)}."
    console.print(bold(scenario), f": {meaning_of(scenario)}{during}", sep="", soft_wrap=True)
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
