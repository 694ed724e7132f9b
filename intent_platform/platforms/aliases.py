"""The aliases `champion` and `challenger`, by which readers of a registry find a version without knowing its name.

The rule lives here, and the adapters of the registry carry it out. The platform decides nothing by an alias.
"""

from dataclasses import dataclass

from intent_platform.platforms.versions import ModelVersion


@dataclass(frozen=True)
class Aliases:
    """The names of the versions with these aliases; None if no version has the alias."""

    champion: str | None = None
    challenger: str | None = None


@dataclass(frozen=True)
class RegistryState:
    """One look at a registry: the champion, the versions that the aliases name, and those that the rule chooses."""

    champion: ModelVersion | None
    aliases: Aliases
    chosen: Aliases


def chosen_aliases(champion: str | None, newest: str | None, *, newest_is_quarantined: bool) -> Aliases:
    """The rule: the challenger is the newest version, unless it is the champion or quarantined.

    The rule needs only the registry, so whoever finds another state can mend it. An evaluation that holds a version
    changes nothing, because a later evaluation or a person may still promote it.
    """
    waits = newest != champion and not newest_is_quarantined
    return Aliases(champion, newest if waits else None)
