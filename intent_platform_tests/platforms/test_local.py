"""What only the local platform promises: its search can be looked at in MLflow's own UI."""

import pytest
from mlflow import MlflowClient

from intent_platform.modelling.search import Trial
from intent_platform.platforms import platform_for
from intent_platform.platforms.versions import MODEL_NAME
from intent_platform_tests.platforms.conftest import provenance


def test_every_trial_is_a_run_nested_under_that_of_its_version(settings, empty_registry, model):
    empty_registry(settings.home)
    trials = [
        Trial(0, {"depth": 3, "rsm": 0.7}, 0.71, "complete", 0.4),
        Trial(1, {"depth": 5, "rsm": 0.4}, None, "pruned", 0.1),
    ]
    version = platform_for(settings).registry.log(model, provenance("2024-05-01"), trials)
    client = MlflowClient(f"sqlite:///{settings.home / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(MODEL_NAME)
    assert experiment is not None
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {version.name, "trial 0", "trial 1"}
    complete, pruned = runs["trial 0"], runs["trial 1"]
    for run in (complete, pruned):
        assert run.data.tags["mlflow.parentRunId"] == runs[version.name].info.run_id
    assert complete.data.params == {"depth": "3", "rsm": "0.7"}
    assert complete.data.metrics == pytest.approx({"pr_auc": 0.71, "seconds": 0.4})
    assert (complete.info.status, complete.data.tags["state"]) == ("FINISHED", "complete")
    assert pruned.data.metrics == pytest.approx({"seconds": 0.1})
    assert (pruned.info.status, pruned.data.tags["state"]) == ("KILLED", "pruned")
