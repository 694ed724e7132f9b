"""The rehearsal: real schedules and sensors on a clock that is set, and the story that is told of it."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from intent_platform.__main__ import main
from intent_platform.partitions import TIMEZONE, Window, clock_set_to, now
from intent_platform.platforms import platform_for
from intent_platform.rehearsal import game_day
from intent_platform.rehearsal.game_day import FIRST_DAY, play, prepare, rehearsal_settings
from intent_platform.rehearsal.game_story import Entry
from intent_platform.rehearsal.rehearsal import Rehearsal

SECOND_DAY = FIRST_DAY + timedelta(days=1)
pytestmark = pytest.mark.filterwarnings(  # Dagster's own, when a schedule is evaluated
    "ignore:Function `JobDefinition.run_request_for_partition`:DeprecationWarning"
)


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a user who wants a quick rehearsal."""
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.delenv("DAGSTER_HOME")
    for name, value in {
        "HOME": str(tmp_path / "home"),
        "TRAINING_TRIALS": "1",
        "TRAINING_FOLDS": "2",
        "TRAINING_ITERATIONS": "60",
        "TRAINING_MONTHS": "1",
    }.items():
        monkeypatch.setenv(f"INTENT_PLATFORM_{name}", value)


@pytest.fixture
def story_of(
    quick: None, monkeypatch: pytest.MonkeyPatch, empty_registry: Callable[[Path], None]
) -> Callable[[str, int], list[Entry]]:
    """The story of some days of a scenario that begins on the game's second day."""
    monkeypatch.setattr(game_day, "BEGINS", SECOND_DAY)

    def play_days(kind: str, days: int) -> list[Entry]:
        settings = rehearsal_settings(kind, 1.0 if kind != "late_rows" else 0.5, 120)
        empty_registry(settings.home)
        with dg.DagsterInstance.ephemeral() as instance:
            rehearsal = Rehearsal(settings, platform_for(settings), instance)
            prepare(rehearsal)
            dates = Window(FIRST_DAY, FIRST_DAY + timedelta(days=days))
            return [entry for day in dates for entry in play(rehearsal, day)]

    return play_days


def of_kind(story: list[Entry], *kinds: str) -> set[tuple[date, str]]:
    return {(entry.day, entry.subject) for entry in story if entry.kind in kinds}


def test_a_file_that_comes_twice_is_told_on_the_morning_after(story_of):
    story = story_of("doubled_file", 4)
    mornings = {SECOND_DAY + timedelta(days=n) for n in (1, 2)}
    assert {day for day, subject in of_kind(story, "error") if "few_are_rejected" in subject} == mornings
    assert (FIRST_DAY, "challenger trained") in of_kind(story, "did")


def test_late_rows_are_waited_for_and_the_day_and_its_scores_made_again(story_of):
    story = story_of("late_rows", 7)
    assert (SECOND_DAY + timedelta(days=1), "source: nothing_is_deferred") in of_kind(story, "warning")
    made_again = [entry for entry in story if entry.text == str(SECOND_DAY) and entry.kind == "did"]
    assert [entry.subject for entry in made_again] == ["catch_up_sensor: sessions_job", "catch_up_sensor: scores_job"]
    assert all(entry.day == SECOND_DAY + timedelta(days=4) for entry in made_again)


def test_the_clock_of_a_rehearsal_is_set_back_and_the_versions_are_of_that_time(story_of):
    before = datetime.now(TIMEZONE)
    story = story_of("none", 1)
    (trained,) = [entry for entry in story if entry.subject == "challenger trained"]
    assert trained.text.startswith(f"v_{FIRST_DAY:%y%m%d}_10")
    assert timedelta(0) <= now() - before < timedelta(hours=1)


def test_the_command_tells_the_story_and_leaves_the_real_home_alone(quick, capsys, tmp_path):
    assert main(["game-day", "--scenario", "none", "--days", "1", "--sessions-per-day", "120"]) == 0
    output = capsys.readouterr().out
    assert "Nothing happens." in output
    assert "challenger trained" in output
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["game-day"]
    assert main(["game-day", "--scenario", "earthquake"]) == 1
    assert "scenario.kind" in capsys.readouterr().err


def test_a_clock_that_is_set_goes_on_and_is_set_back():
    moment = datetime(2025, 9, 1, 5, tzinfo=TIMEZONE)
    with clock_set_to(moment):
        first, second = now(), now()
        assert moment <= first <= second < moment + timedelta(seconds=60)
        with clock_set_to(moment - timedelta(days=1)):
            assert now() < moment
        assert moment <= now() < moment + timedelta(seconds=60)
    assert abs(datetime.now(TIMEZONE) - now()) < timedelta(seconds=60)
