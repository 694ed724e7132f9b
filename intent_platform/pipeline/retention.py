"""Deleting old versions that never were champion, and what interrupted trainings and deletions left."""

from collections.abc import Sequence
from dataclasses import dataclass

from intent_platform.platforms.ledger import Ledger, read_ledger
from intent_platform.platforms.ports import Platform
from intent_platform.platforms.versions import ModelVersion


@dataclass(frozen=True)
class Pruned:
    """What was deleted: the names of versions, and the number of leftovers of interruptions."""

    versions: Sequence[str]
    leftovers: int


def dispensable(versions: Sequence[ModelVersion], ledger: Ledger, keep: int) -> list[ModelVersion]:
    """The versions that may be deleted, oldest first: not in the ledger and not among the newest `keep`."""
    in_ledger = {name for move in ledger.moves for name in (move.from_version, move.to_version)}
    ordered = sorted(versions, key=lambda version: version.name)
    return [version for version in ordered[: max(0, len(ordered) - keep)] if version.name not in in_ledger]


def prune(platform: Platform, keep: int) -> Pruned:
    """Delete leftovers and the dispensable versions. Every past champion stays, so any rollback works.

    Raises:
        StillNeeded: the registry refuses to delete one of them. Those before it are deleted.
    """
    with platform.warehouse.connect() as connection:
        ledger = read_ledger(connection)
    leftovers = platform.registry.sweep()
    deleted = dispensable(platform.registry.versions(), ledger, keep)
    for version in deleted:
        platform.registry.delete(version)
    return Pruned([version.name for version in deleted], leftovers)
