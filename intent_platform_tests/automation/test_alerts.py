"""A failed run raises an alert that says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import dagster as dg
import pytest

from intent_platform.automation.alerts import failure_sentence
from intent_platform.definitions import build_definitions
from intent_platform.errors import NoChampion
from intent_platform.settings import Settings, load_settings
from intent_platform_tests.builders.environment import clean_environment

#: The error of a rollback when there is no champion.
SENTENCE = str(NoChampion("there is no champion to roll back from: none was ever promoted"))


@contextmanager
def webhook() -> Iterator[tuple[str, list[str]]]:
    """The address of a local webhook, and the bodies that it receives."""
    received: list[str] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            """Write no log."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", received
        server.shutdown()


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
        job = build_definitions(settings).resolve_job_def("rollback")
        with dg.DagsterInstance.ephemeral() as instance:
            result = job.execute_in_process(instance=instance, raise_on_error=False)
            assert not result.success
            failure = next(e for e in result.all_events if e.event_type is dg.DagsterEventType.RUN_FAILURE)
            context = dg.build_run_status_sensor_context(
                sensor_name="failure_sensor",
                dagster_instance=instance,
                dagster_run=result.dagster_run,
                dagster_event=failure,
            )
            yield FailedRun(settings, context.for_run_failure())

    def test_is_explained_by_the_platforms_own_error(self, failed):
        assert SENTENCE in failure_sentence(failed.context)

    def test_is_sent_to_the_webhook_once(self, failed):
        with webhook() as (url, received):
            alerts = failed.settings.alerts.model_copy(update={"webhook_url": url})
            settings = failed.settings.model_copy(update={"alerts": alerts})
            build_definitions(settings).resolve_sensor_def("failure_sensor")(failed.context)
        assert len(received) == 1
        assert SENTENCE in received[0]
        assert "rollback failed" in received[0]
