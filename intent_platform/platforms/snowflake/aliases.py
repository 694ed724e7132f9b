"""Gives the aliases CHAMPION and CHALLENGER to other versions of the model.

Snowflake allows one alias for each version, and each alias once in a model. So an alias is removed before it is set,
and a version loses an alias that somebody else gave it.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence

from intent_platform.errors import WarehouseError
from intent_platform.platforms.aliases import Aliases, RegistryState, chosen_aliases
from intent_platform.platforms.snowflake.connection import SnowflakeConnection
from intent_platform.platforms.snowflake.stored_versions import QUARANTINE, StoredVersion, champion_of
from intent_platform.platforms.versions import MODEL_NAME, ModelVersion

CHAMPION, CHALLENGER = "CHAMPION", "CHALLENGER"

_log = logging.getLogger(__name__)


def registry_state(versions: Sequence[StoredVersion]) -> RegistryState:
    """The champion among the versions, and the aliases that they have and should have."""
    champion = champion_of(versions)
    return RegistryState(champion, _named_by(_held(versions)), chosen=_chosen(versions, champion))


def align(
    connection: SnowflakeConnection, versions: Sequence[StoredVersion], champion: ModelVersion | None = None
) -> bool:
    """Set the aliases for `champion` (None: the champion among `versions`). Returns whether Snowflake accepted it.

    The aliases are for readers, so a refusal fails neither a move nor a logging.
    """
    from snowflake.connector import errors

    try:
        for statement in alias_statements(_held(versions), _chosen(versions, champion or champion_of(versions))):
            connection.execute(statement)
    except (WarehouseError, errors.Error) as error:
        _log.warning("the aliases of %s may name other versions until the next move: %s", MODEL_NAME, error)
        return False
    return True


def _held(versions: Sequence[StoredVersion]) -> dict[str, str]:
    """The alias of each version that has one."""
    return {stored.name: stored.alias for stored in versions if stored.alias is not None}


def _chosen(versions: Sequence[StoredVersion], champion: ModelVersion | None) -> Aliases:
    newest = versions[-1] if versions else None
    return chosen_aliases(
        None if champion is None else champion.name,
        None if newest is None else newest.name,
        newest_is_quarantined=newest is not None and QUARANTINE in newest.record,
    )


def _named_by(held: Mapping[str, str]) -> Aliases:
    """The versions that the two aliases name. `held` has the alias of each version by the version's name."""
    names = {alias: version for version, alias in held.items()}
    return Aliases(champion=names.get(CHAMPION), challenger=names.get(CHALLENGER))


def alias_statements(held: Mapping[str, str], chosen: Aliases) -> Iterator[str]:
    """The statements that make the aliases name the chosen versions; none if they do so already.

    An alias is removed by its own name, so a concurrent move keeps what it has set meanwhile. A move needs at most
    three statements: it removes both aliases and sets one, or removes one and sets both.
    """
    current = _named_by(held)
    changes = [
        (alias, before, after)
        for alias, before, after in (
            (CHAMPION, current.champion, chosen.champion),
            (CHALLENGER, current.challenger, chosen.challenger),
        )
        if before != after
    ]
    for alias, before, after in changes:
        if before is not None:
            yield _alter(alias, "UNSET ALIAS")
        if after is not None and held.get(after) not in (None, CHAMPION, CHALLENGER):
            yield _alter(after, "UNSET ALIAS")
    for alias, _, after in changes:
        if after is not None:
            yield _alter(after, f"SET ALIAS = {alias}")


def _alter(version: str, change: str) -> str:
    return f"ALTER MODEL {MODEL_NAME} VERSION {version.upper()} {change}"
