"""What the catch-up sensor finds missing or out of date: days, their scores, and months."""

from datetime import date, datetime, time, timedelta

import pytest

from intent_platform.partitions import TIMEZONE, Window, clock_set_to, merged, trailing_window
from intent_platform.sessions.simulated.feed import SimulatedFeed
from intent_platform_tests.automation.conftest import begin_run, record, requested, run_range
from intent_platform_tests.builders.sensors import (
    YESTERDAY,
    carry_out,
    count,
    days_of,
    drop,
    jobs_asked_for,
    move,
    tick,
)

LOADED = ("source", "dataset")
TODAY = YESTERDAY + timedelta(days=1)


class TestMissingDays:
    def test_are_requested_until_they_are_loaded(self, landing, instance):
        (request,) = requested(landing, instance)
        window = days_of(request)
        assert request.job_name == "sessions_job"
        assert len(window) == landing.scoring.catch_up_days
        assert window.end >= YESTERDAY  # yesterday itself only an hour after its clock
        assert carry_out(landing, instance, request).success
        assert "nothing of the last" in tick(landing, "catch_up_sensor", instance).skip_message

    @pytest.mark.parametrize(
        ("clock", "newest_day"),
        [
            pytest.param("05:59", YESTERDAY - timedelta(days=1), id="59 minutes after"),
            pytest.param("06:00", YESTERDAY, id="an hour after"),
        ],
    )
    def test_are_due_an_hour_after_their_clock(self, landing, instance, clock, newest_day):
        with clock_set_to(datetime.combine(TODAY, time.fromisoformat(clock), TIMEZONE)):
            (request,) = requested(landing, instance)
        assert days_of(request).end == newest_day + timedelta(days=1)

    def test_are_requested_as_ranges(self, landing, instance):
        due = days_of(requested(landing, instance)[0])
        loaded = (due.start, due.start + timedelta(days=3))
        record(instance, LOADED, loaded)
        ranges = [days_of(request) for request in requested(landing, instance)]
        assert sorted(day for window in ranges for day in window) == [day for day in due if day not in loaded]
        assert len(ranges) == 2

    def test_wait_for_a_run_under_way(self, landing, instance):
        begin_run(landing, instance, "sessions_job")
        assert requested(landing, instance) == []
        assert "under way" in tick(landing, "catch_up_sensor", instance).skip_message


class TestMissingScores:
    def test_are_requested_once_a_version_is_champion(self, landing, instance, point_to):
        due = days_of(requested(landing, instance)[0])
        record(instance, LOADED, due)
        assert requested(landing, instance) == []
        move(landing, 1, "v_240101_000000")
        point_to("v_240101_000000")
        (request,) = requested(landing, instance)
        assert request.job_name == "scores_job"
        assert days_of(request).start == due.start


class TestLateSessions:
    def test_redo_the_scores_of_their_day(self, landing, instance):
        """The day was loaded and scored without sessions at night. Its file comes two weeks later."""
        day = YESTERDAY - timedelta(days=15)
        record(instance, [*LOADED, "scores"], [day])
        move(landing, 1, "v_240101_000000")
        assert requested(landing, instance, "scores_job") == []
        drop(landing, day)
        carry_out(landing, instance, tick(landing, "landing_sensor", instance).run_requests[0])
        (request,) = requested(landing, instance, "scores_job")
        assert days_of(request) == trailing_window(day, 1)
        record(instance, ["scores"], [day])
        assert requested(landing, instance, "scores_job") == []

    def test_load_their_days_again_once_those_are_complete(self, simulated, instance):
        """Half the rows of these days arrive days later than the others."""
        settings = simulated(scenario={"kind": "late_rows", "start": "2025-07-01", "strength": 0.5})
        record(instance, ["challenger_model"], [date(2025, 7, 1)])
        with clock_set_to(datetime(2025, 7, 2, 9, tzinfo=TIMEZONE)):
            run_range(settings, instance, "sessions_job", "2025-06-01", "2025-07-01")
            assert jobs_asked_for(settings, instance) == []
            rows_in_time = count(settings, "SOURCE")
        with clock_set_to(datetime(2025, 7, 5, 5, 30, tzinfo=TIMEZONE)):
            assert jobs_asked_for(settings, instance) == [("sessions_job", "2025-07-01", "2025-07-03")]
            rows_of_first_day = count(settings, "SOURCE WHERE SESSION_DATE = '2025-07-01'")
        assert count(settings, "SOURCE") > rows_in_time
        with SimulatedFeed.of(simulated()).deliver(Window(date(2025, 7, 1), date(2025, 7, 2))) as batches:
            assert rows_of_first_day == sum(batch.rows.num_rows for batch in batches)


class TestMonths:
    @pytest.fixture
    def monthly_jobs(self, simulated, instance):
        """The monthly jobs that are requested at a moment, when all days of its look-back are loaded."""
        settings = simulated()

        def ask(moment: str) -> list[str | None]:
            time = datetime.fromisoformat(moment).replace(tzinfo=TIMEZONE)
            with clock_set_to(time):
                for request in requested(settings, instance, "sessions_job"):
                    record(instance, LOADED, days_of(request))
                return [request.job_name for request in requested(settings, instance)]

        return ask

    def test_are_trained_from_an_hour_after_their_clock(self, monthly_jobs):
        assert monthly_jobs("2025-07-01 10:59") == []
        assert monthly_jobs("2025-07-01 11:01") == ["training_job"]

    def test_are_not_trained_after_the_look_back(self, monthly_jobs):
        assert monthly_jobs("2025-07-16 00:00") == []

    def test_are_evaluated_from_an_hour_after_their_clock(self, monthly_jobs, instance):
        record(instance, ["challenger_model"], [date(2025, 7, 1)])
        assert monthly_jobs("2025-07-15 10:59") == []
        assert monthly_jobs("2025-07-15 11:01") == ["evaluation_job"]


class TestMergedWindows:
    def test_cover_the_same_days_without_touching(self):
        days = [date(2024, 5, n) for n in (1, 2, 3, 7, 9, 10)]
        windows = merged(Window(day, day + timedelta(days=1)) for day in reversed(days))
        assert [day for window in windows for day in window] == days
        assert len(windows) == 3
