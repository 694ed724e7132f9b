"""`make dev`: what it refuses before anything starts, and the process that it becomes."""

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from intent_platform.__main__ import main
from intent_platform.instance import open_instance
from intent_platform.settings import load_settings


@pytest.fixture
def dagster_home(home: Path) -> Path:
    """Dagster's home before `make dev`."""
    with open_instance(load_settings()):
        return home / "dagster"


def claims(dagster_home: Path) -> list[int]:
    """The descriptors with which this process holds the home."""
    lock_file = (dagster_home / "dev.lock").resolve()
    return [int(descriptor.name) for descriptor in Path("/dev/fd").iterdir() if descriptor.resolve() == lock_file]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dagster_home: Path) -> Iterator[list[list[str]]]:
    """The commands that `make dev` started. It starts none here, and its claim on the home ends with the test."""
    commands: list[list[str]] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "execv", lambda _, command: commands.append(command))
    yield commands
    for claim in claims(dagster_home):
        os.close(claim)


class TestStart:
    def test_becomes_dagster_dev_on_a_free_port(self, started, capsys):
        assert main(["dev", "--port", "0"]) == 0
        [command] = started
        port = command[command.index("-p") + 1]
        assert int(port) > 0
        assert f"http://127.0.0.1:{port}" in capsys.readouterr().out

    def test_hands_its_claim_on_to_dagster_dev(self, started, dagster_home):
        assert main(["dev", "--port", "0"]) == 0
        assert (dagster_home / "dev.lock").read_text() == str(os.getpid())
        assert [os.get_inheritable(claim) for claim in claims(dagster_home)] == [True]

    def test_fails_the_runs_that_a_stopped_daemon_launched(self, started):
        @dg.job
        def launched_job():
            pass

        with open_instance(load_settings()) as instance:
            instance.create_run_for_job(launched_job, status=dg.DagsterRunStatus.STARTING)
            assert main(["dev", "--port", "0"]) == 0
            assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]


class TestRefusal:
    @pytest.fixture
    def refusal(self, started: list[list[str]], capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
        """Call `make dev`, which refuses to start; its sentence."""

        def call(port: str = "0") -> str:
            assert main(["dev", "--port", port]) == 1
            assert started == []
            sentence = capsys.readouterr().err
            assert sentence.count("\n") == 1
            return sentence

        return call

    def test_of_a_home_that_another_one_holds(self, refusal, dagster_home):
        with (dagster_home / "dev.lock").open("w") as claim:
            fcntl.flock(claim, fcntl.LOCK_EX)
            claim.write("4711")
            claim.flush()
            assert "already running" in (sentence := refusal())
            assert "process 4711" in sentence

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists the environment of other processes")
    @pytest.mark.parametrize("service", ["dagster._daemon", "dagster_webserver"])
    def test_of_a_home_that_a_service_still_uses(self, refusal, dagster_home, service):
        """A `dagster dev` that was killed leaves its services behind."""
        command = [sys.executable, "-c", "print('up', flush=True); input()", service]
        environment = {**os.environ, "DAGSTER_HOME": str(dagster_home)}
        with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            assert f"kill {process.pid}" in refusal()
            process.kill()

    def test_of_a_port_that_is_in_use(self, refusal):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = str(other.getsockname()[1])
            assert f"port {port} (Address already in use)" in refusal(port)

    def test_of_a_port_that_does_not_exist(self, refusal):
        assert "port 70000" in refusal("70000")
