"""The persistent Dagster instance in the home folder, and how commands run jobs on it."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from intent_platform.errors import IntentPlatformError, SettingsError
from intent_platform.partitions import Window, range_tags
from intent_platform.settings import Settings

#: The workspace that `dagster dev` loads.
WORKSPACE = Path(__file__).with_name("workspace.yaml")
_TEMPLATE = Path(__file__).with_name("dagster.yaml")
_PROCESS_TAG = "intent_platform/process"
_UNFINISHED = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED]


def prepare_home(settings: Settings) -> Path:
    """Create Dagster's home in the home folder and return it.

    The template `dagster.yaml` configures it, and `DAGSTER_HOME` names it for this process and its children. If
    `DAGSTER_HOME` is already set, nothing is created and that folder is returned.

    Raises:
        SettingsError: the folder cannot be written.
    """
    if configured := os.environ.get("DAGSTER_HOME"):
        return Path(configured)
    folder = settings.home / "dagster"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_TEMPLATE, folder / "dagster.yaml")
    except OSError as error:
        raise SettingsError(
            f"cannot write the home folder {settings.home} ({error.strerror}): set INTENT_PLATFORM_HOME to a folder "
            "that you can write"
        ) from error
    os.environ["DAGSTER_HOME"] = str(folder)
    return folder


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Open the instance, and mark the unfinished runs of stopped commands as failed.

    Such a run would keep its place in the writers' pool, and later runs would wait for it.
    """
    prepare_home(settings)
    with dg.DagsterInstance.get() as instance:
        for run in instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED)):
            process = run.tags.get(_PROCESS_TAG)
            if process is not None and not _is_alive(int(process)):
                instance.report_run_failed(run, "the command that executed this run was stopped")
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
    tags = {_PROCESS_TAG: str(os.getpid()), **(tags or {})}
    if window is not None:
        tags |= range_tags(window)
    # The terminal shows the progress of the command. The UI shows the log of the run.
    run_config = {**(config or {}), "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    try:
        return definitions.resolve_job_def(job).execute_in_process(
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


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)  # signal 0 only checks whether the process exists
    except ProcessLookupError:
        return False
    except PermissionError:  # it exists and belongs to another user
        return True
    return True
