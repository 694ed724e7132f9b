"""The observed table drives dataset: what changed is said once, asked for once, and the scores follow."""

import subprocess
import sys
from datetime import date, datetime, time, timedelta

import dagster as dg
import pytest

from intent_platform.definitions import build_definitions
from intent_platform.errors import FeedError
from intent_platform.partitions import Window, now, wall_clock
from intent_platform.platforms import platform_for
from intent_platform_tests.builders.observed_table import Filler, days, filler, in_a_file
from intent_platform_tests.builders.sensors import evaluate

__all__ = ["filler"]
TODAY = now().date()
OLD, OLDER = TODAY - timedelta(days=20), TODAY - timedelta(days=22)


def scan(filler: Filler, instance: dg.DagsterInstance) -> dict[str, int]:
    """Tick the sensor as the daemon does; rows of each day that was said to have changed."""
    events = evaluate(filler.settings, "table_sensor", instance).asset_events
    for event in events:
        instance.report_runless_asset_event(event)
    assert len({event.partition for event in events}) == len(events)
    return {event.partition: event.metadata["dagster/partition_row_count"].value for event in events}


def asked(filler: Filler, instance: dg.DagsterInstance, job: str = "sessions_job") -> list[Window]:
    """The days before the look-back that catch_up asks for: those that changed."""
    requests = evaluate(filler.settings, "catch_up_sensor", instance).run_requests or []
    windows = [
        Window(date.fromisoformat(first), date.fromisoformat(last) + timedelta(days=1))
        for request in requests
        if request.job_name == job
        for first, last in [tuple(value for tag, value in sorted(request.tags.items(), reverse=True) if "range" in tag)]
    ]
    horizon = TODAY - timedelta(days=filler.settings.scoring.catch_up_days + 2)
    return sorted(window for window in windows if window.end <= horizon)


def build(filler: Filler, instance: dg.DagsterInstance, window: Window) -> None:
    job = build_definitions(filler.settings).resolve_job_def("sessions_job")
    assert job.execute_in_process(instance=instance, tags=days(window)).success


def day_window(day: date) -> Window:
    return Window(day, day + timedelta(days=1))


def kept(filler: Filler, day: date) -> int:
    return int(filler.ours("SELECT COUNT(*) AS COUNTED FROM DATASET WHERE SESSION_DATE = :day", day=day)[0][0])


def test_a_change_is_said_once_and_its_dataset_asked_for_once(filler, instance):
    filler.put(OLD, 20)
    filler.put(OLDER, 10)
    assert scan(filler, instance) == {str(OLDER): 10, str(OLD): 20}
    assert scan(filler, instance) == {}
    assert asked(filler, instance) == [day_window(OLDER), day_window(OLD)]
    build(filler, instance, Window(OLDER, OLD + timedelta(days=1)))
    assert (kept(filler, OLDER), kept(filler, OLD)) == (10, 20)
    assert scan(filler, instance) == {}
    assert asked(filler, instance) == []

    filler.put(OLD, 5, seed=1)  # late rows
    assert scan(filler, instance) == {str(OLD): 25}
    assert asked(filler, instance) == [day_window(OLD)]
    build(filler, instance, day_window(OLD))
    assert kept(filler, OLD) == 25
    assert asked(filler, instance) == []

    filler.run("UPDATE {} SET LOADED_AT = :at WHERE SESSION_DATE = :day", at=wall_clock(now()), day=OLDER)  # corrected
    assert scan(filler, instance) == {str(OLDER): 10}
    assert asked(filler, instance) == [day_window(OLDER)]
    build(filler, instance, day_window(OLDER))
    assert asked(filler, instance) == []

    filler.run("DELETE FROM {} WHERE SESSION_DATE = :day", day=OLD)  # gone
    assert scan(filler, instance) == {str(OLD): 0}
    assert asked(filler, instance) == [day_window(OLD)]
    build(filler, instance, day_window(OLD))
    assert (kept(filler, OLDER), kept(filler, OLD)) == (10, 0)
    assert scan(filler, instance) == {}
    assert asked(filler, instance) == []


