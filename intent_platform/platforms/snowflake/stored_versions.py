"""The versions of the model as SHOW VERSIONS lists them, and the record that the platform keeps with each of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from intent_platform.errors import UnknownVersion, WarehouseError
from intent_platform.platforms.snowflake.connection import SnowflakeConnection
from intent_platform.platforms.versions import MODEL_NAME, ModelVersion, read_provenance

#: The metric of a version that holds the platform's record: provenance, trials and marks.
RECORD = "intent_platform"
PROVENANCE, QUARANTINE, DIGEST = "provenance", "quarantine", "sha256"
#: The mark of a version that Snowflake made the default because it was the first. It is not champion.
AUTOMATIC_DEFAULT = "default_unasked"
_SYSTEM_ALIASES = frozenset({"DEFAULT", "FIRST", "LAST"})


@dataclass(frozen=True)
class StoredVersion:
    """One row of SHOW VERSIONS: the name, the metadata, whether it is the default, and the alias if it has one."""

    name: str
    metadata: dict[str, Any]
    is_default: bool
    alias: str | None

    @property
    def record(self) -> dict[str, Any]:
        """The platform's record; empty without one."""
        return self.metadata.get("metrics", {}).get(RECORD) or {}

    @property
    def is_complete(self) -> bool:
        """Whether the ML library wrote the record, which is its last step."""
        return PROVENANCE in self.record

    @property
    def version(self) -> ModelVersion:
        """The version as the rest of the platform knows it."""
        return ModelVersion(
            name=self.name,
            provenance=read_provenance(json.dumps(self.record[PROVENANCE])),
            quarantine=self.record.get(QUARANTINE),
            digest=self.record.get(DIGEST),
        )


def update(connection: SnowflakeConnection, stored: StoredVersion, changes: dict[str, Any]) -> StoredVersion:
    """Change the record of a version as the ML library changes a metric. None removes an entry."""
    record = {key: value for key, value in {**stored.record, **changes}.items() if value is not None}
    metadata = {**stored.metadata, "metrics": {**stored.metadata["metrics"], RECORD: record}}
    statement = f"ALTER MODEL {MODEL_NAME} MODIFY VERSION {stored.name.upper()} SET METADATA = :metadata"
    connection.execute(statement, metadata=json.dumps(metadata))
    return replace(stored, metadata=metadata)


def complete_versions(connection: SnowflakeConnection) -> list[StoredVersion]:
    """All complete versions, oldest first."""
    return [stored for stored in all_versions(connection) if stored.is_complete]


def all_versions(connection: SnowflakeConnection) -> list[StoredVersion]:
    """All versions, oldest first; empty if the model does not exist yet."""
    try:
        rows = connection.show(f"SHOW VERSIONS IN MODEL {MODEL_NAME}")
    except WarehouseError:
        # Snowflake has one error for a model that is missing and for one that the role may not see.
        if connection.show(f"SHOW MODELS LIKE '{MODEL_NAME}' IN SCHEMA"):
            raise
        return []
    versions = [
        StoredVersion(
            name=row["name"].lower(),
            metadata=json.loads(row["metadata"] or "{}"),
            is_default=str(row["is_default_version"]).lower() == "true",
            alias=min(set(json.loads(row["aliases"] or "[]")) - _SYSTEM_ALIASES, default=None),
        )
        for row in rows
    ]
    return sorted(versions, key=lambda stored: stored.name)


def named(name: str, versions: Sequence[StoredVersion]) -> StoredVersion:
    """The version of that name.

    Raises:
        UnknownVersion: there is none.
    """
    for stored in versions:
        if stored.name == name:
            return stored
    latest = ", ".join(stored.name for stored in versions[-3:]) or "none yet"
    raise UnknownVersion(f"the registry has no version {name}: choose one that exists. The latest are: {latest}")


def champion_of(versions: Sequence[StoredVersion]) -> ModelVersion | None:
    """The default version, if somebody made it champion."""
    return next(
        (stored.version for stored in versions if stored.is_default and AUTOMATIC_DEFAULT not in stored.record), None
    )
