"""Which versions may go: old ones that never were champion, and that no month counts on."""

from collections.abc import Sequence

from intent_platform.platforms.ledger import Ledger, read_ledger
from intent_platform.platforms.ports import Platform
from intent_platform.platforms.versions import ModelVersion


def dispensable(versions: Sequence[ModelVersion], ledger: Ledger, keep: int) -> list[ModelVersion]:
    """The versions, oldest first, that neither the ledger names nor are among the `keep` generated last."""
    named = {name for move in ledger.moves for name in (move.from_version, move.to_version)}
    ordered = sorted(versions, key=lambda version: version.name)
    return [version for version in ordered[: max(0, len(ordered) - keep)] if version.name not in named]


def prune(platform: Platform, keep: int) -> list[str]:
    """Delete them; whoever was champion stays, so that any rollback remains possible. The names of those deleted.

    Raises:
        StillNeeded: the registry cannot be without one of them; those before it are gone.
    """
    with platform.warehouse.connect() as connection:
        ledger = read_ledger(connection)
    gone = dispensable(platform.registry.versions(), ledger, keep)
    for version in gone:
        platform.registry.delete(version)
    return [version.name for version in gone]
