"""Alerts: which runs raise one, what it says, and what happens if the webhook does not accept it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread
from typing import Any

import dagster as dg
import pytest

from intent_platform.assets import champion_alias
from intent_platform.automation import alerts
from intent_platform.automation.alerts import AlertNotDelivered, announce, failure_sentence
from intent_platform.definitions import build_definitions
from intent_platform.errors import NoChampion, UnknownVersion
from intent_platform.settings import Settings, load_settings
from intent_platform_tests.builders.environment import clean_environment
from intent_platform_tests.builders.errors import everything_shown

#: The error of a rollback when there is no champion.
SENTENCE = str(NoChampion("there is no champion to roll back from: none was ever promoted"))
#: The secret part of the addresses.
SECRET = "T0-hush"
LOG = logging.getLogger("intent_platform_tests.alerts")


@contextmanager
def webhook(status: int = 200, *, endless: bool = False) -> Iterator[tuple[str, list[str]]]:
    """The address of a local webhook that answers with `status`, and the requests that it receives.

    An `endless` answer comes a byte at a time, until the context ends.
    """
    received: list[str] = []
    ended = Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            if endless:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
                while not ended.wait(0.01):
                    self.wfile.write(b"x")
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def do_GET(self):
            received.append("GET")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            """Write no log."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{SECRET}", received
        ended.set()
        server.shutdown()


def alerting(settings: Settings, address: str) -> Settings:
    """The settings with this webhook."""
    with clean_environment():
        return load_settings(home=settings.home, alerts={"webhook_url": address})


def failed_rollback(settings: Settings, instance: dg.DagsterInstance, version: str = "") -> Any:
    """Run a rollback without a champion. With a version, it is typed into the run config."""
    job = build_definitions(settings).resolve_job_def("rollback")
    config = {"ops": {"rollback_champion": {"config": {"version": version}}}} if version else {}
    result = job.execute_in_process(instance=instance, run_config=config, raise_on_error=False)
    assert not result.success
    return result


def failure_context(result: Any, instance: dg.DagsterInstance) -> dg.RunFailureSensorContext:
    """How the failure sensor sees a failed run."""
    failure = next(e for e in result.all_events if e.event_type is dg.DagsterEventType.RUN_FAILURE)
    return dg.build_run_status_sensor_context(
        sensor_name="failure_sensor",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=failure,
    ).for_run_failure()


@dataclass
class FailedRun:
    """A rollback that failed, and how the failure sensor sees it."""

    settings: Settings
    context: dg.RunFailureSensorContext


class TestFailedRun:
    @pytest.fixture(scope="class")
    @classmethod
    def failed(cls, tmp_path_factory) -> Iterator[FailedRun]:
        with clean_environment():
            settings = load_settings(home=tmp_path_factory.mktemp("alerts") / "home")
        with dg.DagsterInstance.ephemeral() as instance:
            yield FailedRun(settings, failure_context(failed_rollback(settings, instance), instance))

    def test_is_explained_by_the_platforms_own_error(self, failed):
        assert failure_sentence(failed.context) == SENTENCE

    def test_is_sent_to_the_webhook_once(self, failed):
        with webhook() as (address, received):
            settings = alerting(failed.settings, address)
            build_definitions(settings).resolve_sensor_def("failure_sensor")(failed.context)
        assert len(received) == 1
        assert SENTENCE in received[0]
        assert "rollback failed" in received[0]


