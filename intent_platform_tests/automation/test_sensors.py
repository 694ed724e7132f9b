from concurrent.futures import Future
from datetime import date, datetime, time, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import dagster as dg
import duckdb
import pyarrow.csv
import pytest

from intent_platform.assets.champion_alias import ASSET
from intent_platform.automation import catch_up, sensors
from intent_platform.automation.alerts import failed_checks, failure_sentence
from intent_platform.automation.sensors import build_sensors
from intent_platform.definitions import build_definitions
from intent_platform.errors import NoChampion
from intent_platform.partitions import TIMEZONE, Window, clock_set_to, merged, now, trailing_window, wall_clock
from intent_platform.platforms import platform_for
from intent_platform.sessions.looks import Look
from intent_platform.sessions.simulated.feed import SimulatedFeed
from intent_platform_tests.sessions_made import landing_rows, write_uci_csv

RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
YESTERDAY = now().date() - timedelta(days=1)


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def landing(make_settings):
    """Settings of a shop whose sessions are dropped into a folder."""
    settings = make_settings(
        feed="landing",
        first_day=YESTERDAY - timedelta(days=20),
        warehouse={"wait_seconds": 5},
        landing={"done_files": False, "quiet_seconds": 0},
    )
    settings.landing_folder.mkdir(parents=True)
    return settings


def tick(settings, name, instance, cursor=None) -> Any:
    sensor = next(sensor for sensor in build_sensors(settings) if sensor.name == name)
    context = dg.build_sensor_context(instance, cursor, resources={"warehouse": platform_for(settings).warehouse})
    result = sensor.evaluate_tick(context)
    if result.run_requests or result.cursor:
        return result
    return dg.SkipReason(result.skip_message)


def drop(settings, day: date, rows: int = 20, name: str = "", seed: int = 0) -> None:
    path = settings.landing_folder / (name or f"{day}.csv")
    pyarrow.csv.write_csv(landing_rows(day, rows, seed), path)


def carry_out(settings, instance, request, **options) -> dg.ExecuteInProcessResult:
    job = build_definitions(settings).resolve_job_def(request.job_name)
    return job.execute_in_process(instance=instance, tags=dict(request.tags), **options)


def days_of(request) -> Window:
    start, end = (date.fromisoformat(request.tags[tag]) for tag in RANGE)
    return Window(start, end + timedelta(days=1))


def count(settings, table) -> Any:
    with platform_for(settings).warehouse.session() as session:
        return session.fetch(f"SELECT COUNT(*) AS COUNTED FROM {table}")["COUNTED"][0].as_py()


def move(settings, number, to, day=date(2024, 1, 1)) -> None:
    with platform_for(settings).warehouse.session(writing=True) as session:
        session.execute(
            "INSERT INTO CHAMPION_HISTORY SELECT :number, :at, :day, NULL, :to, 'first', 'made', '{}', 'r'",
            number=number,
            to=to,
            at=wall_clock(now()),
            day=day,
        )


def score(settings, day, by) -> None:
    with platform_for(settings).warehouse.session(writing=True) as session:
        session.execute(
            "INSERT INTO SCORES SELECT 'u', :day, 'PURCHASE_INTENT', :by, 0.5, :at",
            day=day,
            by=by,
            at=wall_clock(now()),
        )


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
    look: Future[Look] = Future()
    monkeypatch.setattr(sensors, "_LOOK_SECONDS", 0)
    with monkeypatch.context() as patched:
        patched.setattr("intent_platform.sessions.landing.look_at", lambda *_: look)
        assert "no file" in tick(landing, "landing_sensor", instance).skip_message
        look.set_result(Look([YESTERDAY]))
        (request,) = tick(landing, "landing_sensor", instance).run_requests
    assert days_of(request) == Window(YESTERDAY, YESTERDAY + timedelta(days=1))
    assert carry_out(landing, instance, request).success
    assert count(landing, "SOURCE") == 20


