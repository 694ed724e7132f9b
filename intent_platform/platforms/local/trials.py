"""Logs the trials of a search as MLflow runs, nested under the run of the version."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from intent_platform.modelling.search import Trial

if TYPE_CHECKING:
    from mlflow import MlflowClient

#: The tag of a trial that holds the id of its parent, the run of the version.
PARENT_TAG = "mlflow.parentRunId"
#: The tag of a trial that holds its state.
STATE_TAG = "state"


def log_trials(client: "MlflowClient", experiment: str, parent: str, trials: Sequence[Trial]) -> None:
    """Log a finished run for each trial: its parameters, its seconds, and its PR-AUC unless it was pruned."""
    from mlflow.entities import Metric, Param

    for trial in trials:
        run = client.create_run(
            experiment, run_name=f"trial {trial.number}", tags={PARENT_TAG: parent, STATE_TAG: trial.state}
        ).info
        measured = {"seconds": trial.seconds, "pr_auc": trial.value}
        client.log_batch(
            run.run_id,
            metrics=[Metric(name, value, run.start_time, 0) for name, value in measured.items() if value is not None],
            params=[Param(name, str(value)) for name, value in trial.parameters.items()],
        )
        client.set_terminated(run.run_id, "FINISHED" if trial.state == "complete" else "KILLED")
