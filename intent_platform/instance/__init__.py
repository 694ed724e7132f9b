"""The persistent local Dagster instance in the home folder, and running jobs into it from a command."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from intent_platform.errors import SettingsError
from intent_platform.partitions import Window, range_tags
from intent_platform.settings import Settings

#: What `dagster dev` loads.
WORKSPACE = Path(__file__).with_name("workspace.yaml")
_TEMPLATE = Path(__file__).with_name("dagster.yaml")
_PROCESS_TAG = "intent_platform/process"
_UNFINISHED = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED]


def prepare_home(settings: Settings) -> Path:
    """Dagster's own home, configured from the template `dagster.yaml`; `DAGSTER_HOME` when that is set.

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
            f"cannot write the home folder {settings.home} ({error.strerror}): point INTENT_PLATFORM_HOME at a folder "
            "that you may write"
        ) from error
    os.environ["DAGSTER_HOME"] = str(folder)
    return folder


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance, with runs that a killed command left behind marked as failed."""
    prepare_home(settings)
    with dg.DagsterInstance.get() as instance:
        for run in instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED)):
            process = run.tags.get(_PROCESS_TAG)
            if process is not None and not _is_alive(int(process)):
                instance.report_run_failed(run, "the command that ran this was stopped")
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
    """Run a job in this process: over the days of `window`, for one `partition`, or without either.

    `only` names the one asset of the job to materialize; `tags` are the run's own.

    What an asset raises comes out as it is; the run is then recorded as failed.
    """
    tags = {_PROCESS_TAG: str(os.getpid()), **(tags or {})}
    if window is not None:
        tags |= range_tags(window)
    # The terminal shows progress; the log is in the UI.
    run_config = {**(config or {}), "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    try:
        return definitions.resolve_job_def(job).execute_in_process(
            instance=instance,
            partition_key=partition,
            tags=tags,
            run_config=run_config,
            asset_selection=[dg.AssetKey(only)] if only else None,
        )
    except dg.DagsterExecutionInterruptedError as error:  # Ctrl-C, as Dagster calls it
        raise KeyboardInterrupt from error


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
