"""The Snowflake registry: one model, its versions, and the default version as the pointer.

Versions are written with `snowflake.ml.registry`; pointer and marks are read with one SHOW each, so that a daily run
does not load the ML library. Nothing here decides anything: it stores, finds and moves the pointer.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from intent_platform.errors import StillNeeded, UnknownVersion
from intent_platform.modelling.model import IntentModel
from intent_platform.modelling.search import Trial
from intent_platform.platforms.ports import ScoringModel
from intent_platform.platforms.snowflake.artifact import exported_model, log_artifact
from intent_platform.platforms.versions import (
    MODEL_NAME,
    ModelVersion,
    Provenance,
    ensure_champion,
    free_version_name,
    validated_version_name,
)

if TYPE_CHECKING:
    from snowflake.ml.registry import Registry
    from snowflake.snowpark import Session

#: What this platform keeps beside the metrics of a version: provenance, trials, quarantine.
_OURS = "intent_platform"
_PROVENANCE, _QUARANTINE, _TRIALS, _UNASKED = "provenance", "quarantine", "trials", "default_unasked"


@dataclass(frozen=True)
class _Stored:
    """One row of SHOW VERSIONS: the name, what we keep with it, and whether it is the default."""

    name: str
    ours: dict[str, Any]
    is_default: bool

    @property
    def version(self) -> ModelVersion:
        return ModelVersion(
            name=self.name,
            provenance=Provenance.model_validate(self.ours[_PROVENANCE]),
            quarantine=self.ours.get(_QUARANTINE),
        )


@dataclass(frozen=True)
class SnowflakeRegistry:
    """The model PURCHASE_INTENT of the sessions' schema; see `ports.ModelRegistry`.

    The champion is the default version. Snowflake makes the first version the default unasked: that one carries a
    mark, and is not the champion before it is moved to.
    """

    open_session: Callable[[], AbstractContextManager["Session"]]

    def log(self, model: IntentModel, provenance: Provenance, trials: Sequence[Trial]) -> ModelVersion:
        """Store a version; it is found once its provenance is there, which is the last step."""
        with self.open_session() as session:
            registry = _registry(session)
            while True:
                stored = _stored_versions(session)
                name = free_version_name({version.name for version in stored}.__contains__)
                ours = {
                    _PROVENANCE: provenance.model_dump(mode="json"),
                    _TRIALS: [asdict(trial) for trial in trials],
                    **({} if stored else {_UNASKED: True}),
                }
                if log_artifact(registry, model, name, provenance, {_OURS: ours}):
                    return ModelVersion(name=name, provenance=provenance)

    def versions(self) -> list[ModelVersion]:
        """All versions that are logged whole, oldest first."""
        with self.open_session() as session:
            return [stored.version for stored in _stored_versions(session)]

    def version(self, name: str) -> ModelVersion:
        """The version of that name."""
        valid = validated_version_name(name)
        with self.open_session() as session:
            return _named(valid, _stored_versions(session)).version

    def load(self, version: ModelVersion) -> IntentModel:
        """The model of that version, downloaded."""
        with self.open_session() as session, TemporaryDirectory() as folder:
            stored = _named(version.name, _stored_versions(session))
            _registry(session).get_model(MODEL_NAME).version(stored.name).export(folder)
            return exported_model(Path(folder), version)

    def scoring_model(self, version: ModelVersion) -> ScoringModel:
        """The version by its name: the warehouse has it at hand."""
        return ScoringModel(version.name, version.provenance.features)

    def champion(self) -> ModelVersion | None:
        """Where the pointer is."""
        with self.open_session() as session:
            return _champion(_stored_versions(session))

    def move_champion(self, to: ModelVersion, expected: ModelVersion | None) -> None:
        """Move the pointer if it still is where it is expected to be.

        Comparing and moving are two statements: `platforms.champion` keeps other movers out meanwhile by the ledger's
        lock.
        """
        with self.open_session() as session:
            versions = _stored_versions(session)
            target = _named(to.name, versions)
            ensure_champion(_champion(versions), expected, to)
            if _UNASKED in target.ours:  # of the default version this is the move, of another one it changes nothing
                self._keep(session, target, {_UNASKED: None})
            if not target.is_default:
                session.sql(f"ALTER MODEL {MODEL_NAME} SET DEFAULT_VERSION = {to.name.upper()}").collect()

    def delete(self, version: ModelVersion) -> None:
        """Drop a version. Snowflake keeps the default version, also where nobody asked for it."""
        with self.open_session() as session:
            if _named(version.name, _stored_versions(session)).is_default:
                raise StillNeeded(f"{version.name} is the default version: make another version champion first")
            session.sql(f"ALTER MODEL {MODEL_NAME} DROP VERSION {version.name.upper()}").collect()

    def set_quarantine(self, version: ModelVersion, reason: str | None) -> None:
        """Mark or unmark a version."""
        with self.open_session() as session:
            self._keep(session, _named(version.name, _stored_versions(session)), {_QUARANTINE: reason})

    def _keep(self, session: "Session", stored: _Stored, changes: dict[str, Any]) -> None:
        """Change what is kept with a version; None forgets."""
        ours = {key: value for key, value in {**stored.ours, **changes}.items() if value is not None}
        _registry(session).get_model(MODEL_NAME).version(stored.name).set_metric(_OURS, ours)


def _stored_versions(session: "Session") -> list[_Stored]:
    """All versions with provenance, oldest first; none when the model does not exist yet."""
    if not session.sql(
        f"SHOW MODELS LIKE '{MODEL_NAME}' IN SCHEMA {session.get_fully_qualified_current_schema()}"
    ).collect():
        return []
    found = []
    for row in session.sql(f"SHOW VERSIONS IN MODEL {MODEL_NAME}").collect():
        columns = row.as_dict()
        ours = json.loads(columns["metadata"] or "{}").get("metrics", {}).get(_OURS)
        if ours and _PROVENANCE in ours:
            default = str(columns["is_default_version"]).lower() == "true"
            found.append(_Stored(columns["name"].lower(), ours, default))
    return sorted(found, key=lambda stored: stored.name)


def _named(name: str, versions: Sequence[_Stored]) -> _Stored:
    for stored in versions:
        if stored.name == name:
            return stored
    latest = ", ".join(stored.name for stored in versions[-3:]) or "none yet"
    raise UnknownVersion(f"the registry has no version {name}; the latest are: {latest}")


def _champion(versions: Sequence[_Stored]) -> ModelVersion | None:
    return next((stored.version for stored in versions if stored.is_default and _UNASKED not in stored.ours), None)


def _registry(session: "Session") -> "Registry":
    from snowflake.ml.registry import Registry

    return Registry(session, database_name=session.get_current_database(), schema_name=session.get_current_schema())
