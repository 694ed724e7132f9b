"""The Snowflake registry: one model with its versions. Its default version is the pointer; the aliases are for readers.

`snowflake.ml.registry` writes and exports the versions. Everything else is one statement of SQL, because a daily run
should load neither this library nor Snowpark. The registry stores and finds versions and moves the pointer, but decides
nothing.
"""

import json
import logging
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from intent_platform.errors import StillNeeded, UnknownVersion, WarehouseError
from intent_platform.modelling.model import IntentModel
from intent_platform.modelling.search import Trial
from intent_platform.partitions import now
from intent_platform.platforms.aliases import Aliases, RegistryState, chosen_aliases
from intent_platform.platforms.model_file import digest_of
from intent_platform.platforms.ports import ScoringModel
from intent_platform.platforms.snowflake.alias_statements import alias_statements, current_aliases
from intent_platform.platforms.snowflake.artifact import exported_model, log_artifact
from intent_platform.platforms.snowflake.connection import SnowflakeConnection
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
_SYSTEM_ALIASES = frozenset({"DEFAULT", "FIRST", "LAST"})

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Stored:
    """One row of SHOW VERSIONS. Without a record of the platform, `record` is empty. Not every version has an alias."""

    name: str
    metadata: dict[str, Any]
    is_default: bool
    alias: str | None

    @property
    def record(self) -> dict[str, Any]:
        """The platform's record; empty without one."""
        return self.metadata.get("metrics", {}).get(_RECORD) or {}

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
        connect: opens a connection. A move must not get the one whose transaction locks the ledger.
        open_session: opens a Snowpark session for the ML library.
    """

    connect: Callable[[], AbstractContextManager[SnowflakeConnection]]
    open_session: Callable[[], AbstractContextManager["Session"]]

    def log(self, model: IntentModel, provenance: Provenance, trials: Sequence[Trial]) -> ModelVersion:
        """Store a version. The library writes its record in the last step, and only then the version is found."""
        digest = digest_of(model.to_bytes())
        with self.connect() as connection, self.open_session() as session:
            registry = _registry(session)
            while True:
                stored = _stored_versions(connection)
                name = free_version_name({version.name for version in stored}.__contains__)
                record = {
                    _PROVENANCE: provenance.model_dump(mode="json"),
                    _DIGEST: digest,
                    **({} if stored else {_AUTOMATIC_DEFAULT: True}),
                }
                record[_TRIALS] = _best_that_fit(trials, _MOST_RECORD_BYTES - len(json.dumps(record)))
                # If another process used the name meanwhile, the loop tries the next one.
                if log_artifact(registry, model, name, provenance, {_RECORD: record}):
                    _align(session, _stored_versions(session))
                    return ModelVersion(name=name, provenance=provenance, digest=digest)

    def versions(self) -> list[ModelVersion]:
        """All versions, oldest first. Those without their record were not stored completely and are left out."""
        with self.connect() as connection:
            return [stored.version for stored in _stored_versions(connection)]

    def version(self, name: str) -> ModelVersion:
        """The version of that name."""
        valid = validated_version_name(name)
        with self.connect() as connection:
            return _named(valid, _stored_versions(connection)).version

    def load(self, version: ModelVersion) -> IntentModel:
        """The model of that version, from its downloaded files."""
        with self.connect() as connection:
            stored = _named(version.name, _stored_versions(connection))
        with self.open_session() as session, TemporaryDirectory() as folder:
            _registry(session).get_model(MODEL_NAME).version(stored.name).export(folder)
            return exported_model(Path(folder), version)

    def scoring_model(self, version: ModelVersion) -> ScoringModel:
        """That version by its name, because the warehouse itself calls the models of the registry."""
        return ScoringModel(version.name, version.provenance.features)

    def champion(self) -> ModelVersion | None:
        """The version that the pointer names; None before the first move."""
        with self.connect() as connection:
            return _champion(_stored_versions(connection))

    def state(self) -> RegistryState:
        """The champion and the aliases."""
        with self.open_session() as session:
            versions = _stored_versions(session)
        champion = _champion(versions)
        return RegistryState(champion, current_aliases(_held(versions)), chosen=_chosen(versions, champion))

    def align_aliases(self) -> bool:
        """Set the aliases again if they do not name the versions that the rule chooses."""
        with self.open_session() as session:
            return _align(session, _stored_versions(session))

    def move_champion(self, to: ModelVersion, expected: ModelVersion | None) -> None:
        """Move the pointer to `to` if it still names `expected`.

        The comparison and the move are two statements. `platforms.champion` locks the ledger meanwhile, so no other
        process moves the pointer between them. The aliases follow, with at most three statements.
        """
        with self.connect() as connection:
            versions = _stored_versions(connection)
            target = _named(to.name, versions)
            ensure_champion(_champion(versions), expected, to)
            # If `to` is already the default version, removing its mark is the move. Otherwise ALTER MODEL below is it.
            if _AUTOMATIC_DEFAULT in target.record:
                _update(connection, target, {_AUTOMATIC_DEFAULT: None})
            if not target.is_default:
                session.sql(f"ALTER MODEL {MODEL_NAME} SET DEFAULT_VERSION = {to.name.upper()}").collect()
            _align(session, versions, to)

    def delete(self, version: ModelVersion) -> None:
        """Delete a version. Snowflake does not delete the default version, even if it is not the champion."""
        with self.open_session() as session:
            versions = _stored_versions(session)
            if _named(version.name, versions).is_default:
                raise StillNeeded(
                    f"version {version.name} is the default version of the model: make another version champion first"
                )
            session.sql(f"ALTER MODEL {MODEL_NAME} DROP VERSION {version.name.upper()}").collect()
            _align(session, [stored for stored in versions if stored.name != version.name])

    def sweep(self) -> int:
        """Delete the incomplete versions whose names are older than a day. Snowflake keeps the default version."""
        limit = version_name(now() - _LONGEST_LOGGING)
        with self.connect() as connection:
            abandoned = [
                stored.name
                for stored in _all_versions(connection)
                if not stored.is_complete and not stored.is_default
                if is_version_name(stored.name) and stored.name < limit
            ]
            for name in abandoned:
                connection.execute(f"ALTER MODEL {MODEL_NAME} DROP VERSION {name.upper()}")
        return len(abandoned)

    def set_quarantine(self, version: ModelVersion, reason: str | None) -> None:
        """Quarantine a version for `reason`, or lift its quarantine if that is None."""
        with self.open_session() as session:
            versions = _stored_versions(session)
            changed = self._update(session, _named(version.name, versions), {_QUARANTINE: reason})
            _align(session, [changed if stored.name == changed.name else stored for stored in versions])

    def _update(self, session: "Session", stored: _Stored, changes: dict[str, Any]) -> _Stored:
        """Change the record of a version, and return the version with it. None removes an entry."""
        record = {key: value for key, value in {**stored.record, **changes}.items() if value is not None}
        _registry(session).get_model(MODEL_NAME).version(stored.name).set_metric(_RECORD, record)
        return replace(stored, record=record)


def _best_that_fit(trials: Sequence[Trial], size: int) -> list[dict[str, Any]]:
    """The best trials that together need at most `size` bytes, in their order."""
    kept, left = set[int](), size
    for trial in sorted(trials, key=lambda trial: -math.inf if trial.value is None else trial.value, reverse=True):
        left -= len(json.dumps(asdict(trial))) + 2
        if left < 0:
            break
        kept.add(trial.number)
    return [asdict(trial) for trial in trials if trial.number in kept]


def _update(connection: SnowflakeConnection, stored: _Stored, changes: dict[str, Any]) -> None:
    """Change the record of a version as the ML library changes a metric. None removes an entry."""
    record = {key: value for key, value in {**stored.record, **changes}.items() if value is not None}
    metadata = {**stored.metadata, "metrics": {**stored.metadata["metrics"], _RECORD: record}}
    statement = f"ALTER MODEL {MODEL_NAME} MODIFY VERSION {stored.name.upper()} SET METADATA = :metadata"
    connection.execute(statement, metadata=json.dumps(metadata))


def _stored_versions(connection: SnowflakeConnection) -> list[_Stored]:
    """All complete versions, oldest first."""
    return [stored for stored in _all_versions(connection) if stored.is_complete]


def _all_versions(connection: SnowflakeConnection) -> list[_Stored]:
    """All versions, oldest first; empty if the model does not exist yet."""
    try:
        rows = connection.show(f"SHOW VERSIONS IN MODEL {MODEL_NAME}")
    except WarehouseError:
        # Snowflake has one error for a model that is missing and for one that the role may not see.
        if connection.show(f"SHOW MODELS LIKE '{MODEL_NAME}' IN SCHEMA"):
            raise
        return []
    versions = []
    for row in session.sql(f"SHOW VERSIONS IN MODEL {MODEL_NAME}").collect():
        columns = row.as_dict()
        record = json.loads(columns["metadata"] or "{}").get("metrics", {}).get(_RECORD) or {}
        is_default = str(columns["is_default_version"]).lower() == "true"
        aliases = set(json.loads(columns["aliases"] or "[]")) - _SYSTEM_ALIASES
        versions.append(_Stored(columns["name"].lower(), record, is_default, min(aliases, default=None)))
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


def _held(versions: Sequence[_Stored]) -> dict[str, str]:
    """The alias of each version that has one."""
    return {stored.name: stored.alias for stored in versions if stored.alias is not None}


def _chosen(versions: Sequence[_Stored], champion: ModelVersion | None) -> Aliases:
    newest = versions[-1] if versions else None
    return chosen_aliases(
        None if champion is None else champion.name,
        None if newest is None else newest.name,
        newest_is_quarantined=newest is not None and _QUARANTINE in newest.record,
    )


def _align(session: "Session", versions: Sequence[_Stored], champion: ModelVersion | None = None) -> bool:
    """Set the aliases for `champion` (None: the champion among `versions`). Returns whether Snowflake accepted it.

    The aliases are for readers, so a refusal fails neither a move nor a logging.
    """
    from snowflake.snowpark.exceptions import SnowparkClientException

    try:
        for statement in alias_statements(_held(versions), _chosen(versions, champion or _champion(versions))):
            session.sql(statement).collect()
    except SnowparkClientException as error:
        _log.warning("the aliases of %s may name other versions until the next move: %s", MODEL_NAME, error)
        return False
    return True


def _registry(session: "Session") -> "Registry":
    from snowflake.ml.registry import Registry

    return Registry(session, database_name=session.get_current_database(), schema_name=session.get_current_schema())
