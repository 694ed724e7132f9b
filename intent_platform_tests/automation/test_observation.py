"""The observed table drives dataset: each changed day is recorded once and requested once, and the scores follow."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import dagster as dg
import pytest

from intent_platform.definitions import build_definitions
from intent_platform.errors import FeedError
from intent_platform.partitions import Window, now, wall_clock
from intent_platform.platforms import platform_for
from intent_platform_tests.builders.observed_table import PLACES, Filler, NewTable, days, filler, in_a_file, new_table
from intent_platform_tests.builders.sensors import days_of, evaluate

__all__ = ["filler", "new_table"]
TODAY = now().date()
#: Days before the look-back. Catch-up requests them only because they changed.
OLD, OLDER = TODAY - timedelta(days=20), TODAY - timedelta(days=22)


def record_changes(filler: Filler, instance: dg.DagsterInstance) -> dict[str, int]:
    """Tick the sensor as the daemon does. Returns the rows of each day that it recorded as changed."""
    events = evaluate(filler.settings, "table_sensor", instance).asset_events
    for event in events:
        instance.report_runless_asset_event(event)
    assert len({event.partition for event in events}) == len(events)
    return {event.partition: event.metadata["dagster/partition_row_count"].value for event in events}


def requested_days(filler: Filler, instance: dg.DagsterInstance, job: str = "sessions_job") -> list[Window]:
    """The days before the look-back that catch-up requests."""
    requests = evaluate(filler.settings, "catch_up_sensor", instance).run_requests or []
    windows = [days_of(request) for request in requests if request.job_name == job]
    horizon = TODAY - timedelta(days=filler.settings.scoring.catch_up_days + 2)
    return sorted(window for window in windows if window.end <= horizon)


def build(filler: Filler, instance: dg.DagsterInstance, window: Window) -> None:
    job = build_definitions(filler.settings).resolve_job_def("sessions_job")
    assert job.execute_in_process(instance=instance, tags=days(window)).success


def day_window(day: date) -> Window:
    return Window(day, day + timedelta(days=1))


def rows_in_dataset(filler: Filler, day: date) -> int:
    return int(filler.ours("SELECT COUNT(*) AS COUNTED FROM DATASET WHERE SESSION_DATE = :day", day=day)[0][0])


@dataclass
class LoadedTable:
    """A table whose days a run has taken, and what the sensor recorded when it first looked after that."""

    filler: Filler
    instance: dg.DagsterInstance
    first_look: dict[str, int]

    def assert_taken_once(self, rows: dict[date, int]) -> None:
        """These days are recorded and requested once, and one run takes their rows."""
        assert record_changes(self.filler, self.instance) == {str(day): n for day, n in rows.items()}
        assert record_changes(self.filler, self.instance) == {}
        assert requested_days(self.filler, self.instance) == [day_window(day) for day in rows]
        build(self.filler, self.instance, Window(min(rows), max(rows) + timedelta(days=1)))
        assert {day: rows_in_dataset(self.filler, day) for day in rows} == rows
        assert record_changes(self.filler, self.instance) == {}
        assert requested_days(self.filler, self.instance) == []


class TestChange:
    """Each test changes days of its own, because all use the same table."""

    GROWING, CORRECTED, REMOVED = (TODAY - timedelta(days=n) for n in (28, 26, 24))

    @pytest.fixture(scope="class", params=PLACES)
    @classmethod
    def loaded(cls, request, new_table: NewTable) -> Iterator[LoadedTable]:
        """Ten sessions on each of three old days, for each place of the table in turn."""
        with new_table(request.param) as filler, dg.DagsterInstance.ephemeral() as instance:
            for day in (cls.GROWING, cls.CORRECTED, cls.REMOVED):
                filler.put(day, 10)
            build(filler, instance, Window(cls.GROWING, cls.REMOVED + timedelta(days=1)))
            yield LoadedTable(filler, instance, record_changes(filler, instance))

    def test_is_not_recorded_for_rows_that_a_run_read(self, loaded):
        """The schedule built these days before the sensor looked."""
        assert loaded.first_look == {}
        assert requested_days(loaded.filler, loaded.instance) == []

    def test_by_new_days_is_taken_once(self, loaded):
        loaded.filler.put(OLD, 20)
        loaded.filler.put(OLDER, 10)
        loaded.assert_taken_once({OLDER: 10, OLD: 20})

    def test_by_late_rows_is_taken_once(self, loaded):
        loaded.filler.put(self.GROWING, 5, seed=1)
        loaded.assert_taken_once({self.GROWING: 15})

    def test_by_corrected_rows_is_taken_once(self, loaded):
        correct = "UPDATE {} SET LOADED_AT = :at WHERE SESSION_DATE = :day"
        loaded.filler.run(correct, at=wall_clock(now()), day=self.CORRECTED)
        loaded.assert_taken_once({self.CORRECTED: 10})

    def test_by_removed_rows_is_taken_once(self, loaded):
        assert rows_in_dataset(loaded.filler, self.REMOVED) == 10
        loaded.filler.run("DELETE FROM {} WHERE SESSION_DATE = :day", day=self.REMOVED)
        loaded.assert_taken_once({self.REMOVED: 0})


class TestRun:
    def test_does_not_hide_a_change_recorded_meanwhile(self, filler, instance):
        """The run read the table before the change and ends after it."""
        filler.put(OLD, 20)
        build(filler, instance, day_window(OLD))
        filler.put(OLD, 5, seed=1)
        record_changes(filler, instance)
        read_before = dg.AssetObservation("source", partition=str(OLD), tags={"dagster/data_version": "20 rows, then"})
        instance.report_runless_asset_event(read_before)
        instance.report_runless_asset_event(dg.AssetMaterialization("dataset", partition=str(OLD)))
        assert record_changes(filler, instance) == {str(OLD): 25}
        assert requested_days(filler, instance) == [day_window(OLD)]


class TestScores:
    def test_follow_dataset_when_sessions_come_late(self, filler, instance):
        filler.put(OLD, 20)
        record_changes(filler, instance)
        build(filler, instance, day_window(OLD))
        instance.report_runless_asset_event(dg.AssetMaterialization("scores", partition=str(OLD)))
        with platform_for(filler.settings).warehouse.connect(writing=True) as connection:
            connection.execute(
                "INSERT INTO CHAMPION_HISTORY SELECT 1, :at, :day, NULL, 'v_240101_000000', 'first', 'made', '{}', 'r'",
                at=wall_clock(now()),
                day=OLDER,
            )
        assert requested_days(filler, instance, "scores_job") == []
        filler.put(OLD, 5, seed=1)
        record_changes(filler, instance)
        assert requested_days(filler, instance, "scores_job") == []  # dataset first
        build(filler, instance, day_window(OLD))
        assert requested_days(filler, instance, "scores_job") == [day_window(OLD)]


class TestTableSensor:
    def test_ignores_days_outside_the_partitions(self, filler, instance):
        """Partitions begin on `first_day` and end yesterday."""
        first, yesterday = filler.settings.first_day, TODAY - timedelta(days=1)
        for day in (first - timedelta(days=1), first, yesterday, TODAY, TODAY + timedelta(days=1)):
            filler.put(day, 3)
        assert set(record_changes(filler, instance)) == {str(first), str(yesterday)}

    def test_records_years_of_days_in_one_tick(self, make_settings, tmp_path, instance):
        """Catch-up requests them as one range."""
        filler = in_a_file(make_settings, tmp_path / "elt.duckdb", first_day=TODAY - timedelta(days=800))
        filler.put(OLD, 700, SESSION_DATE=[OLD - timedelta(days=n) for n in range(700)])
        assert len(record_changes(filler, instance)) == 700
        assert record_changes(filler, instance) == {}
        (window,) = requested_days(filler, instance)
        assert (len(window), window.end) == (700, OLD + timedelta(days=1))

    def test_waits_while_another_process_holds_the_file(self, make_settings, tmp_path, instance):
        filler = in_a_file(make_settings, tmp_path / "elt.duckdb")
        filler.put(OLD, 3)
        code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
        holder = subprocess.Popen(
            [sys.executable, "-c", code, str(filler.settings.table.file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert holder.stdout is not None
        holder.stdout.readline()
        skipped = evaluate(filler.settings, "table_sensor", instance)
        holder.communicate()
        assert not skipped.asset_events
        assert f"held by process {holder.pid}" in skipped.skip_message
        assert record_changes(filler, instance) == {str(OLD): 3}

    def test_fails_when_the_table_is_unreadable(self, filler, instance):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(filler.settings.table), "name", "NOWHERE.AT_ALL")
            with pytest.raises(FeedError, match=r"NOWHERE.AT_ALL cannot be read"):
                record_changes(filler, instance)

    def test_skips_another_feed(self, settings, instance):
        skipped = evaluate(settings, "table_sensor", instance)
        assert "the feed is simulated, not table" in skipped.skip_message


class TestSchedule:
    @pytest.mark.filterwarnings(
        "ignore:Function `JobDefinition.run_request_for_partition`:DeprecationWarning"
    )  # Dagster's
    def test_requests_yesterday(self, make_settings):
        settings = make_settings(feed="table")
        schedule = build_definitions(settings).resolve_schedule_def("sessions_schedule")
        context = dg.build_schedule_context(scheduled_execution_time=datetime.combine(TODAY, time(5), now().tzinfo))
        (request,) = schedule.evaluate_tick(context).run_requests or []
        assert request.tags["dagster/partition"] == str(TODAY - timedelta(days=1))
