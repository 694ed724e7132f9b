"""The command that deletes old versions and leftovers."""

from mlflow import MlflowClient

from intent_platform.platforms.versions import MODEL_NAME
from intent_platform_tests.commands.conftest import call


def test_prints_what_it_deleted(new_home):
    home = new_home()
    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(MODEL_NAME)
    assert experiment is not None
    client.create_run(experiment.experiment_id, run_name="v_240501_100000")  # the training was killed here
    assert call(home, "prune", "--keep", "1").output.splitlines() == [
        "Deleted 0 versions.",
        "Deleted 1 leftovers of interrupted trainings or deletions.",
    ]
    assert call(home, "prune", "--keep", "1").output == "Deleted 0 versions.\n"
