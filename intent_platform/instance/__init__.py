"""The persistent Dagster instance in the home folder, and how commands run jobs on it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import dagster as dg

from intent_platform.errors import IntentPlatformError
from intent_platform.instance.home import failures_of_the_store, open_store, prepare_home
from intent_platform.partitions import Window, range_tags
from intent_platform.settings import Settings
from intent_platform.workers import executing, fail_abandoned

#: The workspace that `dagster dev` loads.
WORKSPACE = Path(__file__).with_name("workspace.yaml")


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Open the instance, and mark the runs of stopped processes as failed.

    Raises:
        SettingsError: the home cannot be used.
        InstanceError: the store is damaged, cannot be opened, or could not be written in the meantime.
    """
    home = prepare_home(settings)
    with open_store(home) as instance, failures_of_the_store(home):
        fail_abandoned(instance)
        yield instance


def run_job(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    job: str,
    *,
    window: Window | None = None,
    partition: str | None = None,
    config: Mapping[str, object] | None = None,
    only: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> dg.ExecuteInProcessResult:
    """Run a job in this process.

    The platform's own error is raised as the asset raised it, and the run is recorded as failed.

    Args:
        definitions: the code location that has the job.
        instance: the instance that records the run.
        job: the name of the job.
        window: the days of a daily job, as one run.
        partition: the key of one partition. Neither `window` nor `partition` is needed for a job without partitions.
        config: the run config.
        only: the one asset of the job to materialize; all of them if None.
        tags: further tags of the run.

    Raises:
        KeyboardInterrupt: the user stopped the run with Ctrl-C.
    """
    tags = {**(tags or {}), **(range_tags(window) if window is not None else {})}
    # The terminal shows the progress of the command. The UI shows the log of the run.
    run_config = {**(config or {}), "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    run_id = str(uuid4())
    try:
        with executing(instance, run_id):
            return definitions.resolve_job_def(job).execute_in_process(
                run_id=run_id,
                instance=instance,
                partition_key=partition,
                tags=tags,
                run_config=run_config,
                asset_selection=[dg.AssetKey(only)] if only else None,
            )
    except dg.Failure as failure:  # the assets' form of the platform's own errors
        if isinstance(failure.__context__, IntentPlatformError):
            raise failure.__context__  # noqa: B904  it has its own cause
        raise
    except dg.DagsterExecutionInterruptedError as error:  # Dagster's error for Ctrl-C
        raise KeyboardInterrupt from error
