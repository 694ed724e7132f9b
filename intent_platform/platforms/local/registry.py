"""The local registry: MLflow without a server, with a SQLite store and the artifacts in the home folder.

Each version has an MLflow alias with its name, and the alias `champion` is the pointer. The alias `challenger` is for
readers. The model file has CatBoost's own format. The registry stores and finds versions and moves the pointer, but
decides nothing.
"""

import errno
import sqlite3
import time
from collections.abc import Sequence
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from intent_platform.errors import StillNeeded, UnknownVersion, first_line
from intent_platform.modelling.catboost_family import PACKAGE
from intent_platform.modelling.model import IntentModel
from intent_platform.modelling.search import Trial
from intent_platform.platforms.aliases import Aliases, RegistryState, chosen_aliases
from intent_platform.platforms.local.leftovers import every, sweep
from intent_platform.platforms.local.store import MlflowStore
from intent_platform.platforms.local.trials import log_trials
from intent_platform.platforms.model_file import digest_of, read_model
from intent_platform.platforms.ports import ScoringModel
from intent_platform.platforms.versions import (
    MODEL_NAME,
    ModelVersion,
    Provenance,
    ensure_champion,
    free_version_name,
    is_version_name,
    read_provenance,
    validated_version_name,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion as StoredVersion

_CHAMPION_ALIAS = "champion"
_CHALLENGER_ALIAS = "challenger"
_NAME_TAG = "version_name"
_PROVENANCE_TAG = "provenance"
_QUARANTINE_TAG = "quarantine"
_DIGEST_TAG = "sha256"
_RECORD_DIGEST_TAG = "provenance_sha256"
_MODEL_FOLDER = "model"
_MODEL_FILE = "model.cb"  # the name that MLflow's CatBoost flavour gives it


class MlflowRegistry(dg.ConfigurableResource["MlflowRegistry"]):
    """The model registry in the folder `home`: `mlflow.db` and `mlartifacts/`; see `ports.ModelRegistry`.

    Attributes:
        home: the folder. The first use creates it.
        timeout_seconds: how long to wait for another process that changes the registry, in seconds.
    """

    home: str
    timeout_seconds: float

    @cached_property
    def _store(self) -> MlflowStore:
        return MlflowStore(Path(self.home), self.timeout_seconds)

    def log(self, model: IntentModel, provenance: Provenance, trials: Sequence[Trial]) -> ModelVersion:
        """Store a version. The step before the last sets the alias by which the version is found.

        What an earlier interruption leaves has no alias, so it is never found, and `sweep` removes it.
        """
        from mlflow.entities import Metric, Param, RunTag

        with self._store.locked() as client:
            name = free_version_name(lambda name: _by_alias(client, name) is not None)
            experiment = _experiment(client)
            run_id = client.create_run(experiment, run_name=name).info.run_id
            stamp = int(time.time() * 1000)
            measured = {key: value for key, value in provenance.metrics.items() if value is not None}
            client.log_batch(
                run_id,
                metrics=[Metric(key, float(value), stamp, 0) for key, value in measured.items()],
                params=[Param(key, str(value)) for key, value in provenance.parameters.items()],
                tags=[RunTag(_NAME_TAG, name), RunTag("month", provenance.month.isoformat())],
            )
            log_trials(client, experiment, run_id, trials)
            folder = self._model_folder(run_id)
            _save(model, folder)
            digest = digest_of((folder / _MODEL_FILE).read_bytes())
            record = provenance.model_dump_json()
            client.set_terminated(run_id)
            stored = client.create_model_version(
                MODEL_NAME,
                folder.as_uri(),
                run_id,
                tags={
                    _NAME_TAG: name,
                    _PROVENANCE_TAG: record,
                    _RECORD_DIGEST_TAG: digest_of(record.encode()),
                    _DIGEST_TAG: digest,
                },
                description=f"Challenger of {provenance.month:%Y-%m}",
            )
            client.set_registered_model_alias(MODEL_NAME, name, stored.version)
            _align(client, _champion(client))
        return ModelVersion(name=name, provenance=provenance, digest=digest)

    def versions(self) -> list[ModelVersion]:
        """All versions, oldest first. Those without their alias were not stored completely and are left out."""
        with self._store.opened() as client:
            return _versions(client)

    def version(self, name: str) -> ModelVersion:
        """The version of that name."""
        valid = validated_version_name(name)
        with self._store.opened() as client:
            stored = _stored(client, valid)
            return _version(stored, stored.aliases)

    def load(self, version: ModelVersion) -> IntentModel:
        """The model of that version, read from its file."""
        with self._store.opened() as client:
            run_id = str(_stored(client, version.name).run_id)
        return read_model(version, self._model_folder(run_id) / _MODEL_FILE)

    def scoring_model(self, version: ModelVersion) -> ScoringModel:
        """That version with its model, because DuckDB scores in this process."""
        model = self.load(version)
        return ScoringModel(version.name, model.features, model)

    def champion(self) -> ModelVersion | None:
        """The version that the pointer names; None before the first move."""
        with self._store.opened() as client:
            return _champion(client)

    def state(self) -> RegistryState:
        """The champion and the aliases."""
        with self._store.opened() as client:
            champion, challenger = _champion(client), _by_alias(client, _CHALLENGER_ALIAS)
            return RegistryState(
                champion,
                aliases=Aliases(
                    None if champion is None else champion.name,
                    None if challenger is None else challenger.tags.get(_NAME_TAG),
                ),
                chosen=_chosen_aliases(client, champion),
            )

    def align_aliases(self) -> bool:
        """Give the alias `challenger` to the version that the rule chooses. The alias `champion` is the pointer."""
        with self._store.locked() as client:
            _align(client, _champion(client))
        return True

    def move_champion(self, to: ModelVersion, expected: ModelVersion | None) -> None:
        """Move the pointer to `to` if it still names `expected`."""
        with self._store.locked() as client:
            stored = _stored(client, to.name)
            ensure_champion(_champion(client), expected, to)
            _align(client, to)  # first, so the move is the last step and a failure before it moves nothing
            client.set_registered_model_alias(MODEL_NAME, _CHAMPION_ALIAS, stored.version)

    def delete(self, version: ModelVersion) -> None:
        """Delete a version, its runs and its files. The first step makes it unknown, and `sweep` does the others."""
        with self._store.locked() as client:
            stored = _stored(client, version.name)
            champion = _champion(client)
            if champion is not None and champion.name == version.name:
                raise StillNeeded(f"version {version.name} is the champion: make another version champion first")
            client.delete_model_version(MODEL_NAME, stored.version)
            _align(client, champion)
            sweep(client, _experiment(client), self._store.artifacts)

    def sweep(self) -> int:
        """Delete what an interrupted logging or deletion left. Under the lock, no other process does either."""
        with self._store.locked() as client:
            return sweep(client, _experiment(client), self._store.artifacts)

    def set_quarantine(self, version: ModelVersion, reason: str | None) -> None:
        """Quarantine a version for `reason`, or lift its quarantine if that is None."""
        with self._store.locked() as client:
            number = _stored(client, version.name).version
            if reason is None:
                client.delete_model_version_tag(MODEL_NAME, number, _QUARANTINE_TAG)
            else:
                client.set_model_version_tag(MODEL_NAME, number, _QUARANTINE_TAG, reason)
            _align(client, _champion(client))

    def _model_folder(self, run_id: str) -> Path:
        """The folder of a run's model in the current home. The home may have moved since MLflow stored its path."""
        return self._store.artifacts / run_id / "artifacts" / _MODEL_FOLDER


def _experiment(client: "MlflowClient") -> str:
    experiment = client.get_experiment_by_name(MODEL_NAME)
    assert experiment is not None, "the store is created with it"  # noqa: S101  for the type checker
    return str(experiment.experiment_id)


def _versions(client: "MlflowClient") -> list[ModelVersion]:
    aliases: dict[str, list[str]] = {}
    for alias, number in client.get_registered_model(MODEL_NAME).aliases.items():
        aliases.setdefault(str(number), []).append(alias)
    every_stored = every(lambda token: client.search_model_versions(f"name='{MODEL_NAME}'", page_token=token))
    complete = [(stored, aliases[number]) for stored in every_stored if (number := str(stored.version)) in aliases]
    return sorted((_version(*found) for found in complete), key=lambda version: version.name)


def _champion(client: "MlflowClient") -> ModelVersion | None:
    stored = _by_alias(client, _CHAMPION_ALIAS)
    return None if stored is None else _version(stored, stored.aliases)


def _align(client: "MlflowClient", champion: ModelVersion | None) -> None:
    """Give the alias `challenger` to the version that the rule chooses while `champion` is the champion."""
    name = _chosen_aliases(client, champion).challenger
    wanted = None if name is None else _stored(client, name).version
    current = _by_alias(client, _CHALLENGER_ALIAS)
    if wanted is not None and (current is None or current.version != wanted):
        client.set_registered_model_alias(MODEL_NAME, _CHALLENGER_ALIAS, wanted)
    elif wanted is None and current is not None:
        client.delete_registered_model_alias(MODEL_NAME, _CHALLENGER_ALIAS)


def _chosen_aliases(client: "MlflowClient", champion: ModelVersion | None) -> Aliases:
    """Reads only the newest version, so a damaged older one does not matter here."""
    names = filter(is_version_name, client.get_registered_model(MODEL_NAME).aliases)
    newest = max(names, default=None)
    return chosen_aliases(
        None if champion is None else champion.name,
        newest,
        newest_is_quarantined=newest is not None and _QUARANTINE_TAG in _stored(client, newest).tags,
    )


def _stored(client: "MlflowClient", name: str) -> "StoredVersion":
    stored = _by_alias(client, name)
    if stored is None:
        latest = ", ".join(version.name for version in _versions(client)[-3:]) or "none yet"
        raise UnknownVersion(f"the registry has no version {name}: choose one that exists. The latest are: {latest}")
    return stored


def _by_alias(client: "MlflowClient", alias: str) -> "StoredVersion | None":
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(MODEL_NAME, alias)
    except MlflowException as error:
        # MLflow uses both codes for something that does not exist.
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _version(stored: "StoredVersion", aliases: Sequence[str]) -> ModelVersion:
    """The version as it was logged. SQLite has no checksums, so the name and the record are compared here.

    Raises:
        sqlite3.DatabaseError: the version has another name than its alias. The database is damaged.
    """
    name, record = stored.tags.get(_NAME_TAG), stored.tags.get(_PROVENANCE_TAG, "")
    names = [alias for alias in aliases if is_version_name(alias)]
    if name is None or names != [name]:
        raise sqlite3.DatabaseError(
            f"its version {stored.version} has the name {name} and the alias {', '.join(names)}"
        )
    digest = stored.tags.get(_RECORD_DIGEST_TAG)  # a version of an earlier release has none
    is_as_logged = digest is None or digest == digest_of(record.encode())
    return ModelVersion(
        name=name,
        provenance=read_provenance(record) if is_as_logged else "it has changed since the version was logged",
        quarantine=stored.tags.get(_QUARANTINE_TAG),
        digest=stored.tags.get(_DIGEST_TAG),
    )


def _save(model: IntentModel, folder: Path) -> None:
    """Save the model in MLflow's format, which any MLflow can load. The signature contains no real session."""
    import mlflow.catboost
    from catboost import CatBoostError
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    signature = ModelSignature(
        inputs=Schema([ColSpec(DataType.double, feature) for feature in model.features]),
        outputs=Schema([ColSpec(DataType.double)]),
    )
    requirements = [f"{PACKAGE}=={metadata.version(PACKAGE)}"]  # without them, MLflow starts a process to guess them
    try:
        mlflow.catboost.save_model(model.classifier, str(folder), signature=signature, pip_requirements=requirements)
    except CatBoostError as error:  # it cannot write the file
        raise OSError(errno.EIO, first_line(error), str(folder)) from error
