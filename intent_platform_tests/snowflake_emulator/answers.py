"""What an account once answered `make doctor`. A loaded file changes limits, packages, privileges and error numbers.

`platforms.snowflake.doctor.record` describes the file. Without one, the account answers as its rules say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snowflake.connector.errors import ProgrammingError

from intent_platform.platforms.snowflake.doctor.record import read_answers
from intent_platform_tests.snowflake_emulator.errors import error
from intent_platform_tests.snowflake_emulator.reader import Reader

#: By name of the probe: the number of the error by the rules, and the first words of a statement that may raise it.
#: `*` stands for any word.
_NUMBERED = {
    "errors.unknown_database": (2003, ("SELECT", "*", "FROM", "*", ".", "*", ".")),
    "errors.unknown_table": (2003, ("SELECT",)),
    "errors.unknown_procedure": (2141, ("CALL",)),
    "errors.unknown_column": (904, ("SELECT",)),
    "errors.unknown_role": (2043, ("USE", "ROLE")),
    "errors.denied": (3001, ("CREATE", "TABLE", "INFORMATION_SCHEMA")),
    "errors.missing_package": (391546, ("CREATE",)),
    "errors.python": (100357, ("CALL",)),
    "errors.timeout": (630, ("CALL",)),
    "locks.update": (625, ("UPDATE",)),
}
#: By kind of object in `privileges.refused`: the first words of the statement.
_REFUSABLE = {
    "table": ("CREATE", "TABLE", "DOCTOR_TRIED"),
    "view": ("CREATE", "VIEW"),
    "stage": ("CREATE", "STAGE"),
    "procedure": ("CREATE", "PROCEDURE"),
    "task": ("CREATE", "TASK"),
    "resumed task": ("ALTER", "TASK", "*", "RESUME"),
    "suspended task": ("ALTER", "TASK", "*", "SUSPEND"),
}
_MODIFIERS = {"OR", "REPLACE", "TEMPORARY", "TEMP", "SCOPED"}
_SET_TAG = ("ALTER", "SESSION", "SET", "QUERY_TAG")


@dataclass(frozen=True)
class Answers:
    """The recorded answers by the names of the doctor's probes; empty without a file."""

    given: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path) -> "Answers":
        """The answers in a file of `make doctor`."""
        return cls(read_answers(file))

    def get(self, name: str, default: Any) -> Any:
        """The answer to a probe, or `default` if the file has none or the account refused the probe."""
        answer = self.given.get(name, default)
        return default if isinstance(answer, dict) and "refused" in answer else answer

    @property
    def missing_packages(self) -> set[str]:
        """The names of the packages that the account did not have."""
        return {requirement.partition("==")[0] for requirement in self.get("packages.missing", [])}

    def refuse(self, sql: str) -> None:
        """Refuse a statement that the account once refused.

        Raises:
            ProgrammingError: the account refuses.
        """
        refused = self.get("privileges.refused", {})
        for kind, words in _REFUSABLE.items():
            if kind in refused and _begins(sql, words):
                raise _denied("operate", refused[kind])
        if _begins(sql, ("CREATE", "TABLE", "INFORMATION_SCHEMA")):  # whoever asks
            raise _denied("operate on schema 'INFORMATION_SCHEMA'", 3001)
        longest = self.get("limits.query_tag", None)
        if longest is not None and _begins(sql, _SET_TAG) and len(Reader(sql).tokens[-1].text) > longest:
            raise error("invalid value for parameter 'QUERY_TAG'", 1008, "22023")

    def renumbered(self, sql: str, number: int) -> int:
        """The account's number for an error that the rules give this number."""
        for name, (usual, words) in _NUMBERED.items():
            if number == usual and _begins(sql, words):
                recorded = self.get(name, None)
                return usual if recorded is None else int(recorded)
        return number


def _denied(what: str, number: int) -> ProgrammingError:
    return error(f"SQL access control error:\nInsufficient privileges to {what}.", number, "42501")


def _begins(sql: str, words: tuple[str, ...]) -> bool:
    """Whether a statement begins with these words. The modifiers of a CREATE do not count."""
    reader = Reader(sql)
    found = [reader.word(ahead) for ahead in range(min(len(reader.tokens), 8))]
    found = [word for word in found if word not in _MODIFIERS]
    return len(found) >= len(words) and all(wanted in ("*", word) for wanted, word in zip(words, found, strict=False))
