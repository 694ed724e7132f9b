"""Inserts values into statements in Snowflake SQL, and renders the statements in the dialect of an engine.

Values become typed literals of the syntax tree, never text. The adapters run the statements.
"""

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

import sqlglot
from sqlglot import exp

from intent_platform.platforms.ports import Value


def statement_beside(module_file: str, name: str) -> str:
    """The text of the file `name` that is in the same folder as the module."""
    return Path(module_file).with_name(name).read_text(encoding="utf-8")


def render(sql: str, dialect: str, values: Mapping[str, Value]) -> str:
    """Render a statement in `dialect`, with the values in place of their placeholders.

    Args:
        sql: one statement in Snowflake SQL, with `:name` for values.
        dialect: a dialect that sqlglot knows.
        values: the values by name.

    Raises:
        KeyError: a placeholder has no value, or a value has no placeholder.
    """
    tree = _parsed(sql).copy()  # the cache keeps the original
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
    """A value as a typed literal in `dialect`. A sequence becomes the list after `IN`."""
    return _typed(value).sql(dialect=dialect)


def _typed(value: Value) -> exp.Expr:
    """A value as a typed literal. A `datetime` must be a wall-clock time without time zone."""
    match value:  # datetime before date, because each datetime is also a date
        case datetime():
            if value.tzinfo is not None:
                raise TypeError(
                    f"{value} has a time zone, and tables store wall-clock times: pass it through wall_clock() first"
                )
            return exp.cast(exp.Literal.string(value.isoformat(sep=" ")), "TIMESTAMPNTZ")
        case date():
            return exp.cast(exp.Literal.string(value.isoformat()), "DATE")
        case float():  # also a float of numpy; without the cast, 0.1 would be a DECIMAL
            return exp.cast(exp.Literal.string(repr(float(value))), "DOUBLE")
        case None | bool() | int() | str():
            return exp.convert(value)
        case _:
            return exp.Tuple(expressions=[exp.convert(item) for item in value])
