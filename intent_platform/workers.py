"""The processes that execute runs, and the runs that a stopped process abandoned.

A process holds a lock file for each run that it executes. The operating system frees the lock when the process ends,
even after `kill -9`. So an unfinished run whose lock is free has no process. A process id would not prove that, because
another process may have the same id, after a restart or in another container.
"""

import atexit
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from filelock import FileLock, Timeout

_LOCKS = "workers"


@contextmanager
def executing(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Hold the lock of a run. The lock file is deleted after the run, or by `fail_abandoned` if an error is raised."""
    folder = _lock_folder(instance)
    folder.mkdir(parents=True, exist_ok=True)
    lock_file = folder / run_id
    with FileLock(lock_file):
        yield
        lock_file.unlink()


def fail_abandoned(instance: dg.DagsterInstance) -> list[str]:
    """Mark the unfinished runs without a process as failed, and return their ids.

    Such a run would keep its place in the writers' pool, and later runs would wait for it. Runs without a lock file are
    left alone: they have not begun, or their process has another instance folder, such as one on another machine.
    """
    failed = []
    for lock_file in sorted(_lock_folder(instance).glob("*")):
        try:
            with FileLock(lock_file, blocking=False):
                run = instance.get_run_by_id(lock_file.name)
                if run is not None and not run.is_finished:
                    instance.report_run_failed(run, "the process that executed this run was stopped: launch it again")
                    failed.append(run.run_id)
                lock_file.unlink()
        except Timeout:
            continue  # its process is alive
    return failed


def live_runs(home: Path) -> list[str]:
    """The ids of the runs that a process executes, by their locks in Dagster's home."""
    live = []
    for lock_file in sorted((home / _LOCKS).glob("*")):
        try:
            with FileLock(lock_file, blocking=False):
                pass
        except Timeout:
            live.append(lock_file.name)
    return live


def fail_unstarted(instance: dg.DagsterInstance) -> None:
    """Mark the runs as failed that a daemon launched and that have not begun. Call it only while no daemon runs.

    A process of such a run may still come up. Dagster lets it end at once, because its run is finished.
    """
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING])):
        instance.report_run_failed(run, "Dagster was stopped before this run began: launch it again")


class _LockingExecutor(dg.Executor):
    def __init__(self, in_process: dg.Executor) -> None:
        self._in_process = in_process

    @property
    def retries(self) -> Any:  # Dagster does not export the type
        return self._in_process.retries

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
        # Dagster records the end of the run after the last step. So this process, which has only this run, keeps the
        # lock until it ends.
        until_exit = ExitStack()
        atexit.register(until_exit.close)
        until_exit.enter_context(executing(plan_context.instance, plan_context.run_id))
        return self._in_process.execute(plan_context, execution_plan)


_IN_PROCESS: Any = dg.in_process_executor  # Dagster's annotations leave out how one executor wraps another
#: Executes all steps in one process, which holds the lock of the run. `executing` does the same for commands.
locking_executor = dg.ExecutorDefinition(
    name=_IN_PROCESS.name,
    config_schema=_IN_PROCESS.config_schema,
    executor_creation_fn=lambda context: _LockingExecutor(_IN_PROCESS.executor_creation_fn(context)),
)


def _lock_folder(instance: dg.DagsterInstance) -> Path:
    return Path(instance.root_directory) / _LOCKS
