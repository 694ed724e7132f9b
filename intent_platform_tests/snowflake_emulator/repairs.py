"""Repairs of fakesnow while the emulator runs. docs/upstream.md describes each fault."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import fakesnow.arrow
import pyarrow as pa


@contextmanager
def repaired() -> Iterator[None]:
    """Apply the repairs inside."""
    original = fakesnow.arrow.timestamp_to_sf_struct

    def with_nulls(timestamps: pa.Array | pa.ChunkedArray) -> pa.Array:
        """Keep NULL timestamps NULL over the wire. fakesnow drops the validity bitmap."""
        if isinstance(timestamps, pa.ChunkedArray):
            timestamps = timestamps.combine_chunks()
        struct = original(timestamps)
        filled = [struct.field(place).fill_null(0) for place in range(struct.type.num_fields)]
        return pa.StructArray.from_arrays(filled, fields=list(struct.type), mask=timestamps.is_null())

    fakesnow.arrow.timestamp_to_sf_struct = with_nulls  # type: ignore[assignment]  # the parameter has another name
    logging.getLogger("fakesnow.server").setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        fakesnow.arrow.timestamp_to_sf_struct = original
