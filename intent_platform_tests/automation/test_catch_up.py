"""How the catch-up sensor requests: in which order, how often, and promotions that nobody carried out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import dagster as dg
import pytest

from intent_platform.automation import catch_up
from intent_platform.automation.alerts import AlertNotDelivered
from intent_platform.partitions import TIMEZONE, clock_set_to, now, wall_clock
from intent_platform.platforms import platform_for
from intent_platform.settings import Settings
from intent_platform_tests.automation.conftest import begin_run, landing_settings, record, requested, run_range
from intent_platform_tests.builders.sensors import YESTERDAY, carry_out, days_of, jobs_asked_for, move, tick
from intent_platform_tests.builders.sessions import write_uci_csv


@pytest.fixture
def announced(monkeypatch) -> list[str]:
    """The texts that the sensor announces."""
    texts: list[str] = []
    monkeypatch.setattr(catch_up, "announce", lambda settings, log, text: texts.append(text))
    return texts


class TestOutage:
    def test_is_caught_up_in_the_order_of_the_pipeline(self, simulated, instance, empty_registry):
        """Off from 28 June to 7 July, when sessions and July's challenger were missed, and from 7 to 21 July."""
        settings = simulated()
        empty_registry(settings.home)
        with clock_set_to(datetime(2025, 6, 28, 9, tzinfo=TIMEZONE)):
            run_range(settings, instance, "sessions_job", "2025-06-01", "2025-06-27")
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


@dataclass
class FailedLoads:
    """A shop whose load failed at each attempt, the requests of these attempts, and the cursor after them."""

    settings: Settings
    instance: dg.DagsterInstance
    requests: list[dg.RunRequest]
    cursor: str


class TestFailingLoad:
    """Sessions of two weeks are missing, and every run that loads them fails."""

    @pytest.fixture(scope="class")
    @classmethod
    def failed(cls, tmp_path_factory) -> Iterator[FailedLoads]:
        """The warehouse file is unreadable. Tests only tick this shop."""
        settings = landing_settings(tmp_path_factory.mktemp("failing") / "home")
        (settings.home / "warehouse.duckdb").write_text("no database")
        requests, cursor = [], None
        with dg.DagsterInstance.ephemeral() as instance:
            for _ in range(settings.scoring.catch_up_attempts):
                result = tick(settings, "catch_up_sensor", instance, cursor)
                (request,) = result.run_requests
                assert not carry_out(settings, instance, request, raise_on_error=False).success
                requests.append(request)
                cursor = result.cursor
            yield FailedLoads(settings, instance, requests, str(cursor))

    def test_is_requested_again_under_a_new_run_key(self, failed):
        keys = [request.run_key for request in failed.requests]
        assert len(set(keys)) == len(keys)
        assert [key.rpartition("attempt ")[2] for key in keys] == [str(n) for n in range(1, len(keys) + 1)]

    def test_is_requested_for_all_missed_days(self, failed):
        days = [len(days_of(request)) for request in failed.requests]
        assert days == [failed.settings.scoring.catch_up_days] * failed.settings.scoring.catch_up_attempts

    def test_is_given_up_after_the_last_attempt(self, failed, announced):
        result = tick(failed.settings, "catch_up_sensor", failed.instance, failed.cursor)
        assert not result.run_requests
        assert tick(failed.settings, "catch_up_sensor", failed.instance, result.cursor).run_requests == []

    def test_is_announced_once_when_it_is_given_up(self, failed, announced):
        cursor = tick(failed.settings, "catch_up_sensor", failed.instance, failed.cursor).cursor
        tick(failed.settings, "catch_up_sensor", failed.instance, cursor)
        (text,) = announced
        assert "sessions_job" in text
        assert f"failed {failed.settings.scoring.catch_up_attempts} times" in text

    def test_is_forgotten_once_somebody_loads_the_days(self, landing, instance, announced):
        """The attempts are only recorded here, and nothing keeps the load from working."""
        cursor = None
        for _ in range(landing.scoring.catch_up_attempts):
            result = tick(landing, "catch_up_sensor", instance, cursor)
            (request,) = result.run_requests
            instance.report_run_failed(begin_run(landing, instance, request.job_name, tags=dict(request.tags)))
            cursor = result.cursor
        assert announced == []
        cursor = tick(landing, "catch_up_sensor", instance, cursor).cursor
        assert len(announced) == 1
        assert carry_out(landing, instance, request).success
        assert tick(landing, "catch_up_sensor", instance, cursor).cursor == "[]"


