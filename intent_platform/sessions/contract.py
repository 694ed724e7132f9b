"""The contract of a session, applied: which received rows are accepted, and why the others are not.

The rules are those of `tables.SESSION_COLUMNS`. Repeated keys are not seen here, since a feed comes in
batches: the load into the warehouse finds them.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from intent_platform.partitions import Window
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
REJECTED_SCHEMA = pa.schema(
    [("SESSION_DATE", pa.date32()), ("RAW", pa.string()), ("REASONS", pa.string()), ("ORIGIN", pa.string())]
)

_INTEGER_BITS = 32  # of integers that cannot be larger than LARGEST_INTEGER
_SHOWN_CHARACTERS = 40
_TRUE, _FALSE = ("true", "1", "1.0"), ("false", "0", "0.0")
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RawBatch:
    """A batch as it came: one column for each of `SESSION_COLUMNS`, text or typed, and where it came from.

    `ignored_columns` are those that the file had besides; they are kept out.
    """

    rows: pa.Table
    origin: str
    ignored_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class ValidatedBatch:
    """A batch, split: `accepted` as `ACCEPTED_SCHEMA`, `rejected` as `REJECTED_SCHEMA`; together all its rows."""

    accepted: pa.Table
    rejected: pa.Table

    @classmethod
    def empty(cls) -> "ValidatedBatch":
        """No rows, with the columns that batches have."""
        return cls(ACCEPTED_SCHEMA.empty_table(), REJECTED_SCHEMA.empty_table())


@dataclass(frozen=True)
class _Objection:
    """Rows that break one rule, and the sentence about a cell."""

    broken: Flags
    sentence: Callable[[str], str]


def validate(received: RawBatch, within: Window) -> ValidatedBatch:
    """Split a batch. A date outside `within` (half-open, Asia/Tokyo) breaks the contract like any other cell.

    Every cell that breaks a rule gives a reason; a row with any is rejected whole, as it came.
    """
    values: dict[str, pa.ChunkedArray] = {}
    objections: list[tuple[Column, _Objection]] = []
    for column in SESSION_COLUMNS:
        raw = received.rows.column(column.name)
        values[column.name] = typed(raw, column.type)
        if column.pattern is not None:  # a UUID is the same in capitals
            values[column.name] = pc.ascii_lower(values[column.name])
        found = _objections(column, raw, values[column.name], within)
        objections += [(column, objection) for objection in found if objection.broken.any()]
    rejected = np.zeros(received.rows.num_rows, dtype=bool)
    for _, objection in objections:
        rejected |= objection.broken
    accepted = pa.table(values)
    if objections:
        accepted = accepted.filter(pa.array(~rejected))
    origins = pa.repeat(pa.scalar(received.origin, pa.string()), accepted.num_rows)
    return ValidatedBatch(
        accepted=accepted.append_column("ORIGIN", origins).cast(ACCEPTED_SCHEMA),
        rejected=_rejected(received, values["SESSION_DATE"], objections, np.flatnonzero(rejected)),
    )


def typed(raw: pa.ChunkedArray, sql_type: SqlType) -> pa.ChunkedArray:
    """`raw` as the Arrow type of `sql_type`; cells that cannot be read as one become null.

    Numbers are what their decimal notation says, whole numbers may be written `3.0`; booleans are true/false
    in any case, or 1/0; dates are YYYY-MM-DD. Not finite numbers are no numbers.
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
            raise ValueError(f"a session has no {sql_type}")


