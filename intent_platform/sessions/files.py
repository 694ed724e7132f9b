"""Reading session files, CSV or Parquet, as batches of the contract's columns; every mistake is one sentence."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import csv, parquet

from intent_platform.errors import FeedError

_BLOCK_BYTES = 8 << 20
_BATCH_ROWS = 65_536


def read_batches(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    """`columns` (upper case) of a file, batch by batch; other columns of the file are left out.

    Header names are matched regardless of case. CSV cells are text, an empty one is empty text; Parquet cells
    have the file's types.

    Raises:
        FeedError: the file cannot be read, is cut off, or lacks a column.
    """
    try:
        if path.suffix.lower() == ".parquet":
            yield from _parquet_batches(path, columns)
        else:
            yield from _csv_batches(path, columns)
    except (pa.ArrowInvalid, OSError) as error:
        raise FeedError(f"{path} cannot be read, it is cut off or no table: {_first_line(error)}") from error


def header_of(path: Path) -> list[str]:
    """The column names of a file as it spells them.

    Raises:
        FeedError: the file cannot be read.
    """
    try:
        if path.suffix.lower() == ".parquet":
            return list(parquet.read_schema(path).names)
        with path.open(encoding="utf-8-sig") as file:
            first = file.readline().rstrip("\r\n")
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        raise FeedError(f"{path} cannot be read: {_first_line(error)}") from error
    return [name.strip().strip('"') for name in first.split(",")] if first else []


def spelt_as(path: Path, columns: Sequence[str]) -> dict[str, str]:
    """How the file spells each of `columns`.

    Raises:
        FeedError: it lacks some; the text names them.
    """
    spelling = {name.upper(): name for name in header_of(path)}
    missing = [name for name in columns if name not in spelling]
    if missing:
        raise FeedError(f"{path} has no column {', '.join(missing)}: it needs all of {', '.join(columns)}")
    return {name: spelling[name] for name in columns}


def _csv_batches(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    spelling = spelt_as(path, columns)
    reader = csv.open_csv(
        path,
        read_options=csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),  # so that errors name the row
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(spelling.values(), pa.string()),
            include_columns=list(spelling.values()),
            strings_can_be_null=False,
        ),
    )
    for batch in reader:
        yield pa.Table.from_batches([batch]).rename_columns(list(columns))


def _parquet_batches(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    spelling = spelt_as(path, columns)
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH_ROWS, columns=list(spelling.values())):
            yield pa.Table.from_batches([batch]).select(list(spelling.values())).rename_columns(list(columns))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