def test_late_sessions_redo_their_day_and_its_scores(landing, instance):
    """The day was loaded and scored empty-handed, as at night; then its file comes, long after."""
    day = YESTERDAY - timedelta(days=15)
    late = dg.AssetMaterialization("scores", partition=day.isoformat())
    for asset in ("source", "dataset"):
        instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=day.isoformat()))
    instance.report_runless_asset_event(late)
    move(landing, 1, "v_240101_000000")
    assert not [r for r in tick(landing, "catch_up_sensor", instance).run_requests if r.job_name == "scores_job"]
    drop(landing, day)
    carry_out(landing, instance, tick(landing, "landing_sensor", instance).run_requests[0])
    (request,) = (
        request
        for request in tick(landing, "catch_up_sensor", instance).run_requests
        if request.job_name == "scores_job"
    )
    assert days_of(request) == trailing_window(day, 1)
    instance.report_runless_asset_event(late)
    assert not [r for r in tick(landing, "catch_up_sensor", instance).run_requests if r.job_name == "scores_job"]


def test_days_that_fail_too_often_are_given_up_and_announced_once(landing, instance, monkeypatch):
    """The platform was off for days, and something keeps the load from working."""
    said: list[str] = []
    monkeypatch.setattr(catch_up, "announce", lambda settings, log, text: said.append(text))
    landing.home.mkdir(exist_ok=True)
    (landing.home / "warehouse.duckdb").write_text("no database")
    cursor, keys = None, []
    for attempt in range(1, landing.scoring.catch_up_attempts + 1):
        result = tick(landing, "catch_up_sensor", instance, cursor)
        (request,) = result.run_requests
        assert len(days_of(request)) == landing.scoring.catch_up_days
        keys.append(request.run_key)
        assert request.run_key.endswith(f"attempt {attempt}")
        assert not carry_out(landing, instance, request, raise_on_error=False).success
        cursor = result.cursor
    assert len(set(keys)) == len(keys)
    assert said == []
    result = tick(landing, "catch_up_sensor", instance, cursor)
    assert not result.run_requests
    assert tick(landing, "catch_up_sensor", instance, result.cursor).run_requests == []
    assert len(said) == 1
    assert "sessions_job" in said[0]
    assert f"failed {landing.scoring.catch_up_attempts} times" in said[0]
    # Whoever mends it materializes the days, and the gap is gone.
    (landing.home / "warehouse.duckdb").unlink()
    assert carry_out(landing, instance, request).success
    assert tick(landing, "catch_up_sensor", instance, result.cursor).cursor == "[]"


def test_the_landing_sensor_says_when_the_feed_is_another(settings, instance):
    assert "the feed is simulated" in tick(settings, "landing_sensor", instance).skip_message


def test_scores_of_another_version_than_the_champion_are_asked_for_until_they_are_done(landing, instance):
    assert "no version was champion" in tick(landing, "champion_sensor", instance).skip_message
    score(landing, YESTERDAY - timedelta(days=40), by="v_240101_000000")  # beyond the days that are scored again
    score(landing, YESTERDAY - timedelta(days=3), by="v_240101_000000")
    score(landing, YESTERDAY, by="v_240101_000000")
    move(landing, 1, "v_240101_000000")
    assert "are the champion's" in tick(landing, "champion_sensor", instance).skip_message
    move(landing, 2, "v_240201_000000")
    (request,) = tick(landing, "champion_sensor", instance).run_requests
    assert days_of(request) == trailing_window(YESTERDAY, 4)
    # As long as it has not worked it is asked for, once a day.
    assert tick(landing, "champion_sensor", instance).run_requests[0].run_key == request.run_key
    # What somebody scored with another version after the move is his choice.
    with platform_for(landing).warehouse.session(writing=True) as session:
        session.execute("UPDATE SCORES SET SCORED_AT = :at", at=wall_clock(now()))
    assert "are the champion's" in tick(landing, "champion_sensor", instance).skip_message


def test_a_busy_warehouse_makes_the_sensor_wait_for_its_next_tick(landing, instance):
    score(landing, YESTERDAY, by="v_240101_000000")
    move(landing, 1, "v_240201_000000")
    with duckdb.connect(str(landing.home / "warehouse.duckdb")):
        skipped = tick(landing, "champion_sensor", instance)
    assert "did not become free" in skipped.skip_message
    assert len(tick(landing, "champion_sensor", instance).run_requests) == 1


