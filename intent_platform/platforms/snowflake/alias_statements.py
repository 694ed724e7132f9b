"""The statements that give the aliases CHAMPION and CHALLENGER to other versions of the model.

Snowflake allows one alias for each version, and each alias once in a model. So an alias is removed before it is set,
and a version loses an alias that somebody else gave it.
"""

from collections.abc import Iterator, Mapping

from intent_platform.platforms.aliases import Aliases
from intent_platform.platforms.versions import MODEL_NAME

CHAMPION, CHALLENGER = "CHAMPION", "CHALLENGER"


def current_aliases(held: Mapping[str, str]) -> Aliases:
    """The versions that the two aliases name.

    Args:
        held: the alias of each version that has one, by the version's name.
    """
    names = {alias: version for version, alias in held.items()}
    return Aliases(champion=names.get(CHAMPION), challenger=names.get(CHALLENGER))


def alias_statements(held: Mapping[str, str], chosen: Aliases) -> Iterator[str]:
    """The statements that make the aliases name the chosen versions; none if they do so already.

    An alias is removed by its own name, so a concurrent move keeps what it has set meanwhile. A move needs at most
    three statements: it removes both aliases and sets one, or removes one and sets both.
    """
    current = current_aliases(held)
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