def test_what_a_run_read_is_seen_and_not_asked_for_again(filler, instance):
    """The schedule builds a day before the sensor has looked."""
    filler.put(OLD, 20)
    build(filler, instance, day_window(OLD))
    assert scan(filler, instance) == {}
    assert asked(filler, instance) == []
    filler.put(OLD, 1, seed=1)
    assert scan(filler, instance) == {str(OLD): 21}
    assert asked(filler, instance) == [day_window(OLD)]


def test_a_change_that_was_said_while_a_run_read_the_state_before_is_not_lost(filler, instance):
    filler.put(OLD, 20)
    build(filler, instance, day_window(OLD))
    filler.put(OLD, 5, seed=1)
    scan(filler, instance)
    # A run that began before ends only now: it says what it read, then that dataset is there.
    before = dg.AssetObservation("source", partition=str(OLD), tags={"dagster/data_version": "20 rows, then"})
    instance.report_runless_asset_event(before)
    instance.report_runless_asset_event(dg.AssetMaterialization("dataset", partition=str(OLD)))
    assert scan(filler, instance) == {str(OLD): 25}
    assert asked(filler, instance) == [day_window(OLD)]


def test_late_sessions_redo_their_day_and_then_its_scores(filler, instance):
    filler.put(OLD, 20)
    scan(filler, instance)
    build(filler, instance, day_window(OLD))
    instance.report_runless_asset_event(dg.AssetMaterialization("scores", partition=str(OLD)))
    with platform_for(filler.settings).warehouse.connect(writing=True) as connection:
        connection.execute(
            "INSERT INTO CHAMPION_HISTORY SELECT 1, :at, :day, NULL, 'v_240101_000000', 'first', 'made', '{}', 'r'",
            at=wall_clock(now()),
            day=OLDER,
        )
    assert asked(filler, instance, "scores_job") == []
    filler.put(OLD, 5, seed=1)
    scan(filler, instance)
    assert asked(filler, instance, "scores_job") == []  # dataset first
    build(filler, instance, day_window(OLD))
    assert asked(filler, instance, "scores_job") == [day_window(OLD)]


def test_days_that_are_no_partition_yet_wait(filler, instance):
    first = filler.settings.first_day
    for day in (first - timedelta(days=1), first, TODAY - timedelta(days=1), TODAY, TODAY + timedelta(days=1)):
        filler.put(day, 3)
    assert set(scan(filler, instance)) == {str(first), str(TODAY - timedelta(days=1))}


def test_years_of_days_are_said_in_one_look_and_asked_for_as_one_range(make_settings, tmp_path, instance):
    filler = in_a_file(make_settings, tmp_path / "elt.duckdb", first_day=TODAY - timedelta(days=800))
    filler.put(OLD, 700, SESSION_DATE=[OLD - timedelta(days=n) for n in range(700)])
    assert len(scan(filler, instance)) == 700
    assert scan(filler, instance) == {}
    (window,) = asked(filler, instance)
    assert (len(window), window.end) == (700, OLD + timedelta(days=1))


def test_a_table_that_is_held_is_looked_at_next_time(make_settings, tmp_path, instance):
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
    assert scan(filler, instance) == {str(OLD): 3}


def test_a_table_that_cannot_be_read_fails_the_look(filler, instance):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(filler.settings.table), "name", "NOWHERE.AT_ALL")
        with pytest.raises(FeedError, match=r"NOWHERE.AT_ALL cannot be read"):
            scan(filler, instance)


def test_another_feed_has_nothing_to_look_at(settings, instance):
    filler = Filler(settings, "SOURCE", lambda: pytest.fail("nobody looks"))
    assert "the feed is simulated, not table" in evaluate(filler.settings, "table_sensor", instance).skip_message


@pytest.mark.filterwarnings("ignore:Function `JobDefinition.run_request_for_partition`:DeprecationWarning")  # Dagster's
def test_the_clock_asks_for_yesterday(make_settings):
    settings = make_settings(feed="table")
    schedule = build_definitions(settings).resolve_schedule_def("sessions_schedule")
    moment = datetime.combine(TODAY, time(5), now().tzinfo)
    (request,) = schedule.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=moment)).run_requests or []
    assert request.tags["dagster/partition"] == str(TODAY - timedelta(days=1))
