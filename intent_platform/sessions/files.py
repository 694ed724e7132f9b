"""Reads session files, CSV or Parquet, as batches of the contract's columns. Every mistake is one sentence."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv
from pyarrow import parquet, types

from intent_platform.sessions.faults import UnreadableFile, reading

_BLOCK_BYTES = 8 << 20
_BATCH_ROWS = 65_536
#: The types that the contract reads as they are, and those whose cells Arrow makes text.
_READABLE = (
    *(types.is_null, types.is_boolean, types.is_integer, types.is_float32, types.is_float64),
    *(types.is_decimal128, types.is_decimal256, types.is_date, types.is_time, types.is_timestamp),
)
_TEXT = (
    *(types.is_string, types.is_large_string, types.is_string_view, types.is_dictionary),
    *(types.is_binary, types.is_large_binary, types.is_binary_view, types.is_fixed_size_binary),
)


def read_batches(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Read `columns` (upper case) of a file in batches, without its other columns.

    Header names match regardless of case. CSV cells are text, and an empty cell is empty text. Parquet cells have the
    types that `plain` gives them.

    Raises:
        UnreadableFile: the file cannot be read, is truncated, lacks a column or repeats one.
    """
    with reading(path):
        if path.suffix.lower() == ".parquet":
            yield from _parquet_batches(path, columns)
        else:
            yield from _csv_batches(path, columns)


def header_of(path: Path) -> list[str]:
    """The column names of a file in its own spelling, without surrounding blanks.

    Raises:
        UnreadableFile: the file is empty or cannot be read.
    """
    with reading(path):
        if path.suffix.lower() == ".parquet":
            return [name.strip() for name in parquet.read_schema(path).names]
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), None)
        if header is None:
            raise UnreadableFile(path, "is empty: provide a file with a header and sessions")
        return [name.strip() for name in header]


def plain(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cells of any Arrow type as text, booleans, numbers or times, which the contract can read.

    Bytes that are UTF-8 are text. Cells of other types become the text that Python has for them: a UUID its usual
    spelling, a list or a duration a text that the contract rejects.

    Raises:
        pyarrow.ArrowInvalid: the cells have a time zone that Arrow does not know.
    """
    kind = cells.type
    if types.is_timestamp(kind) and kind.tz is not None:
        pc.local_timestamp(cells)  # raises for an unknown time zone, which no later step could read
    if any(is_of(kind) for is_of in _READABLE):
        return cells
    if any(is_of(kind) for is_of in _TEXT):
        with suppress(pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return pc.cast(cells, pa.string())
    texts = [None if cell is None else str(cell) for cell in cells.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _positions(path: Path, columns: Sequence[str]) -> list[int]:
    """The position of each of `columns` in the file.

    Raises:
        UnreadableFile: columns are missing or repeated; the message names them.
    """
    header = [name.upper() for name in header_of(path)]
    missing = [name for name in columns if name not in header]
    if missing:
        raise UnreadableFile(path, f"has no column {', '.join(missing)}: provide a file with all columns of a session")
    repeated = [name for name, times in Counter(header).items() if times > 1 and name in columns]
    if repeated:
        raise UnreadableFile(
            path, f"has the column {', '.join(repeated)} more than once: provide a file that has it once"
        )
    return [header.index(name) for name in columns]


def _csv_batches(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    positions = _positions(path, columns)
    # The file's own names may repeat, so the reader gets numbers as names.
    numbers = [str(number) for number in range(len(header_of(path)))]
    wanted = [numbers[position] for position in positions]
    reader = arrow_csv.open_csv(
        path,
        read_options=arrow_csv.ReadOptions(
            block_size=_BLOCK_BYTES,
            use_threads=False,  # with threads, errors do not name the row
            column_names=numbers,
            skip_rows_after_names=1,  # the header, which can have several lines
        ),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(numbers, pa.string()), include_columns=wanted, strings_can_be_null=False
        ),
    )
    for batch in reader:
        yield pa.Table.from_batches([batch]).rename_columns(list(columns))


def _parquet_batches(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    positions = _positions(path, columns)
    with parquet.ParquetFile(path, arrow_extensions_enabled=True) as file:
        wanted = [file.schema_arrow.names[position] for position in positions]
        for batch in file.iter_batches(_BATCH_ROWS, columns=wanted):
            batch.validate(full=True)  # Arrow itself does not look whether text is UTF-8
            rows = pa.Table.from_batches([batch])
            yield pa.table([plain(rows[name]) for name in wanted], names=list(columns))
