"""Faults of fakesnow that are mended while the emulator runs; each is written up in docs/upstream.md."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import fakesnow.arrow
import pyarrow as pa


@contextmanager
def repaired() -> Iterator[None]:
    """With these repairs."""
    original = fakesnow.arrow.timestamp_to_sf_struct

    def with_nulls(timestamps: pa.Array | pa.ChunkedArray) -> pa.Array:
        """NULL timestamps stay NULL over the wire: fakesnow drops the validity bitmap."""
        if isinstance(timestamps, pa.ChunkedArray):
            timestamps = timestamps.combine_chunks()
        struct = original(timestamps)
        filled = [struct.field(place).fill_null(0) for place in range(struct.type.num_fields)]
        return pa.StructArray.from_arrays(filled, fields=list(struct.type), mask=timestamps.is_null())

    fakesnow.arrow.timestamp_to_sf_struct = with_nulls  # type: ignore[assignment]  # the parameter is called otherwise
    logging.getLogger("fakesnow.server").setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        fakesnow.arrow.timestamp_to_sf_struct = original
