"""What an interruption leaves in a registry is never found as a version, and a sweep removes it."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from intent_platform.errors import UnknownVersion
from intent_platform.modelling.search import Trial
from intent_platform.partitions import clock_set_to, now
from intent_platform.pipeline.retention import prune
from intent_platform.platforms import platform_for
from intent_platform.platforms.local import registry as registry_module
from intent_platform.platforms.local.registry import MlflowRegistry
from intent_platform.platforms.local.store import MlflowStore
from intent_platform.platforms.ports import Platform
from intent_platform.platforms.snowflake.registry import SnowflakeRegistry
from intent_platform.platforms.versions import MODEL_NAME, ModelVersion
from intent_platform.settings import Settings
from intent_platform_tests.platforms.conftest import log_version, provenance

TRIALS = [Trial(n, {"depth": 2}, 0.7, "complete", 0.1) for n in range(2)]
#: The steps of logging a version with two trials: the call after which the process ends, and how often it happened.
LOGGING = [
    *(("create_run", 1), ("log_batch", 1), ("create_run", 2), ("set_terminated", 2)),
    *(("set_terminated", 3), ("create_model_version", 1)),
]
DELETING = [("delete_model_version", 1), ("delete_run", 1), ("delete_run", 2)]


class Killed(BaseException):
    """The process ends here: no handler of exceptions may do anything."""


@pytest.fixture
def settings(new_local_settings: Callable[[], Settings]) -> Settings:
    return new_local_settings()


@pytest.fixture
def platform(settings) -> Platform:
    return platform_for(settings)


@pytest.fixture
def kept(platform, model) -> ModelVersion:
    """A version that every sweep must keep, with its run, trial and folder."""
    return log_version(platform, model)


def kill_after(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, times: int = 1) -> None:
    """End the process after this many calls."""
    call, seen = getattr(owner, name), []

    def killed(*arguments: object, **named: object) -> object:
        result = call(*arguments, **named)
        seen.append(name)
        if len(seen) == times:
            raise Killed
        return result

    monkeypatch.setattr(owner, name, killed)


def rest_of(home: Path) -> tuple[int, list[str], int]:
    """The entries of versions, the names of active runs, and the number of artifact folders."""
    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(MODEL_NAME)
    assert experiment is not None
    runs = sorted(str(run.info.run_name) for run in client.search_runs([experiment.experiment_id]))
    return len(client.search_model_versions()), runs, len([*(home / "mlartifacts").iterdir()])


class TestKilledLogging:
    @pytest.fixture(params=[*LOGGING, ("_save", 1)], ids=lambda step: f"{step[0]} {step[1]}")
    def killed(self, request, settings, platform, kept, model, monkeypatch) -> Platform:
        """A platform on which logging a second version ended after this step."""
        name, times = request.param
        with monkeypatch.context() as patch:
            kill_after(patch, registry_module if name == "_save" else MlflowClient, name, times)
            with pytest.raises(Killed):
                platform.registry.log(model, provenance("2024-06-01"), TRIALS)
        return platform_for(settings)

    def test_leaves_nothing_after_a_sweep(self, killed, kept, settings):
        assert killed.registry.versions() == [kept]
        assert prune(killed, keep=5).leftovers > 0
        assert rest_of(settings.home) == (1, ["trial 0", kept.name], 1)
        killed.registry.load(kept)
        assert killed.registry.sweep() == 0


class TestKilledDeletion:
    @pytest.fixture(params=[*DELETING, ("rmtree", 1)], ids=lambda step: f"{step[0]} {step[1]}")
    def killed(self, request, settings, platform, model, monkeypatch) -> tuple[Platform, ModelVersion]:
        """A platform on which deleting the older of two versions ended after this step, and the newer."""
        name, times = request.param
        older, newer = log_version(platform, model), log_version(platform, model)
        with monkeypatch.context() as patch:
            kill_after(patch, shutil if name == "rmtree" else MlflowClient, name, times)
            with pytest.raises(Killed):
                platform.registry.delete(older)
        return platform_for(settings), newer

    def test_is_finished_by_the_next_prune(self, killed, settings):
        platform, newer = killed
        assert platform.registry.versions() == [newer]
        prune(platform, keep=1)
        assert rest_of(settings.home) == (1, ["trial 0", newer.name], 1)
        platform.registry.load(newer)


class TestDeletion:
    def test_removes_trials_and_files(self, platform, kept, settings):
        platform.registry.delete(kept)
        assert rest_of(settings.home) == (0, [], 0)


class TestRunsOfSomebodyElse:
    def test_stay(self, platform, kept, settings):
        client = MlflowClient(f"sqlite:///{settings.home / 'mlflow.db'}")
        experiment = client.get_experiment_by_name(MODEL_NAME)
        assert experiment is not None
        mine = client.create_run(experiment.experiment_id, run_name="mine").info.run_id
        client.create_run(experiment.experiment_id, run_name="nested", tags={"mlflow.parentRunId": mine})
        client.log_text(mine, "text", "notes.txt")
        before = rest_of(settings.home)
        assert platform.registry.sweep() == 0
        assert rest_of(settings.home) == before


class TestKilledLoggingOnSnowflake:
    """Nothing locks the registry there, so another process may still be logging a version without a record."""

    @pytest.fixture
    def account(self, snowflake_settings, model) -> tuple[Platform, list[ModelVersion]]:
        """An account with four versions. The first (the default) and the third have no record."""
        account = platform_for(snowflake_settings("emulator"))
        versions = [log_version(account, model) for _ in range(4)]
        assert isinstance(account.registry, SnowflakeRegistry)
        with account.registry.connect() as connection:
            for version in (versions[0], versions[2]):
                statement = f"ALTER MODEL {MODEL_NAME} MODIFY VERSION {version.name.upper()} SET METADATA = '{{}}'"
                connection.execute(statement)
        return account, versions

    def test_is_left_alone_for_a_day_and_then_removed(self, account):
        platform, versions = account
        assert platform.registry.versions() == [versions[1], versions[3]]
        assert platform.registry.sweep() == 0
        with clock_set_to(now() + timedelta(days=1, minutes=1)):
            assert platform.registry.sweep() == 1
            assert platform.registry.sweep() == 0
        assert platform.registry.versions() == [versions[1], versions[3]]


class TestDeletionAtTheSameTime:
    """Another process deletes the version after a method was called and before it has the lock."""

    @pytest.mark.parametrize(
        "use",
        [
            lambda registry, version: registry.move_champion(version, None),
            lambda registry, version: registry.set_quarantine(version, "a test"),
            lambda registry, version: registry.delete(version),
        ],
        ids=["move", "quarantine", "delete"],
    )
    def test_makes_the_version_unknown(
        self, settings, platform, kept, monkeypatch, use: Callable[[MlflowRegistry, ModelVersion], None]
    ):
        lock = MlflowStore._lock

        def deleted_first(store: MlflowStore):
            monkeypatch.setattr(MlflowStore, "_lock", lock)
            platform_for(settings).registry.delete(kept)
            return lock(store)

        platform.registry.champion()
        monkeypatch.setattr(MlflowStore, "_lock", deleted_first)
        with pytest.raises(UnknownVersion, match=kept.name):
            use(platform.registry, kept)
