"""The rehearsal: real schedules and sensors on a clock that it sets, and the story that it prints."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from intent_platform.__main__ import main
from intent_platform.partitions import TIMEZONE, Window, now
from intent_platform.platforms import platform_for
from intent_platform.rehearsal import game_day
from intent_platform.rehearsal.game_day import FIRST_DAY, play, prepare, rehearsal_settings
from intent_platform.rehearsal.game_story import Entry
from intent_platform.rehearsal.rehearsal import Rehearsal
from intent_platform_tests.builders.environment import act_as_user, clean_environment
from intent_platform_tests.commands.conftest import Called, call

SECOND_DAY = FIRST_DAY + timedelta(days=1)
QUICK = {"training_trials": 1, "training_folds": 2, "training_iterations": 60, "training_months": 1}
#: Takes the scenario and the number of days, and returns the story.
StoryOf = Callable[[str, int], list[Entry]]
pytestmark = pytest.mark.filterwarnings(  # Dagster itself warns when it evaluates a schedule
    "ignore:Function `JobDefinition.run_request_for_partition`:DeprecationWarning"
)


@pytest.fixture(scope="module")
def story_of(tmp_path_factory: pytest.TempPathFactory, empty_registry: Callable[[Path], None]) -> StoryOf:
    """Play some days of a scenario that begins on the second day of the game, and return the story."""

    def play_days(kind: str, days: int) -> list[Entry]:
        with clean_environment() as patch, dg.DagsterInstance.ephemeral() as instance:
            act_as_user(patch, home=tmp_path_factory.mktemp(kind) / "home", **QUICK)
            patch.setattr(game_day, "BEGINS", SECOND_DAY)
            settings = rehearsal_settings(kind, 1.0 if kind != "late_rows" else 0.5, 120)
            empty_registry(settings.home)
            rehearsal = Rehearsal(settings, platform_for(settings), instance)
            prepare(rehearsal)
            dates = Window(FIRST_DAY, FIRST_DAY + timedelta(days=days))
            return [entry for day in dates for entry in play(rehearsal, day)]

    return play_days


def subjects_by_day(story: list[Entry], kind: str) -> set[tuple[date, str]]:
    """The day and the subject of every entry of a kind."""
    return {(entry.day, entry.subject) for entry in story if entry.kind == kind}


class TestDoubledFile:
    """From the second day on, every file comes twice."""

    @pytest.fixture(scope="class")
    @classmethod
    def story(cls, story_of: StoryOf) -> list[Entry]:
        return story_of("doubled_file", 4)

    def test_fails_a_check_on_every_next_morning(self, story):
        mornings = {SECOND_DAY + timedelta(days=n) for n in (1, 2)}
        assert {day for day, subject in subjects_by_day(story, "error") if "few_are_rejected" in subject} == mornings

    def test_begins_after_a_challenger_was_trained(self, story):
        assert (FIRST_DAY, "challenger trained") in subjects_by_day(story, "did")


class TestLateRows:
    """Half of the rows of a day arrive four days later."""

    @pytest.fixture(scope="class")
    @classmethod
    def story(cls, story_of: StoryOf) -> list[Entry]:
        return story_of("late_rows", 7)

    @pytest.fixture(scope="class")
    @classmethod
    def repeated_runs(cls, story) -> list[Entry]:
        """The runs for the second day."""
        return [entry for entry in story if entry.text == str(SECOND_DAY) and entry.kind == "did"]

    def test_are_reported_as_deferred(self, story):
        assert (SECOND_DAY + timedelta(days=1), "source: nothing_is_deferred") in subjects_by_day(story, "warning")

    def test_make_the_sensor_load_and_score_their_day_again(self, repeated_runs):
        assert [run.subject for run in repeated_runs] == [
            "catch_up_sensor: sessions_job",
            "catch_up_sensor: scores_job",
        ]

    def test_are_loaded_on_the_day_they_arrive(self, repeated_runs):
        assert all(run.day == SECOND_DAY + timedelta(days=4) for run in repeated_runs)


class TestClockOfARehearsal:
    @pytest.fixture(scope="class")
    @classmethod
    def story(cls, story_of: StoryOf) -> list[Entry]:
        return story_of("none", 1)

    def test_gives_versions_their_names(self, story):
        (trained,) = [entry for entry in story if entry.subject == "challenger trained"]
        assert trained.text.startswith(f"v_{FIRST_DAY:%y%m%d}_10")

    @pytest.mark.usefixtures("story")
    def test_ends_with_the_rehearsal(self):
        before = datetime.now(TIMEZONE)
        assert timedelta(0) <= now() - before < timedelta(hours=1)


class TestCommand:
    @pytest.fixture(scope="class")
    @classmethod
    def called(cls, tmp_path_factory: pytest.TempPathFactory) -> Called:
        arguments = ("--scenario", "none", "--days", "1", "--sessions-per-day", "120")
        return call(tmp_path_factory.mktemp("user") / "home", "game-day", *arguments, **QUICK)

    def test_prints_the_story(self, called):
        assert "Nothing unusual happens." in called.output
        assert "challenger trained" in called.output

    def test_leaves_the_home_of_the_user_alone(self, called):
        assert sorted(path.name for path in called.home.iterdir()) == ["game-day"]

    @pytest.mark.usefixtures("home")
    def test_refuses_an_unknown_scenario(self, capsys):
        assert main(["game-day", "--scenario", "earthquake"]) == 1
        assert "scenario.kind" in capsys.readouterr().err
