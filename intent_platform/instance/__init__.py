"""The persistent Dagster instance in the home folder, and how commands run jobs on it."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import dagster as dg

from intent_platform.errors import IntentPlatformError, SettingsError
from intent_platform.partitions import Window, range_tags
from intent_platform.settings import Settings
from intent_platform.workers import executing, fail_abandoned

#: The workspace that `dagster dev` loads.
WORKSPACE = Path(__file__).with_name("workspace.yaml")
_TEMPLATE = Path(__file__).with_name("dagster.yaml")


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
    """Open the instance, and mark the runs of stopped processes as failed."""
    prepare_home(settings)
    with dg.DagsterInstance.get() as instance:
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
    except dg.DagsterExecutionInterruptedError as error:  # Dagster's error for Ctrl-C
        raise KeyboardInterrupt from error
