"""What only the local platform promises: trials in MLflow's own UI, a home that can move, and bounded memory."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from mlflow import MlflowClient

from intent_platform.errors import WarehouseError
from intent_platform.modelling.search import Trial
from intent_platform.platforms import platform_for
from intent_platform.platforms.ports import ModelRegistry
from intent_platform.platforms.versions import MODEL_NAME, ModelVersion
from intent_platform.settings import load_settings
from intent_platform_tests.builders.environment import clean_environment
from intent_platform_tests.platforms.conftest import log_version, provenance


class TestTrials:
    """The search of a version in MLflow: a complete trial and a pruned one."""

    @pytest.fixture(scope="class")
    @classmethod
    def runs(cls, new_local_settings, model):
        """The runs of the experiment by name. That of the version is named `version`."""
        settings = new_local_settings()
        trials = [
            Trial(0, {"depth": 3, "rsm": 0.7}, 0.71, "complete", 0.4),
            Trial(1, {"depth": 5, "rsm": 0.4}, None, "pruned", 0.1),
        ]
        version = platform_for(settings).registry.log(model, provenance("2024-05-01"), trials)
        client = MlflowClient(f"sqlite:///{settings.home / 'mlflow.db'}")
        experiment = client.get_experiment_by_name(MODEL_NAME)
        assert experiment is not None
        runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
        runs["version"] = runs.pop(version.name)
        return runs

    def test_are_runs_of_their_own(self, runs):
        assert set(runs) == {"version", "trial 0", "trial 1"}

    def test_are_nested_under_the_run_of_their_version(self, runs):
        for trial in ("trial 0", "trial 1"):
            assert runs[trial].data.tags["mlflow.parentRunId"] == runs["version"].info.run_id

    def test_have_their_parameters(self, runs):
        assert runs["trial 0"].data.params == {"depth": "3", "rsm": "0.7"}

    def test_have_their_metrics(self, runs):
        assert runs["trial 0"].data.metrics == pytest.approx({"pr_auc": 0.71, "seconds": 0.4})
        assert runs["trial 1"].data.metrics == pytest.approx({"seconds": 0.1})

    def test_have_their_state(self, runs):
        complete, pruned = runs["trial 0"], runs["trial 1"]
        assert (complete.info.status, complete.data.tags["state"]) == ("FINISHED", "complete")
        assert (pruned.info.status, pruned.data.tags["state"]) == ("KILLED", "pruned")


class MovedHome(NamedTuple):
    """A registry whose home has another name now, with a version from before and one from after."""

    registry: ModelRegistry
    former_home: Path
    old: ModelVersion
    new: ModelVersion


class TestMovedHome:
    rows = pa.table({name: np.linspace(0, 1, 20) for name in ("PAGEVALUES", "EXITRATES", "WEEKEND")})

    @pytest.fixture(scope="class")
    @classmethod
    def moved(cls, new_local_settings, model, tmp_path_factory) -> MovedHome:
        before = new_local_settings()
        old = log_version(platform_for(before), model)
        new_home = before.home.rename(tmp_path_factory.mktemp("moved") / "home")
        with clean_environment():
            after = platform_for(load_settings(home=new_home))
        return MovedHome(after.registry, before.home, old, log_version(after, model, "2024-06-01"))

    def test_loads_its_old_versions(self, moved, model):
        assert np.array_equal(moved.registry.load(moved.old).predict(self.rows), model.predict(self.rows))

    def test_loads_its_new_versions(self, moved, model):
        assert np.array_equal(moved.registry.load(moved.new).predict(self.rows), model.predict(self.rows))

    def test_leaves_the_former_place_empty(self, moved):
        assert not moved.former_home.exists()


class TestWarehouse:
    def test_reports_why_a_transaction_cannot_be_committed(self, settings):
        with (
            pytest.raises(WarehouseError, match="no transaction"),
            platform_for(settings).warehouse.connect(writing=True) as connection,
            connection.transaction(),
        ):
            connection.execute("ROLLBACK")  # COMMIT then fails, and so does the second ROLLBACK

    def test_binds_numbers_of_numpy_as_numbers(self, settings):
        with platform_for(settings).warehouse.connect() as connection:
            assert connection.fetch("SELECT :x AS X", x=np.float64(0.1))["X"].to_pylist() == [0.1]

    def test_keeps_to_its_memory(self, make_settings):
        settings = make_settings(warehouse={"timeout_seconds": 5, "memory_gb": 0.25})
        with platform_for(settings).warehouse.connect() as connection:
            (limit,) = connection.fetch("SELECT CURRENT_SETTING('memory_limit') AS MEMORY")["MEMORY"].to_pylist()
        assert limit == "238.4 MiB"


class TestStagedBatches:
    @staticmethod
    def folders_in(home: Path) -> list[str]:
        return [path.name for path in home.iterdir() if path.name.startswith(".staged-")]

    @pytest.fixture
    def settings(self, make_settings, tmp_path):
        """Settings of a home whose name would be a pattern of files if it were not escaped."""
        return make_settings(home=tmp_path / "home [1] *")

    def test_are_in_one_folder_beside_the_warehouse(self, settings):
        with platform_for(settings).warehouse.connect(writing=True) as connection:
            connection.stage("ARRIVED", pa.table({"N": [1, 2]}))
            connection.stage("ARRIVED", pa.table({"N": [3]}))
            assert connection.fetch("SELECT SUM(N) AS TOTAL FROM ARRIVED")["TOTAL"].to_pylist() == [6]
            assert len(self.folders_in(settings.home)) == 1

    def test_are_removed_when_their_connection_fails(self, settings):
        def stage_and_fail() -> None:
            with platform_for(settings).warehouse.connect(writing=True) as connection:
                connection.stage("ARRIVED", pa.table({"N": [1, 2]}))
                raise RuntimeError("mine")

        with pytest.raises(RuntimeError, match="mine"):
            stage_and_fail()
        assert self.folders_in(settings.home) == []

    def test_of_a_killed_process_are_removed_by_the_next_load(self, settings):
        with platform_for(settings).warehouse.connect(writing=True):
            pass
        (settings.home / ".staged-0-killed" / "RECEIVED").mkdir(parents=True)
        with platform_for(settings).warehouse.connect(writing=True) as connection:
            connection.stage("ARRIVED", pa.table({"N": [1]}))
            assert ".staged-0-killed" not in self.folders_in(settings.home)
