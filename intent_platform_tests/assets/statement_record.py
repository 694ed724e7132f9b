"""A record of the statements that the product sends to a warehouse, and of the answers, comparable across platforms."""

import ast
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

import intent_platform
from intent_platform.platforms import ports

_VERSION = re.compile(r"v_\d{6}_\d{6}")
#: Columns whose values differ from run to run.
_OF_THE_RUN = frozenset(
    {
        *("RUN_ID", "EFFECTIVE_DATE"),
        *("MOVED_AT", "DECIDED_AT", "SCORED_AT", "LOADED_AT", "REJECTED_AT", "MEASURED_AT", "NEWEST"),
    }
)


class Statement(NamedTuple):
    """A statement in the source of the package: its file, its lines, and how it is written there."""

    file: str
    first_line: int
    last_line: int
    sql: str


def statements_of_the_product() -> list[Statement]:
    """Where the package gives a connection a statement. The platforms' own are left out."""
    package = Path(intent_platform.__file__).parent
    found = []
    for file in package.rglob("*.py"):
        room, *inner = file.relative_to(package).parts
        if room not in ("pipeline", "platforms") or {"snowflake", "local", "ports.py"} & set(inner):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"fetch", "row", "value", "execute"}
            ):
                last_line, sql = node.end_lineno or node.lineno, ast.unparse(node.args[0])
                found.append(Statement(str(file), node.lineno, last_line, sql.strip("'")))
    return found


@dataclass
class Record:
    """Every statement that went to the warehouse with its answer, in order, and the lines that sent them."""

    answers: list[tuple[str, Any]] = field(default_factory=list)
    lines: set[tuple[str, int]] = field(default_factory=set)
    _versions: list[str] = field(default_factory=list)

    @property
    def statements(self) -> list[str]:
        return [sql for sql, _ in self.answers]

    def has(self, statement: Statement) -> bool:
        """Whether the statement of the product was sent."""
        lines = range(statement.first_line, statement.last_line + 1)
        return any((statement.file, line) in self.lines for line in lines)

    def keep(self, sql: str, answer: pa.Table | int) -> None:
        if isinstance(answer, pa.Table):
            rows = [{k: self._comparable(k, v) for k, v in row.items()} for row in answer.to_pylist()]
            ordered = rows if "ORDER BY" in sql else sorted(rows, key=repr)
            self.answers.append((" ".join(sql.split()), (answer.column_names, ordered)))
        else:
            self.answers.append((" ".join(sql.split()), answer))

    def _comparable(self, column: str, value: Any) -> Any:
        """The value without what differs from run to run. Versions are numbered in the order of their first mention."""
        if column in _OF_THE_RUN:
            return column
        if isinstance(value, str):
            return _VERSION.sub(lambda found: self._ordinal(found[0]), value)
        if isinstance(value, float):
            return float(f"{value:.9g}")
        return value

    def _ordinal(self, version: str) -> str:
        if version not in self._versions:
            self._versions.append(version)
        return f"version {self._versions.index(version)}"


def recorded(patch: pytest.MonkeyPatch, connection_type: type) -> Record:
    """Record all statements of connections of this type while the patch lasts."""
    record = Record()
    for name in ("fetch", "execute"):
        original = getattr(connection_type, name)

        def keeping(connection: Any, sql: str, *, asked: Callable[..., Any] = original, **values: Any) -> Any:
            caller = sys._getframe(1)
            while caller.f_code.co_filename == ports.__file__:  # `row` and `value` fetch
                caller = caller.f_back or caller
            record.lines.add((caller.f_code.co_filename, caller.f_lineno))
            answer = asked(connection, sql, **values)
            of_the_tables = "INFORMATION_SCHEMA" in sql or "TABLE_VERSIONS" in sql
            if not of_the_tables and not sql.lstrip().startswith(("CREATE", "BEGIN", "COMMIT", "ALTER MODEL", "SHOW")):
                record.keep(sql, answer)
            return answer

        patch.setattr(connection_type, name, keeping)
    return record