class TestDeadWebhook:
    """Days on both sides of a loaded day are missing. The earlier ones are given up, and the webhook is dead."""

    @pytest.fixture
    def later(self, landing, instance):
        """The request for the later days."""
        record(instance, ("source", "dataset"), [YESTERDAY - timedelta(days=5)])
        earlier, later = tick(landing, "catch_up_sensor", instance).run_requests
        for _ in range(landing.scoring.catch_up_attempts):
            instance.report_run_failed(begin_run(landing, instance, earlier.job_name, tags=dict(earlier.tags)))
        return later

    @pytest.fixture
    def result(self, landing, instance, later):
        """The answer of the sensor while nobody can be reached."""

        def announce(*arguments: object) -> None:
            raise AlertNotDelivered("the webhook is dead")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(catch_up, "announce", announce)
            return tick(landing, "catch_up_sensor", instance)

    def test_stops_no_request(self, result, later):
        assert [days_of(request) for request in result.run_requests] == [days_of(later)]

    def test_leaves_the_gap_to_be_announced(self, landing, instance, result, announced):
        cursor = tick(landing, "catch_up_sensor", instance, result.cursor).cursor
        tick(landing, "catch_up_sensor", instance, cursor)
        assert len(announced) == 1


class TestPendingPromotion:
    @pytest.fixture(autouse=True)
    def decided(self, landing) -> None:
        """An evaluation says promote, and nobody moved the champion."""
        with platform_for(landing).warehouse.connect(writing=True) as connection:
            connection.execute(
                "INSERT INTO EVALUATIONS SELECT :month, 'v_240501_000000', '', :month, :month, 1, 1, 0.9, NULL, NULL, "
                "NULL, 'promote', '[]', '{}', :at, 'r'",
                month=date(2024, 5, 1),
                at=wall_clock(now()),
            )

    def test_is_requested_by_the_name_of_its_version(self, landing, instance):
        (request,) = requested(landing, instance, "promotion_job")
        assert "v_240501_000000" in str(request.run_key)

    def test_waits_until_the_evaluation_has_ended(self, landing, instance):
        """The evaluation's own run carries out what it decided, unless it fails."""
        run = begin_run(landing, instance, "evaluation_job")
        assert requested(landing, instance, "promotion_job") == []
        instance.report_run_failed(run)
        assert len(requested(landing, instance, "promotion_job")) == 1

    def test_is_not_requested_after_the_move(self, landing, instance, point_to):
        assert len(requested(landing, instance, "promotion_job")) == 1
        move(landing, 1, "v_240501_000000")
        point_to("v_240501_000000")
        assert requested(landing, instance, "promotion_job") == []

    def test_is_requested_to_complete_a_killed_move(self, landing, instance, point_to):
        """The pointer is ahead of the ledger, and the run begins by settling that."""
        move(landing, 1, "v_240501_000000")
        point_to("v_240601_000000")
        (request,) = requested(landing, instance, "promotion_job")
        assert "repair after a move to v_240601_000000" in str(request.run_key)


class TestSourceWithoutDays:
    def test_is_not_fetched_by_the_sensor(self, make_settings, instance):
        assert "not fetched yet" in tick(make_settings(feed="uci"), "catch_up_sensor", instance).skip_message

    def test_has_nothing_missing_long_after_its_end(self, make_settings, instance, tmp_path):
        csv = write_uci_csv(tmp_path / "sessions.csv", {"Feb": 5})
        settings = make_settings(uci={"csv": csv, "session_dates": "spread"})
        assert "nothing of the last" in tick(settings, "catch_up_sensor", instance).skip_message
