"""A process that begins a run and waits inside it until it is killed: `python -m … FOLDER WAY`."""

import sys

import dagster as dg

from intent_platform.instance import run_job
from intent_platform.workers import locking_executor


@dg.op
def wait() -> None:
    print("begun", flush=True)
    sys.stdin.read()


@dg.job(executor_def=locking_executor)
def waiting_job() -> None:
    wait()


if __name__ == "__main__":
    folder, way = sys.argv[1:]
    with dg.DagsterInstance.local_temp(folder) as instance:
        if way == "command":
            run_job(dg.Definitions(jobs=[waiting_job]), instance, "waiting_job")
        else:  # as a process that the daemon launched
            dg.execute_job(dg.reconstructable(waiting_job), instance)
