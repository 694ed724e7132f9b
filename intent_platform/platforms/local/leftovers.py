"""Removes what no complete version needs: the rest of a logging or a deletion that was interrupted.

A version is complete when an alias names it. All of this works under the lock of the store, and so does logging.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intent_platform.platforms.local.trials import PARENT_TAG, STATE_TAG
from intent_platform.platforms.versions import MODEL_NAME, is_version_name

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


def sweep(client: "MlflowClient", experiment: str, artifacts: Path) -> int:
    """Delete incomplete versions, and the runs and artifact folders that belong to no complete version.

    A run is deleted like any run of MLflow: it disappears from the searches. Runs that somebody else logged stay.

    Returns:
        The number of versions, runs and folders that were deleted.
    """
    complete = set(client.get_registered_model(MODEL_NAME).aliases.values())
    versions = list(every(lambda token: client.search_model_versions(f"name='{MODEL_NAME}'", page_token=token)))
    incomplete = [version for version in versions if version.version not in complete]
    needed = {version.run_id for version in versions if version.version in complete}
    unneeded = [run for run in _runs(client, experiment) if _root(run) not in needed]
    runs = [run.info.run_id for run in unneeded if run.info.lifecycle_stage == "active"]
    folders = [folder for run in unneeded if (folder := artifacts / run.info.run_id).exists()]
    for version in incomplete:
        client.delete_model_version(MODEL_NAME, version.version)
    for run_id in runs:
        client.delete_run(run_id)
    for folder in folders:
        shutil.rmtree(folder)
    return len(incomplete) + len(runs) + len(folders)


def every(page_after: Callable[[str | None], Any]) -> Iterator[Any]:
    """All results of a search, page by page: MLflow limits the number of results of one search."""
    token: str | None = None
    while True:
        page = page_after(token)
        yield from page
        token = page.token
        if not token:
            return


def _runs(client: "MlflowClient", experiment: str) -> Iterator["Run"]:
    """The runs that the registry logged for versions and trials, deleted ones included."""
    from mlflow.entities import ViewType

    def page_after(token: str | None) -> Any:
        return client.search_runs([experiment], run_view_type=ViewType.ALL, page_token=token)

    return (run for run in every(page_after) if is_version_name(run.info.run_name or "") or _is_trial(run))


def _is_trial(run: "Run") -> bool:
    return {PARENT_TAG, STATE_TAG} <= run.data.tags.keys()


def _root(run: "Run") -> str:
    """The id of the version's run: for a trial its parent, otherwise the run itself."""
    return str(run.data.tags.get(PARENT_TAG, run.info.run_id))
