"""The contract of `tables` as SQL conditions, for rows that are in the warehouse.

`sessions.contract` checks the same contract for rows that a feed delivers.
"""

from collections.abc import Iterator

from intent_platform.tables import LARGEST_INTEGER, Column


def empty(column: Column) -> tuple[str, str]:
    """For a mandatory column, the reason to reject an empty cell and the SQL condition for such a cell."""
    # SQL treats NaN as a value, but a reader treats it as an empty cell.
    nan = f" OR {column.name} = CAST('NaN' AS DOUBLE)" if column.type == "DOUBLE" else ""
    return f"{column.name} is empty", f"{column.name} IS NULL{nan}"


def forbidden(column: Column) -> Iterator[tuple[str, str]]:
    """For each limit of the column, the reason to reject a cell and the SQL condition for such a cell."""
    name, maximum = column.name, column.maximum
    if maximum is None and column.type == "INTEGER":
        maximum = LARGEST_INTEGER
    if column.minimum is not None:
        yield f"{name} is below {column.minimum:g}", f"{name} < {column.minimum}"
    if maximum is not None:
        yield f"{name} is above {maximum:,}", f"{name} > {maximum}"
    elif column.type == "DOUBLE":
        yield f"{name} is not finite", f"ABS({name}) = CAST('inf' AS DOUBLE)"
    if column.allowed is not None:
        allowed = ", ".join(f"'{value}'" for value in column.allowed)
        yield f"{name} is not one of {', '.join(column.allowed)}", f"{name} NOT IN ({allowed})"
    if column.pattern is not None:
        yield f"{name} is not a UUID", f"NOT REGEXP_LIKE({name}, '{column.pattern}')"


def objection_to(column: Column) -> str:
    """An SQL expression for the first reason to reject a row's cell, or NULL if the cell keeps the contract."""
    rules = [*([] if column.nullable else [empty(column)]), *forbidden(column)]
    cases = " ".join(f"WHEN {condition} THEN '{reason}'" for reason, condition in rules)
    return f"CASE {cases} END"