def _text(raw: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cells as trimmed text; blank ones become null."""
    try:
        text = raw if pa.types.is_string(raw.type) else pc.cast(raw, pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # nested or binary cells: no contract knows such
        shown = [None if cell is None else repr(cell) for cell in raw.to_pylist()]
        text = pa.chunked_array([pa.array(shown, pa.string())])
    text = pc.utf8_trim_whitespace(text)
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _numbers(raw: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_integer(raw.type) or pa.types.is_floating(raw.type) or pa.types.is_decimal(raw.type):
        return pc.cast(raw, pa.float64(), safe=False)
    text = _text(raw)
    try:
        return pc.cast(text, pa.float64())  # the fast way, when all cells are numbers
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
        midnight = pc.equal(pc.floor_temporal(raw, unit="day"), raw)
        return pc.cast(pc.if_else(midnight, raw, pa.scalar(None, raw.type)), pa.date32())
    text = _text(raw)
    readable = pc.if_else(pc.match_substring_regex(text, _DATE), text, pa.scalar(None, pa.string()))
    try:
        return pc.cast(readable, pa.date32())
    except pa.ArrowInvalid:  # a day that the calendar lacks: few rows get here
        return pa.chunked_array([pa.array([_date(cell) for cell in readable.to_pylist()], pa.date32())])


def _date(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        return None


def _on_the_calendar(days: pa.ChunkedArray) -> pa.ChunkedArray:
    """Days of the years 1 to 9999; Arrow knows others, which neither Python nor a warehouse can take."""
    known = pc.and_(pc.greater_equal(days, date.min), pc.less_equal(days, date.max))
    return pc.if_else(known, days, pa.scalar(None, pa.date32()))


def _objections(column: Column, raw: pa.ChunkedArray, value: pa.ChunkedArray, within: Window) -> list[_Objection]:
    """What the contract holds against the cells of one column; each cell is objected to once."""
    name = column.name
    found: list[_Objection] = []
    if value.null_count:
        missing = _flags(pc.is_null(value))
        empty = _flags(pc.is_null(_text(raw) if _may_be_blank(raw.type) else raw))
        found = [
            _Objection(empty, lambda _: f"{name} is empty"),
            _Objection(missing & ~empty, lambda cell: f"{name} is {cell}, not {_KINDS[column.type]}"),
        ]

    def object_to(broken: pa.ChunkedArray, why: str) -> None:
        if pc.any(broken).as_py():  # hardly ever: then the cells are looked at one by one
            readable = _flags(pc.is_valid(value))
            found.append(_Objection(_flags(broken) & readable, lambda cell: f"{name} is {cell}, {why}"))

    if column.minimum is not None:
        object_to(pc.less(value, column.minimum), f"below {column.minimum:g}")
    if column.maximum is not None:
        object_to(pc.greater(value, column.maximum), f"above {column.maximum:g}")
    if column.allowed is not None:
        known = pc.is_in(value, value_set=pa.array(column.allowed))
        object_to(pc.invert(known), f"not one of {', '.join(column.allowed)}")
    if column.pattern is not None:
        object_to(pc.invert(pc.match_substring_regex(value, column.pattern)), "not a UUID")
    if column.type == "DATE":
        outside = pc.or_(pc.less(value, within.start), pc.greater_equal(value, within.end))
        object_to(outside, f"outside {within}")
    return found


def _may_be_blank(kind: pa.DataType) -> bool:
    """Whether cells can be empty without being null; a typed column is not turned into text to see that."""
    return not (pa.types.is_primitive(kind) or pa.types.is_null(kind))


_KINDS: dict[SqlType, str] = {
    "VARCHAR": "a text",
    "INTEGER": f"a whole number up to {LARGEST_INTEGER:,}",
    "DOUBLE": "a number",
    "BOOLEAN": "true or false",
    "DATE": "a date YYYY-MM-DD",
}


def _flags(condition: pa.ChunkedArray) -> Flags:
    """A condition as a numpy array; unknown counts as false."""
    return np.asarray(pc.fill_null(condition, False).to_numpy(zero_copy_only=False), dtype=bool)


def _rejected(
    received: RawBatch,
    dates: pa.ChunkedArray,
    objections: Sequence[tuple[Column, _Objection]],
    rows: npt.NDArray[np.intp],
) -> pa.Table:
    """The rejected rows, whole, with all that is held against them."""
    cells = [{name: _plain(cell) for name, cell in row.items()} for row in _listed(received.rows.take(pa.array(rows)))]
    reasons = [
        [objection.sentence(_shown(cell[column.name])) for column, objection in objections if objection.broken[row]]
        for row, cell in zip(rows, cells, strict=True)
    ]
    return pa.table(
        {
            "SESSION_DATE": dates.take(pa.array(rows)),
            "RAW": [json.dumps(cell, ensure_ascii=False) for cell in cells],
            "REASONS": [json.dumps(reason, ensure_ascii=False) for reason in reasons],
            "ORIGIN": [received.origin] * len(rows),
        },
        schema=REJECTED_SCHEMA,
    )


def _listed(rows: pa.Table) -> list[dict[str, object]]:
    """Rows as Python has them, times as text: Arrow has some that lie beyond Python's."""
    for at, field in enumerate(rows.schema):
        if pa.types.is_temporal(field.type):
            rows = rows.set_column(at, field.name, pc.cast(rows.column(at), pa.string()))
    listed: list[dict[str, object]] = rows.to_pylist()
    return listed


def _plain(cell: object) -> str | int | float | bool | None:
    """A cell as JSON has it: what JSON lacks (dates, NaN, infinity) as text."""
    if isinstance(cell, float):
        return cell if np.isfinite(cell) else str(cell)
    return cell if cell is None or isinstance(cell, str | int | bool) else str(cell)


def _shown(cell: object) -> str:
    text = repr(cell) if isinstance(cell, str) else str(cell)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
