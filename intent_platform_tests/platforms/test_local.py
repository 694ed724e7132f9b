"""What only the local platform promises: its search shows in MLflow's own UI, and its home can be moved."""

import duckdb
import numpy as np
import pyarrow as pa
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


def test_a_home_that_was_moved_loads_its_versions_and_keeps_new_ones(make_settings, empty_registry, model, tmp_path):
    before, after = (make_settings(home=tmp_path / name) for name in ("before", "after"))
    empty_registry(before.home)
    rows = pa.table({name: np.linspace(0, 1, 20) for name in model.features})
    old = platform_for(before).registry.log(model, provenance("2024-05-01"), [])
    before.home.rename(after.home)
    registry = platform_for(after).registry
    new = registry.log(model, provenance("2024-06-01"), [])
    for version in (old, new):
        assert np.array_equal(registry.load(version).predict(rows), model.predict(rows))
    assert not before.home.exists()


def test_a_transaction_that_cannot_be_committed_says_why(settings):
    with (
        platform_for(settings).warehouse.connect(writing=True) as connection,
        pytest.raises(duckdb.TransactionException, match="no transaction"),
        connection.transaction(),
    ):
        connection.execute("ROLLBACK")  # so that COMMIT fails, and ROLLBACK after it


def test_numbers_of_numpy_are_numbers(settings):
    with platform_for(settings).warehouse.connect() as connection:
        assert connection.fetch("SELECT :x AS X", x=np.float64(0.1))["X"].to_pylist() == [0.1]


def staged_in(home) -> list[str]:
    return [path.name for path in home.iterdir() if path.name.startswith(".staged-")]


def test_staged_batches_are_beside_the_warehouse_and_gone_with_their_session(make_settings, tmp_path):
    settings = make_settings(home=tmp_path / "home [1] *")  # a pattern of files, were it not escaped

    def stage_and_stumble() -> None:
        with platform_for(settings).warehouse.connect(writing=True) as connection:
            connection.stage("ARRIVED", pa.table({"N": [1, 2]}))
            connection.stage("ARRIVED", pa.table({"N": [3]}))
            assert connection.fetch("SELECT SUM(N) AS TOTAL FROM ARRIVED")["TOTAL"].to_pylist() == [6]
            assert len(staged_in(settings.home)) == 1
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        stage_and_stumble()
    assert staged_in(settings.home) == []


def test_what_a_killed_process_staged_is_removed_by_the_next_load(settings):
    with platform_for(settings).warehouse.connect(writing=True):
        pass
    (settings.home / ".staged-0-killed" / "RECEIVED").mkdir(parents=True)
    with platform_for(settings).warehouse.connect(writing=True) as connection:
        connection.stage("ARRIVED", pa.table({"N": [1]}))
        assert ".staged-0-killed" not in staged_in(settings.home)


def test_the_warehouse_keeps_to_its_memory(make_settings):
    settings = make_settings(warehouse={"timeout_seconds": 5, "memory_gb": 0.25})
    with platform_for(settings).warehouse.connect() as connection:
        (limit,) = connection.fetch("SELECT CURRENT_SETTING('memory_limit') AS MEMORY")["MEMORY"].to_pylist()
    assert limit == "238.4 MiB"