def test_a_promotion_that_was_decided_and_not_carried_out_is_asked_for(landing, instance):
    with platform_for(landing).warehouse.session(writing=True) as session:
        session.execute(
            "INSERT INTO EVALUATIONS SELECT :month, 'v_240501_000000', '', :month, :month, 1, 1, 0.9, NULL, NULL, "
            "NULL, 'promote', '[]', '{}', :at, 'r'",
            month=date(2024, 5, 1),
            at=wall_clock(now()),
        )

    def promotions() -> list[Any]:
        requests = tick(landing, "catch_up_sensor", instance).run_requests
        return [request for request in requests if request.job_name == "promotion_job"]

    (request,) = promotions()
    assert "v_240501_000000" in request.run_key
    # Not while the evaluation that decided it is still under way, nor after the move.
    job = build_definitions(landing).resolve_job_def("evaluation_job")
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert promotions() == []
    instance.report_run_failed(run)
    assert len(promotions()) == 1
    move(landing, 1, "v_240501_000000")
    assert promotions() == []


def test_missing_days_are_asked_for_until_they_are_there(landing, instance):
    (request,) = tick(landing, "catch_up_sensor", instance).run_requests
    window = days_of(request)
    assert request.job_name == "sessions_job"
    assert len(window) == landing.scoring.catch_up_days
    assert window.end >= YESTERDAY  # yesterday itself only an hour after its clock
    assert carry_out(landing, instance, request).success
    assert "nothing of the last" in tick(landing, "catch_up_sensor", instance).skip_message
    # With a champion, the scores of these days are missing too.
    move(landing, 1, "v_240101_000000")
    (request,) = tick(landing, "catch_up_sensor", instance).run_requests
    assert request.job_name == "scores_job"
    assert days_of(request).start == window.start


@pytest.mark.parametrize(("clock", "due"), [("05:59", 2), ("06:00", 1)])
def test_a_day_is_missing_an_hour_after_its_schedule_and_not_before(landing, instance, clock, due):
    today = YESTERDAY + timedelta(days=1)
    moment = datetime.combine(today, time.fromisoformat(clock), TIMEZONE)
    with clock_set_to(moment):
        (request,) = tick(landing, "catch_up_sensor", instance).run_requests
    assert days_of(request).end == today - timedelta(days=due - 1)


def test_a_file_with_sessions_of_today_waits_until_today_is_over(landing, instance):
    drop(landing, YESTERDAY + timedelta(days=1))
    assert "no file with days that are over" in tick(landing, "landing_sensor", instance).skip_message


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


def test_a_gap_is_asked_for_as_ranges_and_not_while_a_run_is_under_way(landing, instance):
    due = days_of(tick(landing, "catch_up_sensor", instance).run_requests[0])
    for asset in ("source", "dataset"):
        for day in (due.start, due.start + timedelta(days=3)):
            instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=day.isoformat()))
    gaps = [days_of(request) for request in tick(landing, "catch_up_sensor", instance).run_requests]
    assert sorted(day for gap in gaps for day in gap) == [
        day for day in due if day not in (due.start, due.start + timedelta(days=3))
    ]
    assert len(gaps) == 2
    job = build_definitions(landing).resolve_job_def("sessions_job")
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert "under way" in tick(landing, "catch_up_sensor", instance).skip_message


@pytest.fixture
def simulated(make_settings):
    """Settings of a simulated shop, small and quickly trained."""

    def make(**simulated: object):
        training = make_settings().training.model_dump() | {"trials": 1, "folds": 2, "iterations": 30, "months": 1}
        return make_settings(
            feed="simulated",
            first_day="2025-06-01",
            simulated={"seed": 0, "sessions_per_day": 60, "scenario": {"kind": "none"}, **simulated},
            training=training,
            warehouse={"wait_seconds": 5},
        )

    return make


def jobs_asked_for(settings, instance) -> list[tuple[str, ...]]:
    """Carry out all that the sensor asks for, tick by tick, until it asks no more."""
    asked: list[tuple[str, ...]] = []
    while requests := tick(settings, "catch_up_sensor", instance).run_requests:
        assert len(asked) < 20, "it never stops asking"
        for request in requests:
            keys = [request.tags.get(tag) or request.tags["dagster/partition"] for tag in RANGE]
            asked.append((request.job_name, *keys))
            assert carry_out(settings, instance, request).success
    return asked


