"""`make demo`, and the commands that compare and move the champions that it leaves."""

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from intent_platform.__main__ import main
from intent_platform.instance import open_instance
from intent_platform.partitions import add_months, now
from intent_platform.settings import load_settings
from intent_platform_tests.builders.environment import act_as_user
from intent_platform_tests.builders.sensors import evaluate
from intent_platform_tests.builders.sessions import write_uci_csv
from intent_platform_tests.commands.conftest import MONTHS, QUICK, Called, call, contents


@pytest.fixture(scope="module")
def copy_of_home(played: Called, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    return lambda: shutil.copytree(played.home, tmp_path_factory.mktemp("copy") / "home")


@pytest.fixture
def home(played_home: Path) -> Path:
    """A copy of the home after the demo, in the environment of its user."""
    return played_home


class Names(NamedTuple):
    """The names of the champion after the demo and of another version."""

    champion: str
    other: str


@pytest.fixture(scope="module")
def names(played: Called) -> Names:
    tables = contents(played.home)
    champion = tables["CHAMPION_HISTORY"][-1][4]
    return Names(champion, next(row[1] for row in tables["EVALUATIONS"] if row[1] != champion))


class TestDemo:
    def test_reports_its_runs_and_the_next_commands(self, played):
        assert "runs wrote" in played.output
        assert "make rollback" in played.output

    def test_loads_all_sessions_with_their_features(self, played):
        tables = contents(played.home)
        assert len(tables["SOURCE"]) == len(tables["DATASET"]) == sum(MONTHS.values())

    def test_scores_the_months_that_have_a_champion(self, played):
        assert len(contents(played.home)["SCORES"]) == MONTHS["May"] + MONTHS["June"]

    def test_evaluates_every_month_that_has_a_challenger(self, played):
        assert {row[0].month for row in contents(played.home)["EVALUATIONS"]} == {4, 5, 6}

    def test_leaves_a_champion(self, played):
        assert len(contents(played.home)["CHAMPION_HISTORY"]) >= 1

    def test_changes_no_row_when_it_is_repeated(self, home, capsys):
        """The home has its own copy of the file, so the second call needs no path."""
        before = contents(home)
        assert main(["demo"]) == 0
        assert "no row changed" in capsys.readouterr().out
        assert contents(home) == before

    def test_refuses_another_file(self, home, tmp_path, capsys):
        before = contents(home)
        other = write_uci_csv(tmp_path / "other.csv", MONTHS, seed=1)
        assert main(["demo", "--csv", str(other)]) == 1
        assert "another file" in capsys.readouterr().err
        assert contents(home) == before


class TestReplay:
    @pytest.fixture(scope="class")
    @classmethod
    def replayed(cls, copy_of_home: Callable[[], Path]) -> Called:
        return call(copy_of_home(), "replay")

    def test_compares_all_policies(self, replayed):
        assert all(policy in replayed.output for policy in ("evidence", "greater", "always", "never", "regret"))

    def test_writes_a_plot(self, replayed):
        assert (replayed.home / "replay.png").read_bytes().startswith(b"\x89PNG")

    def test_changes_no_row(self, replayed, played):
        assert contents(replayed.home) == contents(played.home)


@pytest.fixture(scope="module")
def rolled_back(copy_of_home: Callable[[], Path], names: Names) -> Called:
    """The home after a rollback from the champion to the other version."""
    return call(copy_of_home(), "rollback", "--version", names.other, "--reason", "it's too high")


class TestRollback:
    def test_to_another_version_reports_the_new_champion(self, rolled_back, names):
        assert f"now {names.other}" in rolled_back.output

    def test_to_another_version_is_in_the_ledger(self, rolled_back, names):
        last_move = contents(rolled_back.home)["CHAMPION_HISTORY"][-1]
        assert last_move[3:7] == (names.champion, names.other, "rollback", "it's too high")

    def test_to_the_champion_moves_nothing(self, home, names, capsys):
        before = contents(home)
        assert main(["rollback", "--version", names.champion]) == 0
        assert "already" in capsys.readouterr().out
        assert contents(home) == before

    def test_to_an_unknown_version_is_refused(self, home, capsys):
        assert main(["rollback", "--version", "v_000101_000000"]) == 1
        assert "has no version v_000101_000000" in capsys.readouterr().err


class TestPromotion:
    """The version that was rolled back from becomes champion again."""

    @pytest.fixture
    def home(self, rolled_back: Called, home: Path) -> Path:
        """A copy of the home after the rollback, in the environment of its user."""
        shutil.rmtree(home)
        return shutil.copytree(rolled_back.home, home)

    def test_needs_a_reason(self, home, names, capsys):
        assert main(["promote", "--version", names.champion, "--reason", ""]) == 1
        assert "a reason is missing" in capsys.readouterr().err

    def test_moves_the_champion_by_force(self, home, names, capsys):
        assert main(["promote", "--version", names.champion, "--reason", "it was right"]) == 0
        assert f"now {names.champion}" in capsys.readouterr().out
        last_move = contents(home)["CHAMPION_HISTORY"][-1]
        assert last_move[3:7] == (names.other, names.champion, "force", "it was right")


class TestDemoOfTheSimulatedFeed:
    """The simulated shop has sessions until yesterday."""

    @pytest.fixture(scope="class")
    @classmethod
    def yesterday(cls) -> date:
        return now().date() - timedelta(days=1)

    @pytest.fixture(scope="class")
    @classmethod
    def environment(cls, yesterday: date) -> dict[str, object]:
        return {"first_day": add_months(yesterday, -2), "simulated_sessions_per_day": 20, "demo_months": 3}

    @pytest.fixture(scope="class")
    @classmethod
    def simulated(cls, new_home: Callable[[], Path], environment: dict[str, object]) -> Called:
        return call(new_home(), "demo", **environment)

    def test_plays_every_day_until_yesterday(self, simulated, yesterday):
        days = sorted({row[1] for row in contents(simulated.home)["DATASET"]})
        assert (days[0], days[-1]) == (add_months(yesterday, -2), yesterday)

    def test_loads_all_sessions_with_their_features(self, simulated):
        tables = contents(simulated.home)
        assert len(tables["SOURCE"]) == len(tables["DATASET"]) > 20 * 45

    def test_scores_yesterday(self, simulated, yesterday):
        assert max(row[1] for row in contents(simulated.home)["SCORES"]) == yesterday

    def test_changes_no_row_when_it_is_repeated(self, simulated, environment):
        before = contents(simulated.home)
        assert "no row changed" in call(simulated.home, "demo", **environment).output
        assert contents(simulated.home) == before

    def test_leaves_nothing_for_make_dev_to_catch_up(self, simulated, environment, monkeypatch):
        """Without a gap, the sensors of `make dev` request nothing until the next clock."""
        act_as_user(monkeypatch, home=simulated.home, **QUICK, **environment)
        settings = load_settings()
        with open_instance(settings) as instance:
            assert evaluate(settings, "catch_up_sensor", instance).run_requests == []
