from concurrent.futures import Future
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import dagster as dg
import duckdb
import pyarrow.csv

from intent_platform.assets.champion_alias import ASSET
from intent_platform.automation import sensors
from intent_platform.automation.alerts import failed_checks, failure_sentence
from intent_platform.definitions import build_definitions
from intent_platform.errors import NoChampion
from intent_platform.partitions import Window, clock_set_to, merged, now, trailing_window, wall_clock
from intent_platform.platforms import platform_for
from intent_platform.sessions.file_scans import FileScan
from intent_platform_tests.builders.sensors import (
    YESTERDAY,
    carry_out,
    count,
    days_of,
    drop,
    move,
    score,
    tick,
)
from intent_platform_tests.builders.sessions import landing_rows


def test_dropped_files_are_asked_for_once_loaded_and_moved(landing, instance):
    assert "no file" in tick(landing, "landing_sensor", instance).skip_message
    for back in (3, 2, 9):
        drop(landing, YESTERDAY - timedelta(days=back))
    first, second = tick(landing, "landing_sensor", instance).run_requests
    assert days_of(first) == trailing_window(YESTERDAY - timedelta(days=9), 1)
    assert days_of(second) == trailing_window(YESTERDAY - timedelta(days=2), 2)
    again = tick(landing, "landing_sensor", instance).run_requests
    assert [r.run_key for r in again] == [first.run_key, second.run_key]
    assert carry_out(landing, instance, second).success
    assert carry_out(landing, instance, first).success
    assert count(landing, "SOURCE") == count(landing, "DATASET") == 60
    assert sorted(path.name for path in landing.landing_folder.iterdir()) == ["accepted"]
    assert "no file" in tick(landing, "landing_sensor", instance).skip_message
    # The same file again is a new request, and changes no row.
    drop(landing, YESTERDAY - timedelta(days=2))
    request = tick(landing, "landing_sensor", instance).run_requests[0]
    assert request.run_key not in (first.run_key, second.run_key)
    assert carry_out(landing, instance, request).success
    assert count(landing, "SOURCE") == 60


def test_a_second_file_adds_to_a_day_and_corrects_by_key(landing, instance):
    drop(landing, YESTERDAY, 20)
    carry_out(landing, instance, tick(landing, "landing_sensor", instance).run_requests[0])
    late = landing_rows(YESTERDAY, 5, seed=1)
    corrected = landing_rows(YESTERDAY, 20).slice(0, 1)
    pyarrow.csv.write_csv(pyarrow.concat_tables([late, corrected]), landing.landing_folder / "late.csv")
    carry_out(landing, instance, tick(landing, "landing_sensor", instance).run_requests[0])
    assert count(landing, "SOURCE") == 25


def test_a_file_that_cannot_be_read_holds_up_no_other_and_a_check_says_its_name(landing, instance):
    broken = landing.landing_folder / "broken.csv"
    broken.write_text("UID,SESSION_DATE\n1,2\n")
    drop(landing, YESTERDAY)
    (request,) = tick(landing, "landing_sensor", instance).run_requests
    assert days_of(request) == trailing_window(YESTERDAY, 1)
    result = carry_out(landing, instance, request)
    assert result.success
    assert broken.exists()
    assert count(landing, "SOURCE") == 20
    (failed,) = failed_checks(instance, result.run_id)
    assert (failed.asset_key, failed.check_name) == (dg.AssetKey("source"), "feed_is_readable")
    assert "broken.csv has no column" in (failed.description or "")
    # It is asked for again tomorrow, so that nobody forgets it; mended it is loaded.
    assert len(tick(landing, "landing_sensor", instance).run_requests) == 1
    drop(landing, YESTERDAY, name="broken.csv", seed=1)
    assert not failed_checks(
        instance, carry_out(landing, instance, tick(landing, "landing_sensor", instance).run_requests[0]).run_id
    )
    assert count(landing, "SOURCE") == 40


def test_a_file_that_takes_long_to_read_is_asked_for_by_a_later_tick(landing, instance, monkeypatch):
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


