"""The two formats of a result on the wire: Arrow for queries, JSON for other statements."""

import json
from base64 import b64decode
from typing import Any

import pyarrow as pa
from starlette.responses import JSONResponse, Response


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
