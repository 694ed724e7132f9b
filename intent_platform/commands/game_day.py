"""Rehearse what happens to a simulated shop.

The rehearsal has a home of its own: nothing real is touched.
"""

import shutil
from argparse import ArgumentParser
from datetime import timedelta

import dagster as dg
from rich.console import Console
from rich.progress import track

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

_WEEK = 7


def options(parser: ArgumentParser) -> None:
    """What happens, how strongly, and to how large a shop."""
    parser.add_argument("--scenario", required=True, help="a kind of docs/simulator.md, or none")
    parser.add_argument("--strength", type=float, default=1.0, help="above 0, up to 1")
    parser.add_argument("--days", type=int, default=DAYS, help="how many days are played")
    parser.add_argument("--sessions-per-day", type=int, default=SESSIONS_PER_DAY, help="the mean of a year")


def run(scenario: str, strength: float, days: int, sessions_per_day: int) -> None:
    """Play the scenario and print the story.

    Raises:
        SettingsError: there is no such scenario.
    """
    settings = rehearsal_settings(scenario, strength, sessions_per_day)
    console = Console()
    shutil.rmtree(settings.home, ignore_errors=True)
    settings.home.mkdir(parents=True)
    during = "" if scenario == "none" else f" From {BEGINS} to {ENDS - timedelta(days=1)}."
    console.print(f"[bold]{scenario}[/bold]: {meaning_of(scenario)}{during}", soft_wrap=True)
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
