"""The sensors that look at the landing folder and at the champion: what they request, and when they wait."""

import os
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow.csv
import pytest

from intent_platform.automation import sensors
from intent_platform.automation.alerts import failed_checks
from intent_platform.partitions import Window, clock_set_to, now, trailing_window, wall_clock
from intent_platform.platforms import platform_for
from intent_platform.sessions.file_scans import FileScan
from intent_platform.settings import Settings
from intent_platform_tests.automation.conftest import landing_settings
from intent_platform_tests.builders.sensors import YESTERDAY, carry_out, count, days_of, drop, move, score, tick
from intent_platform_tests.builders.sessions import landing_rows

BROKEN_FILE = "UID,SESSION_DATE\n1,2\n"


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def load_dropped(settings: Settings, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """Run the first request of the landing sensor."""
    return carry_out(settings, instance, tick(settings, "landing_sensor", instance).run_requests[0])


def test_empty_landing_folder_requests_nothing(landing, instance):
    assert "no file" in tick(landing, "landing_sensor", instance).skip_message


class TestDroppedFiles:
    def test_are_requested_as_ranges_of_days(self, landing, instance):
        for days_before in (3, 2, 9):
            drop(landing, YESTERDAY - timedelta(days=days_before))
        first, second = tick(landing, "landing_sensor", instance).run_requests
        assert days_of(first) == trailing_window(YESTERDAY - timedelta(days=9), 1)
        assert days_of(second) == trailing_window(YESTERDAY - timedelta(days=2), 2)

    def test_keep_their_run_keys_until_they_are_loaded(self, landing, instance):
        for days_before in (3, 9):
            drop(landing, YESTERDAY - timedelta(days=days_before))
        first, second = tick(landing, "landing_sensor", instance).run_requests
        again = tick(landing, "landing_sensor", instance).run_requests
        assert [request.run_key for request in again] == [first.run_key, second.run_key]
        assert first.run_key != second.run_key

    def test_are_loaded_and_moved(self, landing, instance):
        for days_before in (3, 2, 9):
            drop(landing, YESTERDAY - timedelta(days=days_before))
        for request in reversed(tick(landing, "landing_sensor", instance).run_requests):
            assert carry_out(landing, instance, request).success
        assert count(landing, "SOURCE") == count(landing, "DATASET") == 60
        assert files_in(landing.landing_folder) == ["accepted"]
        assert "no file" in tick(landing, "landing_sensor", instance).skip_message

    def test_change_no_row_when_they_are_dropped_again(self, landing, instance):
        run_keys = []
        for _ in range(2):
            drop(landing, YESTERDAY)
            (request,) = tick(landing, "landing_sensor", instance).run_requests
            run_keys.append(request.run_key)
            assert carry_out(landing, instance, request).success
            assert count(landing, "SOURCE") == 20
        assert run_keys[0] != run_keys[1]

    def test_add_to_a_loaded_day_and_correct_it_by_key(self, landing, instance):
        drop(landing, YESTERDAY, 20)
        load_dropped(landing, instance)
        late = landing_rows(YESTERDAY, 5, seed=1)
        corrected = landing_rows(YESTERDAY, 20).slice(0, 1)
        pyarrow.csv.write_csv(pyarrow.concat_tables([late, corrected]), landing.landing_folder / "late.csv")
        load_dropped(landing, instance)
        assert count(landing, "SOURCE") == 25

    def test_wait_for_a_later_tick_while_they_are_scanned(self, landing, instance, monkeypatch):
        drop(landing, YESTERDAY)
        scan: Future[FileScan] = Future()
        monkeypatch.setattr(sensors, "_SCAN_SECONDS", 0)
        with monkeypatch.context() as patched:
            patched.setattr("intent_platform.sessions.landing.scan_file", lambda *_: scan)
            assert "no file" in tick(landing, "landing_sensor", instance).skip_message
            scan.set_result(FileScan([YESTERDAY]))
            (request,) = tick(landing, "landing_sensor", instance).run_requests
        assert days_of(request) == Window(YESTERDAY, YESTERDAY + timedelta(days=1))
        assert carry_out(landing, instance, request).success
        assert count(landing, "SOURCE") == 20

    def test_wait_until_their_last_day_is_over(self, landing, instance):
        drop(landing, YESTERDAY + timedelta(days=1))
        assert "contain only past days" in tick(landing, "landing_sensor", instance).skip_message

    def test_are_ignored_by_another_feed(self, settings, instance):
        assert "the feed is simulated" in tick(settings, "landing_sensor", instance).skip_message


@dataclass
class LoadedBesideBroken:
    """A shop that loaded a good file while an unreadable one was in the folder."""

    settings: Settings
    instance: dg.DagsterInstance
    request: dg.RunRequest
    run: dg.ExecuteInProcessResult


class TestUnreadableFile:
    @pytest.fixture(scope="class")
    @classmethod
    def loaded(cls, tmp_path_factory) -> Iterator[LoadedBesideBroken]:
        """Tests only read this shop."""
        settings = landing_settings(tmp_path_factory.mktemp("unreadable") / "home")
        (settings.landing_folder / "broken.csv").write_text(BROKEN_FILE)
        drop(settings, YESTERDAY)
        with dg.DagsterInstance.ephemeral() as instance:
            (request,) = tick(settings, "landing_sensor", instance).run_requests
            yield LoadedBesideBroken(settings, instance, request, carry_out(settings, instance, request))

    def test_does_not_block_the_others(self, loaded):
        assert days_of(loaded.request) == trailing_window(YESTERDAY, 1)
        assert loaded.run.success
        assert count(loaded.settings, "SOURCE") == 20

    def test_stays_in_place(self, loaded):
        assert (loaded.settings.landing_folder / "broken.csv").exists()

    def test_is_named_by_a_check(self, loaded):
        (failed,) = failed_checks(loaded.instance, loaded.run.run_id)
        assert (failed.asset_key, failed.check_name) == (dg.AssetKey("source"), "feed_is_readable")
        assert "broken.csv has no column" in (failed.description or "")

    def test_is_requested_again(self, loaded):
        """The run key has the date, so a forgotten file is reported every day."""
        assert len(tick(loaded.settings, "landing_sensor", loaded.instance).run_requests) == 1

    def test_is_loaded_once_it_is_repaired(self, landing, instance):
        (landing.landing_folder / "broken.csv").write_text(BROKEN_FILE)
        drop(landing, YESTERDAY)
        load_dropped(landing, instance)
        drop(landing, YESTERDAY, name="broken.csv", seed=1)
        assert not failed_checks(instance, load_dropped(landing, instance).run_id)
        assert count(landing, "SOURCE") == 40


class TestUnusableFolder:
    def test_is_told_by_the_tick(self, landing, instance):
        landing.landing_folder.rmdir()
        landing.landing_folder.write_text("not a folder")
        assert "cannot be listed (Not a directory)" in tick(landing, "landing_sensor", instance).skip_message

    def test_fails_the_load_without_loading_anything(self, landing, instance):
        (landing.landing_folder / "accepted").write_text("not a folder")
        drop(landing, YESTERDAY)
        with pytest.raises(dg.Failure, match="files cannot be moved"):
            load_dropped(landing, instance)
        assert count(landing, "SOURCE") == 0


def test_file_with_a_name_that_is_not_utf8_is_requested(landing, instance):
    drop(landing, YESTERDAY, name="a.csv")
    (landing.landing_folder / "a.csv").rename(landing.landing_folder / os.fsdecode(b"caf\xe9.csv"))
    run = load_dropped(landing, instance)
    (failed,) = failed_checks(instance, run.run_id)
    assert "caf\\udce9.csv has a name that is not UTF-8: rename it" in (failed.description or "")


class TestOutdatedScores:
    """The first champion scored yesterday, three days before and forty days before."""

    FIRST, SECOND = "v_240101_000000", "v_240201_000000"

    @pytest.fixture(autouse=True)
    def scored(self, landing) -> None:
        for days_before in (40, 3, 0):
            score(landing, YESTERDAY - timedelta(days=days_before), by=self.FIRST)

    def test_need_a_champion(self, landing, instance):
        assert "no version is champion yet" in tick(landing, "champion_sensor", instance).skip_message

    def test_exclude_those_of_the_champion(self, landing, instance):
        move(landing, 1, self.FIRST)
        assert "are outdated" in tick(landing, "champion_sensor", instance).skip_message

    def test_of_recent_days_are_requested_after_a_move(self, landing, instance):
        move(landing, 1, self.FIRST)
        move(landing, 2, self.SECOND)
        (request,) = tick(landing, "champion_sensor", instance).run_requests
        assert days_of(request) == trailing_window(YESTERDAY, 4)

    def test_keep_their_run_key_until_they_are_replaced(self, landing, instance):
        move(landing, 1, self.FIRST)
        move(landing, 2, self.SECOND)
        first, second = (tick(landing, "champion_sensor", instance).run_requests[0].run_key for _ in range(2))
        assert first == second

    @pytest.mark.parametrize("chosen_as", ["version", "at_the_time"])
    def test_exclude_days_that_somebody_chose(self, landing, instance, chosen_as):
        """Not even a day between two outdated days is requested."""
        score(landing, YESTERDAY - timedelta(days=1), by="v_240103_000000", chosen_as=chosen_as)
        move(landing, 1, self.FIRST)
        move(landing, 2, self.SECOND)
        requests = tick(landing, "champion_sensor", instance).run_requests
        days = [YESTERDAY - timedelta(days=3), YESTERDAY]
        assert [days_of(request) for request in requests] == [trailing_window(day, 1) for day in days]

    def test_include_those_given_after_the_move_by_a_run_before(self, landing, instance):
        """The run had chosen its version before the move."""
        move(landing, 1, self.FIRST)
        move(landing, 2, self.SECOND)
        with platform_for(landing).warehouse.connect(writing=True) as connection:
            connection.execute("UPDATE SCORES SET SCORED_AT = :at", at=wall_clock(now()))
        assert len(tick(landing, "champion_sensor", instance).run_requests) == 1

    @pytest.mark.parametrize("since", ["before the move", "after the move"])
    def test_of_an_earlier_release_go_by_their_time(self, landing, instance, since):
        move(landing, 1, self.SECOND)
        with platform_for(landing).warehouse.connect(writing=True) as connection:
            connection.execute("UPDATE SCORES SET CHOSEN_AS = NULL, MOVE = NULL")
            if since == "after the move":
                connection.execute("UPDATE SCORES SET SCORED_AT = :at", at=wall_clock(now()))
        skipped = isinstance(tick(landing, "champion_sensor", instance), dg.SkipReason)
        assert skipped == (since == "after the move")

    def test_wait_for_a_later_tick_while_the_warehouse_is_busy(self, landing, instance):
        move(landing, 1, self.FIRST)
        move(landing, 2, self.SECOND)
        with duckdb.connect(str(landing.home / "warehouse.duckdb")):
            skipped = tick(landing, "champion_sensor", instance)
        assert "did not become free" in skipped.skip_message
        assert len(tick(landing, "champion_sensor", instance).run_requests) == 1


@pytest.mark.parametrize("sensor", ["landing_sensor", "champion_sensor"])
def test_failed_request_is_repeated_on_the_next_day(landing, instance, sensor):
    drop(landing, YESTERDAY)
    score(landing, YESTERDAY, by="v_240101_000000")
    move(landing, 1, "v_240101_000000")
    move(landing, 2, "v_240201_000000")
    today = tick(landing, sensor, instance).run_requests[0].run_key
    with clock_set_to(now() + timedelta(days=1)):
        assert tick(landing, sensor, instance).run_requests[0].run_key != today
