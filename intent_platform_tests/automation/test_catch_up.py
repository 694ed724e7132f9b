"""Nothing is missed: what the catch-up sensor asks for, in which order, and when it stops asking."""

from datetime import date, datetime, time, timedelta
from typing import Any

import dagster as dg
import pytest

from intent_platform.assets import data_versions
from intent_platform.automation import catch_up
from intent_platform.definitions import build_definitions
from intent_platform.partitions import TIMEZONE, Window, clock_set_to, now, trailing_window, wall_clock
from intent_platform.pipeline.dataset import CODE_VERSION
from intent_platform.platforms import platform_for
from intent_platform.platforms.champion import move_champion
from intent_platform.sessions.simulated.feed import SimulatedFeed
from intent_platform_tests.builders.sensors import (
    RANGE,
    YESTERDAY,
    carry_out,
    count,
    days_of,
    drop,
    jobs_asked_for,
    move,
    tick,
)
from intent_platform_tests.builders.sessions import write_uci_csv


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


def test_a_promotion_that_was_decided_and_not_carried_out_is_asked_for(landing, instance):
    with platform_for(landing).warehouse.connect(writing=True) as connection:
        connection.execute(
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


def test_a_feature_that_a_release_adds_does_not_cost_the_home(simulated, instance, empty_registry, monkeypatch):
    """All days get the column before a month is trained; the old champion scores on, and old scores stay."""
    settings, new = simulated(), "PAGEVALUE_PER_PAGE"
    features = tuple(name for name in settings.training.features if name != new)
    earlier = settings.model_copy(update={"training": settings.training.model_copy(update={"features": features})})
    empty_registry(settings.home)
    platform = platform_for(settings)

    def run(job: str, days: tuple[str, str] | None = None, month: str | None = None) -> None:
        tags = dict(zip(RANGE, days, strict=True)) if days else None
        resolved = build_definitions(earlier).resolve_job_def(job)
        assert resolved.execute_in_process(instance=instance, tags=tags, partition_key=month).success

    with monkeypatch.context() as patched, clock_set_to(datetime(2025, 7, 31, 9, tzinfo=TIMEZONE)):
        patched.setattr(data_versions, "CODE_VERSION", "earlier")
        run("sessions_job", ("2025-06-01", "2025-07-30"))
        run("training_job", month="2025-07-01")
        [champion] = platform.registry.versions()
        move_champion(platform, champion, replacing=None, cause="first", reason="", metrics={}, run_id="r")
        run("scores_job", ("2025-07-01", "2025-07-30"))
    with platform.warehouse.connect(writing=True) as connection:
        connection.execute(f"ALTER TABLE DATASET DROP COLUMN {new}")
    later = datetime(2025, 8, 1, 12, tzinfo=TIMEZONE)
    with clock_set_to(later):
        assert jobs_asked_for(settings, instance) == [
            ("sessions_job", "2025-07-31", "2025-07-31"),
            ("sessions_job", "2025-06-01", "2025-07-30"),
            ("training_job", "2025-08-01", "2025-08-01"),
            ("scores_job", "2025-07-18", "2025-07-31"),
        ]
    assert count(settings, f"DATASET WHERE {new} IS NOT NULL") == count(settings, "SOURCE")
    assert count(settings, "(SELECT DISTINCT SESSION_DATE FROM DATASET) DAYS") == 61
    assert count(settings, "SOURCE WHERE LOADED_AT >= '2025-08-01' AND SESSION_DATE < '2025-07-31'") == 0
    assert count(settings, "SCORES WHERE SCORED_AT >= '2025-08-01' AND SESSION_DATE < '2025-07-18'") == 0
    assert count(settings, "SCORES WHERE SCORED_AT < '2025-08-01' AND SESSION_DATE >= '2025-07-18'") == 0
    assert count(settings, f"SCORES WHERE MODEL_VERSION <> '{champion.name}'") == 0
    assert count(settings, "SCORES") == count(settings, "SOURCE WHERE SESSION_DATE >= '2025-07-01'")
    assert new not in champion.provenance.features
    assert new in platform.registry.versions()[-1].provenance.features


def test_days_of_an_earlier_select_are_asked_for_once_for_each_select(landing, instance, monkeypatch):
    """However old they are, of dataset alone. A SELECT that failed too often does not stop the next one."""
    days = Window(landing.first_day, YESTERDAY + timedelta(days=1))

    def report(day: date, code_version: str) -> None:
        version = {data_versions.DATA_VERSION: f"{code_version}-a-run"}
        for asset, tags in (("source", None), ("dataset", version)):
            instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=day.isoformat(), tags=tags))

    def asked() -> list[tuple[Any, ...]]:
        requests = tick(landing, "catch_up_sensor", instance).run_requests
        return [(days_of(request), request.asset_selection, request.run_key) for request in requests]

    for day in days:
        report(day, CODE_VERSION)
    assert asked() == []
    for day in days:
        report(day, "earlier")
    [(window, selected, key)] = asked()
    assert (window, selected) == (days, [dg.AssetKey("dataset")])
    monkeypatch.setattr(catch_up, "CODE_VERSION", "mended")
    assert asked()[0][2] != key
    for day in days:
        report(day, CODE_VERSION)
    assert asked() == []


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
