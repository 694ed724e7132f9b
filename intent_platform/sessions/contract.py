"""Applies the contract of a session: which rows of a feed are accepted, and why the others are rejected.

The rules are in `tables.SESSION_COLUMNS`. A feed delivers batches, so only the load into the warehouse
finds repeated keys.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from intent_platform.partitions import Window
from intent_platform.sessions.rejection import REJECTED_SCHEMA, Flags, Violation, rejected_rows
from intent_platform.tables import LARGEST_INTEGER, SESSION_COLUMNS, Column, SqlType

ARROW_TYPES: dict[SqlType, pa.DataType] = {
    "VARCHAR": pa.string(),
    "INTEGER": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
}
ACCEPTED_SCHEMA = pa.schema(
    [*((column.name, ARROW_TYPES[column.type]) for column in SESSION_COLUMNS), ("ORIGIN", pa.string())]
)

_INTEGER_BITS = 32  # signed integers of this width never exceed LARGEST_INTEGER
_TRUE, _FALSE = ("true", "1", "1.0"), ("false", "0", "0.0")
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


@dataclass(frozen=True)
class RawBatch:
    """A batch as a feed delivers it.

    Attributes:
        rows: one column for each of `SESSION_COLUMNS`, of text, booleans, numbers or times.
        origin: the file or delivery that the batch comes from.
        ignored_columns: further columns of the file, which are not loaded.
    """

    rows: pa.Table
    origin: str
    ignored_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class ValidatedBatch:
    """A batch after the contract check: each of its rows is either accepted or rejected.

    Attributes:
        accepted: rows of `ACCEPTED_SCHEMA`.
        rejected: rows of `REJECTED_SCHEMA`.
    """

    accepted: pa.Table
    rejected: pa.Table

    @classmethod
    def empty(cls) -> "ValidatedBatch":
        """A batch without rows, with the columns of both schemas."""
        return cls(ACCEPTED_SCHEMA.empty_table(), REJECTED_SCHEMA.empty_table())


def validate(received: RawBatch, within: Window) -> ValidatedBatch:
    """Split a batch into accepted and rejected rows.

    Every cell that breaks a rule gives a reason. A row with a reason is rejected and kept complete, as it was received.

    Args:
        received: the batch.
        within: the allowed dates, half-open, Asia/Tokyo. A date outside breaks the contract.
    """
    values: dict[str, pa.ChunkedArray] = {}
    violations: list[Violation] = []
    for column in SESSION_COLUMNS:
        raw = received.rows.column(column.name)
        values[column.name] = typed(raw, column.type)
        if column.pattern is not None:  # UUIDs are equal regardless of case, so the stored key has one spelling
            values[column.name] = pc.ascii_lower(values[column.name])
        of_column = _violations(column, raw, values[column.name], within)
        violations += [violation for violation in of_column if violation.rows.any()]
    rejected = np.zeros(received.rows.num_rows, dtype=bool)
    for violation in violations:
        rejected |= violation.rows
    accepted = pa.table(values)
    if violations:
        accepted = accepted.filter(pa.array(~rejected))
    origins = pa.repeat(pa.scalar(received.origin, pa.string()), accepted.num_rows)
    return ValidatedBatch(
        accepted=accepted.append_column("ORIGIN", origins).cast(ACCEPTED_SCHEMA),
        rejected=rejected_rows(received.rows, received.origin, values["SESSION_DATE"], violations, rejected),
    )


def typed(raw: pa.ChunkedArray, sql_type: SqlType) -> pa.ChunkedArray:
    """`raw` as the Arrow type of `sql_type`. Cells that cannot be read as this type become null.

    - Numbers are in decimal notation. NaN and infinity become null.
    - Whole numbers may be written `3.0`. Those beyond ±LARGEST_INTEGER become null.
    - Booleans are true/false in any case, or 1/0.
    - Dates are YYYY-MM-DD, in the years 1 to 9999.
    """
    match sql_type:
        case "VARCHAR":
            return _text(raw)
        case "BOOLEAN" if pa.types.is_boolean(raw.type):
            return raw
        case "BOOLEAN":
            text = pc.utf8_lower(_text(raw))
            yes, no = (pc.is_in(text, value_set=pa.array(words)) for words in (_TRUE, _FALSE))
            return pc.if_else(pc.or_(yes, no), yes, pa.scalar(None, pa.bool_()))
        case "DATE":
            return _on_the_calendar(_dates(raw))
        case "DOUBLE":
            return _finite(_numbers(raw))
        case "INTEGER" if pa.types.is_signed_integer(raw.type) and raw.type.bit_width <= _INTEGER_BITS:
            return pc.cast(raw, pa.int64())
        case "INTEGER":
            numbers = _finite(_numbers(raw))
            whole = pc.and_(pc.equal(pc.floor(numbers), numbers), pc.less_equal(pc.abs(numbers), LARGEST_INTEGER))
            return pc.cast(pc.if_else(whole, numbers, pa.scalar(None, pa.float64())), pa.int64())
        case _:
            raise ValueError(f"sessions do not have columns of type {sql_type}")


def _text(raw: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cells as trimmed text. Blank cells become null."""
    text = pc.utf8_trim_whitespace(pc.cast(raw, pa.string()))
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _numbers(raw: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_integer(raw.type) or pa.types.is_floating(raw.type) or pa.types.is_decimal(raw.type):
        return pc.cast(raw, pa.float64(), safe=False)
    text = _text(raw)
    try:
        return pc.cast(text, pa.float64())  # fast, and enough when every cell is a number
    except pa.ArrowInvalid:
        number = pc.match_substring_regex(text, _NUMBER)
        return pc.cast(pc.if_else(number, text, pa.scalar(None, pa.string())), pa.float64())


def _finite(numbers: pa.ChunkedArray) -> pa.ChunkedArray:
    finite = pc.is_finite(numbers)
    return numbers if pc.all(finite).as_py() else pc.if_else(finite, numbers, pa.scalar(None, pa.float64()))


def _dates(raw: pa.ChunkedArray) -> pa.ChunkedArray:
    if raw.type == pa.date32():
        return raw
    if pa.types.is_timestamp(raw.type):
        # A time of day would be lost without notice, so only midnight counts as a date.
        midnight = pc.equal(pc.floor_temporal(raw, unit="day"), raw)
        return pc.cast(pc.if_else(midnight, raw, pa.scalar(None, raw.type)), pa.date32())
    text = _text(raw)
    readable = pc.if_else(pc.match_substring_regex(text, _DATE), text, pa.scalar(None, pa.string()))
    try:
        return pc.cast(readable, pa.date32())
    except pa.ArrowInvalid:  # a day that the calendar lacks, such as 30 February: rare, so row by row is fast enough
        return pa.chunked_array([pa.array([_date(cell) for cell in readable.to_pylist()], pa.date32())])


def _date(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        return None


def _on_the_calendar(days: pa.ChunkedArray) -> pa.ChunkedArray:
    """`days`, with null for those outside the years 1 to 9999.

    Arrow can represent other years, but neither Python nor a warehouse can.
    """
    known = pc.and_(pc.greater_equal(days, date.min), pc.less_equal(days, date.max))
    return pc.if_else(known, days, pa.scalar(None, pa.date32()))


def _violations(column: Column, raw: pa.ChunkedArray, value: pa.ChunkedArray, within: Window) -> list[Violation]:
    """The rules that cells of one column break. Each cell breaks at most one of them."""
    name = column.name
    violations: list[Violation] = []
    if value.null_count:
        missing = _flags(pc.is_null(value))
        empty = _flags(pc.is_null(_text(raw) if _may_be_blank(raw.type) else raw))
        violations = [
            Violation(name, empty, lambda _: f"{name} is empty"),
            Violation(name, missing & ~empty, lambda cell: f"{name} is {cell}, not {_EXPECTED[column.type]}"),
        ]

    def forbid(broken: pa.ChunkedArray, why: str) -> None:
        if pc.any(broken).as_py():  # rarely true, and this test is cheaper than the flags of every row
            readable = _flags(pc.is_valid(value))
            violations.append(Violation(name, _flags(broken) & readable, lambda cell: f"{name} is {cell}, {why}"))

    if column.minimum is not None:
        forbid(pc.less(value, column.minimum), f"below {column.minimum:g}")
    if column.maximum is not None:
        forbid(pc.greater(value, column.maximum), f"above {column.maximum:g}")
    if column.allowed is not None:
        known = pc.is_in(value, value_set=pa.array(column.allowed))
        forbid(pc.invert(known), f"not one of {', '.join(column.allowed)}")
    if column.pattern is not None:
        forbid(pc.invert(pc.match_substring_regex(value, column.pattern)), "not a UUID")
    if column.type == "DATE":
        outside = pc.or_(pc.less(value, within.start), pc.greater_equal(value, within.end))
        forbid(outside, f"outside {within}")
    return violations


def _may_be_blank(kind: pa.DataType) -> bool:
    """Whether cells of this type can be blank without being null. Numbers and dates cannot, so they stay typed."""
    return not (pa.types.is_primitive(kind) or pa.types.is_null(kind))


_EXPECTED: dict[SqlType, str] = {
    "VARCHAR": "a text",
    "INTEGER": f"a whole number up to {LARGEST_INTEGER:,}",
    "DOUBLE": "a number",
    "BOOLEAN": "true or false",
    "DATE": "a date YYYY-MM-DD",
}


def _flags(condition: pa.ChunkedArray) -> Flags:
    """A condition as a numpy array; null counts as false."""
    return np.asarray(pc.fill_null(condition, False).to_numpy(zero_copy_only=False), dtype=bool)
