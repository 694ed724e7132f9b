"""One SQL, Snowflake's: binding values into a statement and rendering it in an engine's dialect.

Values enter as typed literals of the syntax tree, never as text. Nothing here connects to anything.
"""

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

import sqlglot
from sqlglot import exp

from intent_platform.platforms.ports import Value


def statement_beside(module_file: str, name: str) -> str:
    """The text of `name` in the folder of the module that runs it."""
    return Path(module_file).with_name(name).read_text(encoding="utf-8")


def render(sql: str, dialect: str, values: Mapping[str, Value]) -> str:
    """`sql` (Snowflake's, `:name` for values) in `dialect`, with the values in place.

    Raises:
        KeyError: a placeholder has no value, or a value no placeholder.
    """
    tree = _parsed(sql).copy()
    unused = set(values)
    for placeholder in list(tree.find_all(exp.Placeholder)):
        name = str(placeholder.this)
        placeholder.replace(_typed(values[name]))
        unused.discard(name)
    if unused:
        raise KeyError(f"no placeholder for {sorted(unused)} in: {sql}")
    return tree.sql(dialect=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)


@lru_cache(maxsize=256)
def _parsed(sql: str) -> exp.Expr:
    return sqlglot.parse_one(sql, read="snowflake")


def literal(value: Value, dialect: str) -> str:
    """A value as a typed literal of `dialect`; a sequence becomes the list after `IN`."""
    return _typed(value).sql(dialect=dialect)


def _typed(value: Value) -> exp.Expr:
    """A typed literal. A `datetime` is a naive wall-clock time."""
    match value:
        case datetime():
            if value.tzinfo is not None:
                raise TypeError(f"timestamps are stored as wall-clock times: pass {value} through wall_clock() first")
            return exp.cast(exp.Literal.string(value.isoformat(sep=" ")), "TIMESTAMPNTZ")
        case date():
            return exp.cast(exp.Literal.string(value.isoformat()), "DATE")
        case float():  # numpy's too; a bare 0.1 would be a decimal
            return exp.cast(exp.Literal.string(repr(float(value))), "DOUBLE")
        case None | bool() | int() | str():
            return exp.convert(value)
        case _:
            return exp.Tuple(expressions=[exp.convert(item) for item in value])
