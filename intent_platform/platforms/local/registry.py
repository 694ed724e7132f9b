"""The local registry: MLflow without a server, with a SQLite store and the artifacts in the home folder.

Each version has an MLflow alias with its name, and the alias `champion` is the pointer. The model file has CatBoost's
own format. The registry stores and finds versions and moves the pointer, but decides nothing.
"""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from filelock import FileLock

from intent_platform.errors import StillNeeded, UnknownVersion, WarehouseError
from intent_platform.loggers import quiet_loggers
from intent_platform.modelling.catboost_family import PACKAGE
from intent_platform.modelling.model import IntentModel
from intent_platform.modelling.search import Trial
from intent_platform.platforms.local.trials import log_trials
from intent_platform.platforms.model_file import digest_of, read_model
from intent_platform.platforms.ports import ScoringModel
from intent_platform.platforms.versions import (
    MODEL_NAME,
    ModelVersion,
    Provenance,
    ensure_champion,
    free_version_name,
    read_provenance,
    validated_version_name,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion as StoredVersion

_CHAMPION_ALIAS = "champion"
_NAME_TAG = "version_name"
_PROVENANCE_TAG = "provenance"
_QUARANTINE_TAG = "quarantine"
_DIGEST_TAG = "sha256"
_ARTIFACTS = "mlartifacts"
_MODEL_FOLDER = "model"
_MODEL_FILE = "model.cb"  # the name that MLflow's CatBoost flavour gives it


class MlflowRegistry(dg.ConfigurableResource["MlflowRegistry"]):
    """The model registry in the folder `home`: `mlflow.db` and `mlartifacts/`; see `ports.ModelRegistry`."""

    home: str

    @cached_property
    def _client(self) -> "MlflowClient":
        """A client of this registry. It does not change MLflow's global tracking address."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient  # imported first, because the import sets the levels of its loggers
        from mlflow.exceptions import MlflowException

        with quiet_loggers("alembic", "mlflow"), self._locked():  # a new store logs its migrations
            home = Path(self.home)
            address = f"sqlite:///{home / 'mlflow.db'}"
            client = MlflowClient(tracking_uri=address, registry_uri=address)
            if client.get_experiment_by_name(MODEL_NAME) is None:
                client.create_experiment(MODEL_NAME, artifact_location=(home / _ARTIFACTS).as_uri())
            try:
                client.get_registered_model(MODEL_NAME)
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                client.create_registered_model(MODEL_NAME, description="Probability that a session ends in a purchase")
        return client

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock of the registry. Another process must not create the store, name a version or move the pointer.

        MLflow has no compare-and-set, so a lock file takes its place. The lock cannot be nested, and the first use of
        `_client` takes it to create the store. Use `_client` once before taking the lock.
        """
        home = Path(self.home)
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WarehouseError(
                f"cannot create the folder {home} ({error.strerror}): set INTENT_PLATFORM_HOME to a folder that you "
                "can write"
            ) from error
        with FileLock(home / "registry.lock"):
            yield

    @property
    def _experiment(self) -> str:
        experiment = self._client.get_experiment_by_name(MODEL_NAME)
        assert experiment is not None, "_client creates it"  # noqa: S101  for the type checker
        return str(experiment.experiment_id)

    def log(self, model: IntentModel, provenance: Provenance, trials: Sequence[Trial]) -> ModelVersion:
        """Store a version. The last step sets the alias by which the version is found."""
        experiment = self._experiment
        with self._locked():
            return self._log(experiment, model, provenance, trials)

    def _log(
        self, experiment: str, model: IntentModel, provenance: Provenance, trials: Sequence[Trial]
    ) -> ModelVersion:
        from mlflow.entities import Metric, Param, RunTag

        name = free_version_name(lambda name: self._by_alias(name) is not None)
        run_id = self._client.create_run(experiment, run_name=name).info.run_id
        try:
            stamp = int(time.time() * 1000)
            measured = {key: value for key, value in provenance.metrics.items() if value is not None}
            self._client.log_batch(
                run_id,
                metrics=[Metric(key, float(value), stamp, 0) for key, value in measured.items()],
                params=[Param(key, str(value)) for key, value in provenance.parameters.items()],
                tags=[RunTag(_NAME_TAG, name), RunTag("month", provenance.month.isoformat())],
            )
            log_trials(self._client, experiment, run_id, trials)
            _save(model, self._model_folder(run_id))
            digest = digest_of((self._model_folder(run_id) / _MODEL_FILE).read_bytes())
            stored = self._client.create_model_version(
                MODEL_NAME,
                self._model_folder(run_id).as_uri(),
                run_id,
                tags={_NAME_TAG: name, _PROVENANCE_TAG: provenance.model_dump_json(), _DIGEST_TAG: digest},
                description=f"Challenger of {provenance.month:%Y-%m}",
            )
            self._client.set_registered_model_alias(MODEL_NAME, name, stored.version)
        except BaseException:
            self._client.set_terminated(run_id, "FAILED")
            raise
        self._client.set_terminated(run_id)
        return ModelVersion(name=name, provenance=provenance, digest=digest)

    def versions(self) -> list[ModelVersion]:
        """All versions, oldest first. Those without their alias were not stored completely and are left out."""
        aliases = self._client.get_registered_model(MODEL_NAME).aliases
        versions = [
            _version(stored) for stored in self._search() if aliases.get(stored.tags.get(_NAME_TAG)) == stored.version
        ]
        return sorted(versions, key=lambda version: version.name)

    def version(self, name: str) -> ModelVersion:
        """The version of that name."""
        return _version(self._stored(validated_version_name(name)))

    def load(self, version: ModelVersion) -> IntentModel:
        """The model of that version, read from its file."""
        stored = self._stored(version.name)
        return read_model(version, self._model_folder(str(stored.run_id)) / _MODEL_FILE)

    def scoring_model(self, version: ModelVersion) -> ScoringModel:
        """That version with its model, because DuckDB scores in this process."""
        model = self.load(version)
        return ScoringModel(version.name, model.features, model)

    def champion(self) -> ModelVersion | None:
        """The version that the pointer names; None before the first move."""
        stored = self._by_alias(_CHAMPION_ALIAS)
        return None if stored is None else _version(stored)

    def move_champion(self, to: ModelVersion, expected: ModelVersion | None) -> None:
        """Move the pointer to `to` if it still names `expected`."""
        stored = self._stored(to.name)
        with self._locked():
            ensure_champion(self.champion(), expected, to)
            self._client.set_registered_model_alias(MODEL_NAME, _CHAMPION_ALIAS, stored.version)

    def delete(self, version: ModelVersion) -> None:
        """Delete a version, its run and its files."""
        stored = self._stored(version.name)
        with self._locked():
            champion = self.champion()
            if champion is not None and champion.name == version.name:
                raise StillNeeded(f"version {version.name} is the champion: make another version champion first")
            self._client.delete_model_version(MODEL_NAME, stored.version)
            self._client.delete_run(str(stored.run_id))
        shutil.rmtree(self._model_folder(str(stored.run_id)).parents[1], ignore_errors=True)

    def set_quarantine(self, version: ModelVersion, reason: str | None) -> None:
        """Quarantine a version for `reason`, or lift its quarantine if that is None."""
        number = self._stored(version.name).version
        if reason is None:
            self._client.delete_model_version_tag(MODEL_NAME, number, _QUARANTINE_TAG)
        else:
            self._client.set_model_version_tag(MODEL_NAME, number, _QUARANTINE_TAG, reason)

    def _model_folder(self, run_id: str) -> Path:
        """The folder of a run's model in the current home. The home may have moved since MLflow stored its path."""
        return Path(self.home).absolute() / _ARTIFACTS / run_id / "artifacts" / _MODEL_FOLDER

    def _stored(self, name: str) -> "StoredVersion":
        stored = self._by_alias(name)
        if stored is None:
            latest = ", ".join(version.name for version in self.versions()[-3:]) or "none yet"
            raise UnknownVersion(
                f"the registry has no version {name}: choose one that exists. The latest are: {latest}"
            )
        return stored

    def _by_alias(self, alias: str) -> "StoredVersion | None":
        from mlflow.exceptions import MlflowException

        try:
            return self._client.get_model_version_by_alias(MODEL_NAME, alias)
        except MlflowException as error:
            # MLflow uses both codes for something that does not exist.
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise

    def _search(self) -> Iterator["StoredVersion"]:
        """All entries of the model, page by page: MLflow limits the number of results of one search."""
        token: str | None = None
        while True:
            page: Any = self._client.search_model_versions(f"name='{MODEL_NAME}'", page_token=token)
            yield from page
            token = page.token
            if not token:
                return


def _version(stored: "StoredVersion") -> ModelVersion:
    return ModelVersion(
        name=stored.tags[_NAME_TAG],
        provenance=read_provenance(stored.tags.get(_PROVENANCE_TAG, "")),
        quarantine=stored.tags.get(_QUARANTINE_TAG),
        digest=stored.tags.get(_DIGEST_TAG),
    )


def _save(model: IntentModel, folder: Path) -> None:
    """Save the model in MLflow's format, which any MLflow can load. The signature contains no real session."""
    import mlflow.catboost
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    signature = ModelSignature(
        inputs=Schema([ColSpec(DataType.double, feature) for feature in model.features]),
        outputs=Schema([ColSpec(DataType.double)]),
    )
    requirements = [f"{PACKAGE}=={metadata.version(PACKAGE)}"]  # without them, MLflow starts a process to guess them
    mlflow.catboost.save_model(model.classifier, str(folder), signature=signature, pip_requirements=requirements)
