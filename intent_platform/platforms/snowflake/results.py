"""Turns the result of a cursor into an Arrow table, with the same types as on the other platforms.

The server may send the result of a query as Arrow. It sends the results of CALL and SHOW as JSON.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from snowflake.connector.cursor import SnowflakeCursor

_TYPES: dict[str, pa.DataType] = {
    "REAL": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMP_NTZ": pa.timestamp("us"),
}


def as_table(cursor: "SnowflakeCursor") -> pa.Table:
    """All rows of the last statement, with timestamps in microseconds and whole numbers as 64-bit integers."""
    from snowflake.connector.errors import NotSupportedError

    try:
        chunks = [*cursor.fetch_arrow_batches(force_microsecond_precision=True)]
        chunks = chunks or [cursor.fetch_arrow_all(force_return_table=True)]  # an empty result has no chunk
    except NotSupportedError:  # the result came as JSON
        return _from_rows(cursor)
    return pa.concat_tables([_plain(chunk) for chunk in chunks])


def _plain(chunk: pa.Table) -> pa.Table:
    """Snowflake sends whole numbers as narrow as those of the chunk, so chunks differ in their types."""
    schema = pa.schema([pa.field(field.name, _plain_type(field.type)) for field in chunk.schema])
    return chunk if schema == chunk.schema else chunk.cast(schema)


def _plain_type(arrow: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(arrow):
        return pa.timestamp("us")
    if pa.types.is_date(arrow):
        return pa.date32()  # the connector makes date64 of an empty result
    if pa.types.is_integer(arrow) or (pa.types.is_decimal(arrow) and arrow.scale == 0):
        return pa.int64()
    if pa.types.is_decimal(arrow):
        return pa.float64()
    return arrow


def _from_rows(cursor: "SnowflakeCursor") -> pa.Table:
    from snowflake.connector.constants import FIELD_ID_TO_NAME

    rows: Sequence[Any] = cursor.fetchall()
    columns = []
    for place, column in enumerate(cursor.description):
        kind = FIELD_ID_TO_NAME[column.type_code]
        arrow = (pa.float64() if column.scale else pa.int64()) if kind == "FIXED" else _TYPES.get(kind, pa.string())
        values = [row[place] for row in rows]
        if arrow == pa.float64():  # JSON results hold numbers with decimals as Decimal
            values = [None if value is None else float(value) for value in values]
        columns.append(pa.array(values, arrow))
    return pa.table(columns, names=[column.name for column in cursor.description])
