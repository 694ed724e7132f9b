"""The contract of `tables.py` as SQL conditions: what is held against a row of a table that is in the warehouse.

`sessions.contract` holds rows to the same contract before they are there.
"""

from collections.abc import Iterator

from intent_platform.tables import LARGEST_INTEGER, Column


def empty(column: Column) -> tuple[str, str]:
    """What a mandatory cell without a value is called, and the condition that it has none."""
    # NaN is a value to SQL and an empty cell to everybody else.
    nan = f" OR {column.name} = CAST('NaN' AS DOUBLE)" if column.type == "DOUBLE" else ""
    return f"{column.name} is empty", f"{column.name} IS NULL{nan}"


def forbidden(column: Column) -> Iterator[tuple[str, str]]:
    """Each limit of the column: what breaking it is called, and the condition that a cell does."""
    name, maximum = column.name, column.maximum
    if maximum is None and column.type == "INTEGER":
        maximum = LARGEST_INTEGER
    if column.minimum is not None:
        yield f"{name} below {column.minimum:g}", f"{name} < {column.minimum}"
    if maximum is not None:
        yield f"{name} above {maximum:,}", f"{name} > {maximum}"
    elif column.type == "DOUBLE":
        yield f"{name} not finite", f"ABS({name}) = CAST('inf' AS DOUBLE)"
    if column.allowed is not None:
        allowed = ", ".join(f"'{value}'" for value in column.allowed)
        yield f"{name} none of {', '.join(column.allowed)}", f"{name} NOT IN ({allowed})"
    if column.pattern is not None:
        yield f"{name} not a UUID", f"NOT REGEXP_LIKE({name}, '{column.pattern}')"


def objection_to(column: Column) -> str:
    """An expression: the first thing that is held against a row's cell, NULL when nothing is."""
    found = [*([] if column.nullable else [empty(column)]), *forbidden(column)]
    cases = " ".join(f"WHEN {condition} THEN '{what}'" for what, condition in found)
    return f"CASE {cases} END"
