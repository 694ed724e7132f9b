"""Writes the rejected rows of a batch: each one complete, as JSON, with every reason.

A broken file has millions of rejected rows, which mostly repeat each other's cells. So Python writes each distinct cell
once, and Arrow composes the rows.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

REJECTED_SCHEMA = pa.schema(
    [("SESSION_DATE", pa.date32()), ("RAW", pa.string()), ("REASONS", pa.string()), ("ORIGIN", pa.string())]
)
Flags = npt.NDArray[np.bool_]

_SHOWN_CHARACTERS = 40  # of a cell in a reason


@dataclass(frozen=True)
class Violation:
    """The rows whose cell in `column` breaks one rule. `reason` turns the text of such a cell into the reason."""

    column: str
    rows: Flags
    reason: Callable[[str], str]


def rejected_rows(
    received: pa.Table, origin: str, dates: pa.ChunkedArray, violations: Sequence[Violation], rejected: Flags
) -> pa.Table:
    """The rejected rows of `received`, in their order and with the columns of `REJECTED_SCHEMA`.

    Args:
        received: all rows of the batch, of text, booleans, numbers or times.
        origin: the file or delivery that the batch comes from.
        dates: SESSION_DATE of each row; null where it is unreadable.
        violations: the broken rules, in the order in which a row names them.
        rejected: which rows break at least one of them.
    """
    if not violations:
        return REJECTED_SCHEMA.empty_table()
    rows = received.filter(pa.array(rejected))
    cells = [part for name in rows.column_names for part in (f', "{name}": ', _written(rows[name], _as_json))]
    reasons = [_reasons(rows[violation.column], violation, violation.rows[rejected]) for violation in violations]
    return pa.table(
        {
            "SESSION_DATE": dates.filter(pa.array(rejected)),
            "RAW": _joined(["{", cells[0].removeprefix(", "), *cells[1:], "}"]),
            "REASONS": _joined(["[", _joined(reasons, ", "), "]"]),
            "ORIGIN": pa.repeat(pa.scalar(origin, pa.string()), rows.num_rows),
        },
        schema=REJECTED_SCHEMA,
    )


def _reasons(cells: pa.ChunkedArray, violation: Violation, broken: Flags) -> pa.Array:
    """The reason for each broken cell, as JSON; null for the other cells."""
    reasons = _written(cells.filter(pa.array(broken)), lambda cell: _as_json(violation.reason(_shortened(cell))))
    return pc.replace_with_mask(pa.nulls(len(broken), pa.string()), pa.array(broken), reasons)


def _written(cells: pa.ChunkedArray, write: Callable[[object], str]) -> pa.Array:
    """The text that `write` makes of each cell, null cells included."""
    if pa.types.is_temporal(cells.type):
        cells = pc.cast(cells, pa.string())  # some of Arrow's dates and times are outside Python's range
    encoded = cells.combine_chunks().dictionary_encode(null_encoding="encode")
    return pa.array(map(write, encoded.dictionary.to_pylist()), pa.string()).take(encoded.indices)


def _joined(parts: Sequence[str | pa.Array], separator: str = "") -> pa.Array:
    """The parts of each row as one text, without those that are null."""
    return pc.binary_join_element_wise(*parts, separator, null_handling="skip")


def _as_json(cell: object) -> str:
    return json.dumps(_json_value(cell), ensure_ascii=False)


def _json_value(cell: object) -> str | int | float | None:
    """A cell as a JSON value. Values that JSON lacks (decimals, NaN, infinity) become text."""
    if isinstance(cell, float):
        return cell if isfinite(cell) else str(cell)
    return cell if cell is None or isinstance(cell, str | int) else str(cell)


def _shortened(cell: object) -> str:
    """A cell as the text of a reason, of limited length."""
    text = repr(cell) if isinstance(cell, str) else str(cell)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
