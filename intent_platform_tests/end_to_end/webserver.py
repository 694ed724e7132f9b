"""A running `dagster dev`, and the queries and mutations that the UI sends to it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

PROJECT = Path(__file__).parents[2]
_SELECTOR = {"repositoryName": "__repository__", "repositoryLocationName": "intent_platform"}
_POLL_SECONDS = 0.5


class Webserver:
    """The GraphQL API of one `dagster dev`."""

    def __init__(self, port: int, alive: Callable[[], bool]) -> None:
        self._url = f"http://127.0.0.1:{port}/graphql"
        self._alive = alive

    def ask(self, query: str, **variables: object) -> Any:
        """The data of a query; an error of the API fails the test."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        with urlopen(Request(self._url, body, {"Content-Type": "application/json"}), timeout=60) as answer:
            result = json.load(answer)
        assert "errors" not in result, result["errors"]
        return result["data"]

    def until(self, event: str, seconds: float, question: Callable[[], Any]) -> Any:
        """Ask again until the answer is truthy."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self._alive(), "dagster dev stopped"
            if answer := question():
                return answer
            time.sleep(_POLL_SECONDS)  # the daemon runs in other processes, which signal nothing
        raise AssertionError(f"{event} did not happen within {seconds:g} s")

    def launch(self, job: str, tags: Mapping[str, str] | None = None, config: Mapping[str, Any] | None = None) -> str:
        """Launch a run as the launchpad does; the id of the run."""
        launched = self.ask(
            """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
                 __typename ... on LaunchRunSuccess { run { id } }
                 ... on PythonError { message } ... on RunConfigValidationInvalid { errors { message } } } }""",
            params={
                "selector": {**_SELECTOR, "jobName": job},
                "runConfigData": dict(config or {}),
                "executionMetadata": {"tags": [{"key": k, "value": v} for k, v in (tags or {}).items()]},
            },
        )["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["id"])

    def backfill(self, assets: Sequence[str], partitions: Sequence[str]) -> str:
        """Launch a backfill of assets over partitions; its id."""
        launched = self.ask(
            """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
                 __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }""",
            params={"assetSelection": [{"path": [asset]} for asset in assets], "partitionNames": list(partitions)},
        )["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        return str(launched["backfillId"])

    def finish_backfill(self, backfill: str, seconds: float = 240) -> None:
        """Wait until a backfill is over; fail unless it succeeded."""

        def final_status() -> str | None:
            status = self.ask(
                "query($id: String!) { partitionBackfillOrError(backfillId: $id) {"
                " ... on PartitionBackfill { status error { message } } } }",
                id=backfill,
            )["partitionBackfillOrError"]["status"]
            return status if status.startswith(("COMPLETED", "FAILED", "CANCELED")) else None

        assert self.until(f"backfill {backfill}", seconds, final_status) == "COMPLETED_SUCCESS"

    def status(self, run: str) -> str:
        """The status of a run."""
        found = self.ask("query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }", id=run)
        return str(found["runOrError"]["status"])

    def finish(self, run: str, seconds: float = 180) -> str:
        """Wait until a run is over; its status."""

        def final_status() -> str | None:
            found = self.status(run)
            return found if found in ("SUCCESS", "FAILURE", "CANCELED") else None

        return str(self.until(f"run {run}", seconds, final_status))

    def runs(self, tags: Mapping[str, str]) -> list[dict[str, Any]]:
        """The runs that carry all these tags, newest first."""
        found = self.ask(
            "query($filter: RunsFilter!) { runsOrError(filter: $filter) {"
            " ... on Runs { results { id jobName status tags { key value } } } } }",
            filter={"tags": [{"key": key, "value": value} for key, value in tags.items()]},
        )["runsOrError"]["results"]
        for run in found:
            run["tags"] = {tag["key"]: tag["value"] for tag in run["tags"]}
        return list(found)

    def errors(self, run: str) -> str:
        """The errors of the failed steps of a run."""
        found = self.ask(
            """query($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
                 ... on ExecutionStepFailureEvent { error { message causes { message } } } } } } }""",
            id=run,
        )["logsForRun"]["events"]
        return json.dumps([event["error"] for event in found if event.get("error")])

    def tick(self, schedule: str, timestamp: float) -> list[dict[str, str]]:
        """Evaluate a schedule at a moment, as "test schedule" does; the tags of the runs it asks for."""
        answer = self.ask(
            """mutation($selector: ScheduleSelector!, $at: Float!) {
                 scheduleDryRun(selectorData: $selector, timestamp: $at) { __typename
                   ... on DryRunInstigationTick { evaluationResult {
                     runRequests { tags { key value } } error { message } } }
                   ... on PythonError { message } } }""",
            selector={**_SELECTOR, "scheduleName": schedule},
            at=timestamp,
        )["scheduleDryRun"]
        result = answer["evaluationResult"]
        assert result["error"] is None, result
        return [{tag["key"]: tag["value"] for tag in request["tags"]} for request in result["runRequests"]]

    def names(self, kind: str) -> set[str]:
        """The names of all `schedules` or `sensors`."""
        found = self.ask(
            f"query($selector: RepositorySelector!) {{ {kind}OrError(repositorySelector: $selector) {{"
            f" ... on {kind.capitalize()} {{ results {{ name }} }} }} }}",
            selector=_SELECTOR,
        )[f"{kind}OrError"]["results"]
        return {entry["name"] for entry in found}


@contextmanager
def dagster_dev(home: Path, environment: Mapping[str, str]) -> Iterator[Webserver]:
    """Start `dagster dev` in `home` as `make dev` does. All its processes are stopped at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = home.parent / "dagster_dev.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "intent_platform", "dev", "--port", str(port)],
            cwd=PROJECT,
            env={**os.environ, **environment, "INTENT_PLATFORM_HOME": str(home)},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        server = Webserver(port, lambda: process.poll() is None)
        try:
            server.until("the code location", 120, lambda: _is_loaded(server))
            yield server
        except BaseException:
            print(log.read_text()[-8000:])
            raise
        finally:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _is_loaded(server: Webserver) -> bool:
    try:
        return "rollback" in {
            job["name"]
            for job in server.ask(
                "query($selector: RepositorySelector!) { repositoryOrError(repositorySelector: $selector) {"
                " ... on Repository { jobs { name } } } }",
                selector=_SELECTOR,
            )["repositoryOrError"].get("jobs", [])
        }
    except (URLError, ConnectionError):
        return False
