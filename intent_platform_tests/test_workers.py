"""Runs whose process is alive, and runs whose process was killed."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from intent_platform.instance import run_job
from intent_platform.workers import executing, fail_abandoned, fail_unstarted
from intent_platform_tests.builders.waiting_job import waiting_job

WAITING = [sys.executable, "-m", "intent_platform_tests.builders.waiting_job"]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def lock_files(instance: dg.DagsterInstance) -> list[Path]:
    return sorted(Path(instance.root_directory, "workers").glob("*"))


@pytest.mark.parametrize("way", ["command", "daemon"])
class TestProcess:
    """A process that waits within its run, begun by a command or by the daemon."""

    @pytest.fixture
    def process(self, instance: dg.DagsterInstance, way: str) -> Iterator[subprocess.Popen[bytes]]:
        command = [*WAITING, instance.root_directory, way]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begun\n"
            yield process
            process.kill()

    def test_that_is_alive_keeps_its_run(self, process, instance):
        assert fail_abandoned(instance) == []
        [run] = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.STARTED

    def test_that_was_killed_abandons_its_run(self, process, instance):
        process.kill()
        process.wait()
        [run] = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.STARTED
        assert fail_abandoned(instance) == [run.run_id]
        [run] = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.FAILURE
        assert lock_files(instance) == []


class TestRun:
    @pytest.fixture
    def begin(self, instance: dg.DagsterInstance) -> Callable[[], dg.DagsterRun]:
        return lambda: instance.create_run_for_job(waiting_job, status=dg.DagsterRunStatus.STARTED)

    def test_that_this_process_executes_is_left_alone(self, begin, instance):
        run = begin()
        with executing(instance, run.run_id):
            assert fail_abandoned(instance) == []
        assert lock_files(instance) == []

    def test_without_a_lock_file_is_left_alone(self, begin, instance):
        """Its process may be on another machine that shares the store."""
        begin()
        assert fail_abandoned(instance) == []

    def test_that_failed_leaves_no_lock_file_for_long(self, instance):
        @dg.op
        def fail():
            raise ValueError

        @dg.job
        def failing_job():
            fail()

        with pytest.raises(ValueError):  # noqa: PT011  it has no message
            run_job(dg.Definitions(jobs=[failing_job]), instance, "failing_job")
        assert fail_abandoned(instance) == []
        assert lock_files(instance) == []

    def test_that_was_deleted_leaves_no_lock_file_for_long(self, begin, instance):
        run = begin()
        with pytest.raises(KeyboardInterrupt), executing(instance, run.run_id):
            raise KeyboardInterrupt
        instance.delete_run(run.run_id)
        assert fail_abandoned(instance) == []
        assert lock_files(instance) == []

    def test_that_has_not_begun_is_failed_without_a_daemon(self, begin, instance):
        run = begin()
        starting = instance.create_run_for_job(waiting_job, status=dg.DagsterRunStatus.STARTING)
        fail_unstarted(instance)
        assert instance.get_run_by_id(starting.run_id).status is dg.DagsterRunStatus.FAILURE
        assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.STARTED