def test_a_platform_that_was_off_for_nine_days_catches_up_in_order(simulated, instance, empty_registry):
    """Off from 28 June to 7 July: sessions and the challenger of July were missed; then from 12 to 21 July."""
    settings = simulated()
    empty_registry(settings.home)
    with clock_set_to(datetime(2025, 6, 28, 9, tzinfo=TIMEZONE)):
        job = build_definitions(settings).resolve_job_def("sessions_job")
        days = dict(zip(RANGE, ("2025-06-01", "2025-06-27"), strict=True))
        assert job.execute_in_process(instance=instance, tags=days).success
    with clock_set_to(datetime(2025, 7, 7, 12, tzinfo=TIMEZONE)):
        assert jobs_asked_for(settings, instance) == [
            ("sessions_job", "2025-06-28", "2025-07-06"),
            ("training_job", "2025-07-01", "2025-07-01"),
        ]
    with clock_set_to(datetime(2025, 7, 21, 12, tzinfo=TIMEZONE)):
        assert jobs_asked_for(settings, instance) == [
            ("sessions_job", "2025-07-07", "2025-07-20"),
            ("evaluation_job", "2025-07-01", "2025-07-01"),
            ("scores_job", "2025-07-07", "2025-07-20"),
        ]


def test_a_month_is_not_asked_for_before_its_clock_nor_long_after(simulated, instance):
    settings = simulated()
    for key in Window(date(2025, 6, 1), date(2025, 7, 20)).keys:
        for asset in ("source", "dataset"):
            instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=key))

    def asked(moment: str) -> list[str]:
        with clock_set_to(datetime.fromisoformat(moment).replace(tzinfo=TIMEZONE)):
            requests = tick(settings, "catch_up_sensor", instance).run_requests
        return [request.job_name for request in requests if request.job_name != "sessions_job"]

    assert asked("2025-07-01 10:59") == []
    assert asked("2025-07-01 11:01") == ["training_job"]
    assert asked("2025-07-16 00:00") == []
    instance.report_runless_asset_event(dg.AssetMaterialization("challenger_model", partition="2025-07-01"))
    assert asked("2025-07-15 10:59") == []
    assert asked("2025-07-15 11:01") == ["evaluation_job"]


def test_days_whose_rows_came_late_are_loaded_again_once_they_are_whole(simulated, instance):
    settings = simulated(scenario={"kind": "late_rows", "start": "2025-07-01", "strength": 0.5})
    instance.report_runless_asset_event(dg.AssetMaterialization("challenger_model", partition="2025-07-01"))
    with clock_set_to(datetime(2025, 7, 2, 9, tzinfo=TIMEZONE)):
        job = build_definitions(settings).resolve_job_def("sessions_job")
        days = dict(zip(RANGE, ("2025-06-01", "2025-07-01"), strict=True))
        assert job.execute_in_process(instance=instance, tags=days).success
        assert jobs_asked_for(settings, instance) == []
        before = count(settings, "SOURCE")
    with clock_set_to(datetime(2025, 7, 5, 5, 30, tzinfo=TIMEZONE)):
        assert jobs_asked_for(settings, instance) == [("sessions_job", "2025-07-01", "2025-07-03")]
        late = count(settings, "SOURCE WHERE SESSION_DATE = '2025-07-01'")
    assert count(settings, "SOURCE") > before
    whole = simulated()
    with SimulatedFeed.of(whole).deliver(Window(date(2025, 7, 1), date(2025, 7, 2))) as batches:
        assert late == sum(batch.rows.num_rows for batch in batches)


def test_a_feed_that_was_never_fetched_is_not_fetched_by_a_sensor(make_settings, instance):
    assert "not fetched yet" in tick(make_settings(feed="uci"), "catch_up_sensor", instance).skip_message


def test_a_feed_that_ended_long_ago_has_nothing_to_catch_up(make_settings, instance, tmp_path):
    csv = write_uci_csv(tmp_path / "sessions.csv", {"Feb": 5})
    settings = make_settings(uci={"csv": csv, "year": 2024, "session_dates": "spread"})
    assert "nothing of the last" in tick(settings, "catch_up_sensor", instance).skip_message


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
        sensor = next(sensor for sensor in build_sensors(settings) if sensor.name == "failure_sensor")
        sensor(context)
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
