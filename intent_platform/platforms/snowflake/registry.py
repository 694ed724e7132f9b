"""The Snowflake registry: one model with its versions. Its default version is the pointer; the aliases are for readers.

`snowflake.ml.registry` writes and exports the versions. Everything else is one statement of SQL, because a daily run
should load neither this library nor Snowpark. The registry stores and finds versions and moves the pointer, but decides
nothing.
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

from intent_platform.errors import StillNeeded
from intent_platform.modelling.model import IntentModel
from intent_platform.modelling.search import Trial
from intent_platform.partitions import now
from intent_platform.platforms.aliases import RegistryState
from intent_platform.platforms.model_file import digest_of
from intent_platform.platforms.ports import ScoringModel
from intent_platform.platforms.snowflake.aliases import align, registry_state
from intent_platform.platforms.snowflake.artifact import exported_model, log_artifact
from intent_platform.platforms.snowflake.connection import SnowflakeConnection
from intent_platform.platforms.snowflake.stored_versions import (
    AUTOMATIC_DEFAULT,
    DIGEST,
    PROVENANCE,
    QUARANTINE,
    RECORD,
    all_versions,
    champion_of,
    complete_versions,
    named,
    update,
)
from intent_platform.platforms.versions import (
    MODEL_NAME,
    ModelVersion,
    Provenance,
    ensure_champion,
    free_version_name,
    is_version_name,
    validated_version_name,
    version_name,
)

if TYPE_CHECKING:
    from snowflake.ml.registry import Registry
    from snowflake.snowpark import Session

_TRIALS = "trials"
#: Snowflake keeps up to 100 KB of metadata with a version. The rest is room for metrics and marks.
MOST_RECORD_BYTES = 80_000
#: An incomplete version may be deleted after this time. Nothing locks the registry, and logging takes minutes.
_LONGEST_LOGGING = timedelta(days=1)


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
                stored = complete_versions(connection)
                name = free_version_name({version.name for version in stored}.__contains__)
                record = {
                    PROVENANCE: provenance.model_dump(mode="json"),
                    DIGEST: digest,
                    **({} if stored else {AUTOMATIC_DEFAULT: True}),
                }
                record[_TRIALS] = _best_that_fit(trials, MOST_RECORD_BYTES - len(json.dumps(record)))
                # If another process used the name meanwhile, the loop tries the next one.
                if log_artifact(registry, model, name, provenance, {RECORD: record}):
                    align(connection, complete_versions(connection))
                    return ModelVersion(name=name, provenance=provenance, digest=digest)

    def versions(self) -> list[ModelVersion]:
        """All versions, oldest first. Those without their record were not stored completely and are left out."""
        with self.connect() as connection:
            return [stored.version for stored in complete_versions(connection)]

    def version(self, name: str) -> ModelVersion:
        """The version of that name."""
        valid = validated_version_name(name)
        with self.connect() as connection:
            return named(valid, complete_versions(connection)).version

    def load(self, version: ModelVersion) -> IntentModel:
        """The model of that version, from its downloaded files."""
        with self.connect() as connection:
            stored = named(version.name, complete_versions(connection))
        with self.open_session() as session, TemporaryDirectory() as folder:
            _registry(session).get_model(MODEL_NAME).version(stored.name).export(folder)
            return exported_model(Path(folder), version)

    def scoring_model(self, version: ModelVersion) -> ScoringModel:
        """That version by its name, because the warehouse itself calls the models of the registry."""
        return ScoringModel(version.name, version.provenance.features)

    def champion(self) -> ModelVersion | None:
        """The version that the pointer names; None before the first move."""
        with self.connect() as connection:
            return champion_of(complete_versions(connection))

    def state(self) -> RegistryState:
        """The champion and the aliases."""
        with self.connect() as connection:
            return registry_state(complete_versions(connection))

    def align_aliases(self) -> bool:
        """Set the aliases again if they do not name the versions that the rule chooses."""
        with self.connect() as connection:
            return align(connection, complete_versions(connection))

    def move_champion(self, to: ModelVersion, expected: ModelVersion | None) -> None:
        """Move the pointer to `to` if it still names `expected`.

        The comparison and the move are two statements. `platforms.champion` locks the ledger meanwhile, so no other
        process moves the pointer between them. The aliases follow, with at most three statements.
        """
        with self.connect() as connection:
            versions = complete_versions(connection)
            target = named(to.name, versions)
            ensure_champion(champion_of(versions), expected, to)
            # If `to` is already the default version, removing its mark is the move. Otherwise ALTER MODEL below is it.
            if AUTOMATIC_DEFAULT in target.record:
                update(connection, target, {AUTOMATIC_DEFAULT: None})
            if not target.is_default:
                connection.execute(f"ALTER MODEL {MODEL_NAME} SET DEFAULT_VERSION = {to.name.upper()}")
            align(connection, versions, to)

    def delete(self, version: ModelVersion) -> None:
        """Delete a version. Snowflake does not delete the default version, even if it is not the champion."""
        with self.connect() as connection:
            versions = complete_versions(connection)
            if named(version.name, versions).is_default:
                raise StillNeeded(
                    f"version {version.name} is the default version of the model: make another version champion first"
                )
            connection.execute(f"ALTER MODEL {MODEL_NAME} DROP VERSION {version.name.upper()}")
            align(connection, [stored for stored in versions if stored.name != version.name])

    def sweep(self) -> int:
        """Delete the incomplete versions whose names are older than a day. Snowflake keeps the default version."""
        limit = version_name(now() - _LONGEST_LOGGING)
        with self.connect() as connection:
            abandoned = [
                stored.name
                for stored in all_versions(connection)
                if not stored.is_complete and not stored.is_default
                if is_version_name(stored.name) and stored.name < limit
            ]
            for name in abandoned:
                connection.execute(f"ALTER MODEL {MODEL_NAME} DROP VERSION {name.upper()}")
        return len(abandoned)

    def set_quarantine(self, version: ModelVersion, reason: str | None) -> None:
        """Quarantine a version for `reason`, or lift its quarantine if that is None."""
        with self.connect() as connection:
            versions = complete_versions(connection)
            changed = update(connection, named(version.name, versions), {QUARANTINE: reason})
            align(connection, [changed if stored.name == changed.name else stored for stored in versions])


def _best_that_fit(trials: Sequence[Trial], size: int) -> list[dict[str, Any]]:
    """The best trials that together need at most `size` bytes, in their order."""
    kept, left = set[int](), size
    for trial in sorted(trials, key=lambda trial: -math.inf if trial.value is None else trial.value, reverse=True):
        left -= len(json.dumps(asdict(trial))) + 2
        if left < 0:
            break
        kept.add(trial.number)
    return [asdict(trial) for trial in trials if trial.number in kept]


def _registry(session: "Session") -> "Registry":
    from snowflake.ml.registry import Registry

    return Registry(session, database_name=session.get_current_database(), schema_name=session.get_current_schema())
