"""The Snowflake registry: one model with its versions. Its default version is the pointer.

`snowflake.ml.registry` writes the versions. SHOW statements read the pointer and the quarantine marks, because a daily
run should not load the ML library. The registry stores and finds versions and moves the pointer, but decides nothing.
"""

import json
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from intent_platform.errors import StillNeeded, UnknownVersion
from intent_platform.modelling.model import IntentModel
from intent_platform.modelling.search import Trial
from intent_platform.partitions import now
from intent_platform.platforms.model_file import digest_of
from intent_platform.platforms.ports import ScoringModel
from intent_platform.platforms.snowflake.artifact import exported_model, log_artifact
from intent_platform.platforms.versions import (
    MODEL_NAME,
    ModelVersion,
    Provenance,
    ensure_champion,
    free_version_name,
    is_version_name,
    read_provenance,
    validated_version_name,
    version_name,
)

if TYPE_CHECKING:
    from snowflake.ml.registry import Registry
    from snowflake.snowpark import Session

#: The metric of a version that holds the platform's record: provenance, trials and marks.
_RECORD = "intent_platform"
_PROVENANCE, _QUARANTINE, _TRIALS, _DIGEST = "provenance", "quarantine", "trials", "sha256"
#: Snowflake keeps up to 100 KB of metadata with a version. The rest is room for metrics and marks.
_MOST_RECORD_BYTES = 80_000
#: An incomplete version may be deleted after this time. Nothing locks the registry, and logging takes minutes.
_LONGEST_LOGGING = timedelta(days=1)
#: The mark of a version that Snowflake made the default because it was the first. It is not champion.
_AUTOMATIC_DEFAULT = "default_unasked"


@dataclass(frozen=True)
class _Stored:
    """One row of SHOW VERSIONS: the name, the platform's record (empty without one), and whether it is the default."""

    name: str
    record: dict[str, Any]
    is_default: bool

    @property
    def is_complete(self) -> bool:
        return _PROVENANCE in self.record

    @property
    def version(self) -> ModelVersion:
        return ModelVersion(
            name=self.name,
            provenance=read_provenance(json.dumps(self.record[_PROVENANCE])),
            quarantine=self.record.get(_QUARANTINE),
            digest=self.record.get(_DIGEST),
        )


