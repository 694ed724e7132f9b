"""The two formats of a result on the wire: Arrow for queries, JSON for other statements."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from starlette.responses import JSONResponse, Response

_WIDTHS = (pa.int8(), pa.int16(), pa.int32())


def as_chunks(
    answered: Response, rows: int, address_of: Callable[[bytes], str], widths: Collection[str] = ()
) -> Response:
    """fakesnow's Arrow result in chunks of `rows` rows: the first one in the answer, the others at an address each.

    As in Snowflake, the whole numbers of a chunk are as narrow as its own values. `widths` are the types that an
    account once sent instead, by Arrow's names.
    """
    body = json.loads(bytes(answered.body))
    data = body.get("data") or {}
    if not data.get("rowsetBase64"):
        return answered
    table = pa.ipc.open_stream(b64decode(data["rowsetBase64"])).read_all()
    first, *others = [table.slice(start, rows) for start in range(0, max(1, table.num_rows), rows)]
    data |= {"rowsetBase64": b64encode(_narrow(first, widths)).decode(), "returned": table.num_rows}
    if others:
        contents = [(_narrow(chunk, widths), chunk.num_rows) for chunk in others]
        data["chunks"] = [
            {"url": address_of(content), "rowCount": count, "uncompressedSize": len(content), "compressedSize": 0}
            for content, count in contents
        ]
        data["chunkHeaders"] = {}
    return JSONResponse(body)


def _narrow(chunk: pa.Table, widths: Collection[str]) -> bytes:
    """The chunk as an Arrow stream."""
    fields, columns = [], []
    for field, column in zip(chunk.schema, chunk.columns, strict=True):
        kind = _narrowest(column, widths) if pa.types.is_integer(field.type) else field.type
        fields.append(field.with_type(kind))
        columns.append(column.cast(kind))
    schema, sink = pa.schema(fields), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    return bytes(sink.getvalue())


def _narrowest(column: pa.ChunkedArray, widths: Collection[str]) -> pa.DataType:
    if "double" in widths:
        return pa.float64()
    extremes = pc.min_max(column).as_py().values()
    for kind in (width for width in _WIDTHS if not widths or str(width) in widths):
        limit = 2 ** (kind.bit_width - 1)
        if all(value is None or -limit <= value < limit for value in extremes):
            return kind
    return column.type


def as_json(answered: Response) -> Response:
    """fakesnow's result as JSON. It always sends Arrow; Snowflake does so for queries only."""
    body = json.loads(bytes(answered.body))
    data = body.get("data") or {}
    if data.get("queryResultFormat") != "arrow":
        return answered
    encoded = data.pop("rowsetBase64")
    rows: list[list[str | None]] = []
    if encoded:
        table = pa.ipc.open_stream(b64decode(encoded)).read_all()
        columns = [[_text(value) for value in column.to_pylist()] for column in table.columns]
        rows = [list(row) for row in zip(*columns, strict=True)]
    data |= {"queryResultFormat": "json", "rowset": rows, "returned": len(rows)}
    return JSONResponse(body)


def _text(value: Any) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return str(int(value))
        case {"epoch": epoch, "fraction": fraction, **rest}:
            return f"{epoch}.{fraction:09d}" + (f" {rest['timezone']}" if "timezone" in rest else "")
        case _ if hasattr(value, "toordinal"):
            return str(value.toordinal() - 719_163)  # days since 1970
        case _:
            return str(value)