class TestMistypedConfig:
    @pytest.mark.parametrize("version", ["yesterday's", "v_000101_000000"], ids=["invalid name", "unknown version"])
    def test_is_sent_to_nobody(self, settings, instance, empty_registry, version):
        empty_registry(settings.home)
        context = failure_context(failed_rollback(settings, instance, version), instance)
        with webhook() as (address, received):
            build_definitions(alerting(settings, address)).resolve_sensor_def("failure_sensor")(context)
        assert received == []

    def test_with_a_wrong_date_is_one_too(self, settings, instance, empty_registry):
        empty_registry(settings.home)
        job = build_definitions(settings).resolve_job_def("promotion_job")
        config = {"ops": {"champion_alias": {"config": {"effective_date": "tomorrow"}}}}
        result = job.execute_in_process(instance=instance, run_config=config, raise_on_error=False)
        context = failure_context(result, instance)
        assert "effective_date 'tomorrow' is not a date" in failure_sentence(context)
        with webhook() as (address, received):
            build_definitions(alerting(settings, address)).resolve_sensor_def("failure_sensor")(context)
        assert received == []

    def test_that_nobody_typed_is_sent(self, settings, instance, empty_registry, monkeypatch):
        """The evaluation names a version that somebody deleted."""
        empty_registry(settings.home)

        def newest_promotion(*arguments: object) -> None:
            raise UnknownVersion("the registry has no version v_240101_000000")

        monkeypatch.setattr(champion_alias, "newest_promotion", newest_promotion)
        job = build_definitions(settings).resolve_job_def("promotion_job")
        context = failure_context(job.execute_in_process(instance=instance, raise_on_error=False), instance)
        with webhook() as (address, received):
            build_definitions(alerting(settings, address)).resolve_sensor_def("failure_sensor")(context)
        assert "v_240101_000000" in received[0]


class TestUndeliveredAlert:
    """Each one is an error without the address, so the tick fails and the next tick sends the alert again."""

    @pytest.mark.parametrize("status", [302, 303, 307, 404, 500])
    def test_is_one_whose_answer_is_not_a_success(self, settings, status):
        """A redirect would turn the POST into a GET without the text."""
        with (
            webhook(status) as (address, received),
            pytest.raises(AlertNotDelivered, match=f"status {status}") as caught,
        ):
            announce(alerting(settings, address), LOG, "text")
        assert received == ['{"text": "text"}']
        assert SECRET not in everything_shown(caught.value)

    @pytest.mark.parametrize(
        "address",
        [
            f"http://127.0.0.1:1/{SECRET}",
            f"http://{SECRET}.invalid/",
            f"http://a.b..c/{SECRET}",
            "http://a:b@127.0.0.1:1",
        ],
        ids=["no server", "no host", "no name", "credentials"],
    )
    def test_is_one_whose_server_cannot_be_reached(self, settings, address):
        with pytest.raises(AlertNotDelivered, match="cannot be reached") as caught:
            announce(alerting(settings, address), LOG, "text")
        assert SECRET not in everything_shown(caught.value)

    def test_is_one_whose_answer_takes_too_long(self, settings, monkeypatch):
        """Every byte arrives in time, but the answer does not."""
        monkeypatch.setattr(alerts, "_DELIVERY_SECONDS", 0.2)
        with webhook(endless=True) as (address, _), pytest.raises(AlertNotDelivered, match="did not answer within"):
            announce(alerting(settings, address), LOG, "text")

    def test_leaves_no_address_in_the_log(self, settings, caplog):
        caplog.set_level(logging.DEBUG)
        with webhook() as (address, received):
            announce(alerting(settings, address), LOG, "text")
        assert received
        assert SECRET not in caplog.text
        assert "text" in caplog.text

    def test_is_cut_so_that_no_webhook_refuses_its_length(self, settings):
        with webhook() as (address, received):
            announce(alerting(settings, address), LOG, "x" * 100_000)
        assert len(received[0]) < 4_000

    def test_is_sent_again_by_the_next_tick(self, settings, instance):
        def tick(address: str, cursor: str | None) -> Any:
            definitions = build_definitions(alerting(settings, address))
            context = dg.build_sensor_context(instance, cursor, definitions=definitions)
            return definitions.resolve_sensor_def("failure_sensor").evaluate_tick(context)

        begun = tick(f"http://127.0.0.1:1/{SECRET}", None).cursor
        failed_rollback(settings, instance)
        with pytest.raises(AlertNotDelivered):  # Dagster keeps the cursor of a tick that raises
            tick(f"http://127.0.0.1:1/{SECRET}", begun)
        with webhook() as (address, received):
            assert tick(address, begun).cursor != begun
        assert len(received) == 1