@dataclass(frozen=True)
class SnowflakeRegistry:
    """The model PURCHASE_INTENT in the current schema; see `ports.ModelRegistry`.

    The champion is the default version. Snowflake makes the first version the default automatically. This version
    carries a mark and does not count as champion until the pointer is moved to it.

    Attributes:
        open_session: opens a Snowpark session.
    """

    open_session: Callable[[], AbstractContextManager["Session"]]

    def log(self, model: IntentModel, provenance: Provenance, trials: Sequence[Trial]) -> ModelVersion:
        """Store a version. The library writes its record in the last step, and only then the version is found."""
        digest = digest_of(model.to_bytes())
        with self.open_session() as session:
            registry = _registry(session)
            while True:
                stored = _stored_versions(session)
                name = free_version_name({version.name for version in stored}.__contains__)
                record = {
                    _PROVENANCE: provenance.model_dump(mode="json"),
                    _DIGEST: digest,
                    **({} if stored else {_AUTOMATIC_DEFAULT: True}),
                }
                record[_TRIALS] = _best_that_fit(trials, _MOST_RECORD_BYTES - len(json.dumps(record)))
                # If another process used the name meanwhile, the loop tries the next one.
                if log_artifact(registry, model, name, provenance, {_RECORD: record}):
                    return ModelVersion(name=name, provenance=provenance, digest=digest)

    def versions(self) -> list[ModelVersion]:
        """All versions, oldest first. Those without their record were not stored completely and are left out."""
        with self.open_session() as session:
            return [stored.version for stored in _stored_versions(session)]

    def version(self, name: str) -> ModelVersion:
        """The version of that name."""
        valid = validated_version_name(name)
        with self.open_session() as session:
            return _named(valid, _stored_versions(session)).version

    def load(self, version: ModelVersion) -> IntentModel:
        """The model of that version, from its downloaded files."""
        with self.open_session() as session, TemporaryDirectory() as folder:
            stored = _named(version.name, _stored_versions(session))
            _registry(session).get_model(MODEL_NAME).version(stored.name).export(folder)
            return exported_model(Path(folder), version)

    def scoring_model(self, version: ModelVersion) -> ScoringModel:
        """That version by its name, because the warehouse itself calls the models of the registry."""
        return ScoringModel(version.name, version.provenance.features)

    def champion(self) -> ModelVersion | None:
        """The version that the pointer names; None before the first move."""
        with self.open_session() as session:
            return _champion(_stored_versions(session))

    def move_champion(self, to: ModelVersion, expected: ModelVersion | None) -> None:
        """Move the pointer to `to` if it still names `expected`.

        The comparison and the move are two statements. `platforms.champion` locks the ledger meanwhile, so no other
        process moves the pointer between them.
        """
        with self.open_session() as session:
            versions = _stored_versions(session)
            target = _named(to.name, versions)
            ensure_champion(_champion(versions), expected, to)
            # If `to` is already the default version, removing its mark is the move. Otherwise ALTER MODEL below is it.
            if _AUTOMATIC_DEFAULT in target.record:
                self._update(session, target, {_AUTOMATIC_DEFAULT: None})
            if not target.is_default:
                session.sql(f"ALTER MODEL {MODEL_NAME} SET DEFAULT_VERSION = {to.name.upper()}").collect()

    def delete(self, version: ModelVersion) -> None:
        """Delete a version. Snowflake does not delete the default version, even if it is not the champion."""
        with self.open_session() as session:
            if _named(version.name, _stored_versions(session)).is_default:
                raise StillNeeded(
                    f"version {version.name} is the default version of the model: make another version champion first"
                )
            session.sql(f"ALTER MODEL {MODEL_NAME} DROP VERSION {version.name.upper()}").collect()

    def sweep(self) -> int:
        """Delete the incomplete versions whose names are older than a day. Snowflake keeps the default version."""
        limit = version_name(now() - _LONGEST_LOGGING)
        with self.open_session() as session:
            abandoned = [
                stored.name
                for stored in _all_versions(session)
                if not stored.is_complete and not stored.is_default
                if is_version_name(stored.name) and stored.name < limit
            ]
            for name in abandoned:
                session.sql(f"ALTER MODEL {MODEL_NAME} DROP VERSION {name.upper()}").collect()
        return len(abandoned)

    def set_quarantine(self, version: ModelVersion, reason: str | None) -> None:
        """Quarantine a version for `reason`, or lift its quarantine if that is None."""
        with self.open_session() as session:
            self._update(session, _named(version.name, _stored_versions(session)), {_QUARANTINE: reason})

    def _update(self, session: "Session", stored: _Stored, changes: dict[str, Any]) -> None:
        """Change the record of a version. None removes an entry."""
        record = {key: value for key, value in {**stored.record, **changes}.items() if value is not None}
        _registry(session).get_model(MODEL_NAME).version(stored.name).set_metric(_RECORD, record)


def _best_that_fit(trials: Sequence[Trial], size: int) -> list[dict[str, Any]]:
    """The best trials that together need at most `size` bytes, in their order."""
    kept, left = set[int](), size
    for trial in sorted(trials, key=lambda trial: -math.inf if trial.value is None else trial.value, reverse=True):
        left -= len(json.dumps(asdict(trial))) + 2
        if left < 0:
            break
        kept.add(trial.number)
    return [asdict(trial) for trial in trials if trial.number in kept]


def _stored_versions(session: "Session") -> list[_Stored]:
    """All complete versions, oldest first."""
    return [stored for stored in _all_versions(session) if stored.is_complete]


def _all_versions(session: "Session") -> list[_Stored]:
    """All versions, oldest first; empty if the model does not exist yet."""
    if not session.sql(
        f"SHOW MODELS LIKE '{MODEL_NAME}' IN SCHEMA {session.get_fully_qualified_current_schema()}"
    ).collect():
        return []
    versions = []
    for row in session.sql(f"SHOW VERSIONS IN MODEL {MODEL_NAME}").collect():
        columns = row.as_dict()
        record = json.loads(columns["metadata"] or "{}").get("metrics", {}).get(_RECORD) or {}
        is_default = str(columns["is_default_version"]).lower() == "true"
        versions.append(_Stored(columns["name"].lower(), record, is_default))
    return sorted(versions, key=lambda stored: stored.name)


def _named(name: str, versions: Sequence[_Stored]) -> _Stored:
    for stored in versions:
        if stored.name == name:
            return stored
    latest = ", ".join(stored.name for stored in versions[-3:]) or "none yet"
    raise UnknownVersion(f"the registry has no version {name}: choose one that exists. The latest are: {latest}")


def _champion(versions: Sequence[_Stored]) -> ModelVersion | None:
    return next(
        (stored.version for stored in versions if stored.is_default and _AUTOMATIC_DEFAULT not in stored.record), None
    )


def _registry(session: "Session") -> "Registry":
    from snowflake.ml.registry import Registry

    return Registry(session, database_name=session.get_current_database(), schema_name=session.get_current_schema())