def test_the_landing_sensor_says_when_the_feed_is_another(settings, instance):
    assert "the feed is simulated" in tick(settings, "landing_sensor", instance).skip_message


def test_scores_of_another_version_than_the_champion_are_asked_for_until_they_are_done(landing, instance):
    assert "no version is champion yet" in tick(landing, "champion_sensor", instance).skip_message
    score(landing, YESTERDAY - timedelta(days=40), by="v_240101_000000")  # beyond the days that are scored again
    score(landing, YESTERDAY - timedelta(days=3), by="v_240101_000000")
    score(landing, YESTERDAY, by="v_240101_000000")
    move(landing, 1, "v_240101_000000")
    assert "are outdated" in tick(landing, "champion_sensor", instance).skip_message
    move(landing, 2, "v_240201_000000")
    (request,) = tick(landing, "champion_sensor", instance).run_requests
    assert days_of(request) == trailing_window(YESTERDAY, 4)
    # As long as it has not worked it is asked for, once a day.
    assert tick(landing, "champion_sensor", instance).run_requests[0].run_key == request.run_key
    # What somebody scored with another version after the move is his choice.
    with platform_for(landing).warehouse.connect(writing=True) as connection:
        connection.execute("UPDATE SCORES SET SCORED_AT = :at", at=wall_clock(now()))
    assert "are outdated" in tick(landing, "champion_sensor", instance).skip_message


def test_a_busy_warehouse_makes_the_sensor_wait_for_its_next_tick(landing, instance):
    score(landing, YESTERDAY, by="v_240101_000000")
    move(landing, 1, "v_240201_000000")
    with duckdb.connect(str(landing.home / "warehouse.duckdb")):
        skipped = tick(landing, "champion_sensor", instance)
    assert "did not become free" in skipped.skip_message
    assert len(tick(landing, "champion_sensor", instance).run_requests) == 1


def test_a_file_with_sessions_of_today_waits_until_today_is_over(landing, instance):
    drop(landing, YESTERDAY + timedelta(days=1))
    assert "contain only past days" in tick(landing, "landing_sensor", instance).skip_message


def test_what_was_asked_for_and_failed_is_asked_for_again_on_another_day(landing, instance):
    drop(landing, YESTERDAY)
    score(landing, YESTERDAY, by="v_240101_000000")
    move(landing, 1, "v_240201_000000")
    asked = {
        name: tick(landing, name, instance).run_requests[0].run_key for name in ("landing_sensor", "champion_sensor")
    }
    tomorrow = now() + timedelta(days=1)
    with clock_set_to(tomorrow):
        for name, key in asked.items():
            assert tick(landing, name, instance).run_requests[0].run_key != key


def test_a_failed_run_is_announced_with_its_sentence(make_settings, instance):
    received: list[str] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            """Silent."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/hook"
        settings = make_settings(alerts={"webhook_url": url})
        definitions = build_definitions(settings)
        result = definitions.resolve_job_def("rollback").execute_in_process(instance=instance, raise_on_error=False)
        assert not result.success
        context = dg.build_run_status_sensor_context(
            sensor_name="failure_sensor",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=next(e for e in result.all_events if e.event_type is dg.DagsterEventType.RUN_FAILURE),
        ).for_run_failure()
        sentence = str(NoChampion("there is no champion to roll back from: none was ever promoted"))
        assert sentence in failure_sentence(context)
        build_definitions(settings).resolve_sensor_def("failure_sensor")(context)
        server.shutdown()
    assert len(received) == 1
    assert sentence in received[0]
    assert "rollback failed" in received[0]


def test_merged_windows_cover_the_same_days_without_touching():
    days = [date(2024, 5, n) for n in (1, 2, 3, 7, 9, 10)]
    windows = merged(Window(day, day + timedelta(days=1)) for day in reversed(days))
    assert [day for window in windows for day in window] == days
    assert len(windows) == 3


def test_the_alias_is_an_asset_that_rollback_can_record(settings):
    keys = {key.to_user_string() for key in build_definitions(settings).resolve_asset_graph().get_all_asset_keys()}
    assert keys == {"source", "dataset", "challenger_model", "evaluation", ASSET, "scores", "monitoring"}
