"""Reads session files, CSV or Parquet, as batches of the contract's columns. Every mistake is one sentence."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from intent_platform.errors import FeedError, first_line

_BLOCK_BYTES = 8 << 20
_BATCH_ROWS = 65_536


def read_batches(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Read `columns` (upper case) of a file in batches, without its other columns.

    Header names match regardless of case. CSV cells are text, and an empty cell is empty text. Parquet cells have the
    file's types.

    Raises:
        FeedError: the file cannot be read, is truncated, lacks a column or repeats one.
    """
    try:
        if path.suffix.lower() == ".parquet":
            yield from _parquet_batches(path, columns)
        else:
            yield from _csv_batches(path, columns)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def header_of(path: Path) -> list[str]:
    """The column names of a file in its own spelling, without surrounding blanks.

    Raises:
        FeedError: the file is empty or cannot be read.
    """
    try:
        if path.suffix.lower() == ".parquet":
            return [name.strip() for name in parquet.read_schema(path).names]
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), None)
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, error) from error
    if header is None:
        raise FeedError(f"{path} is empty: provide a file with a header and sessions")
    return [name.strip() for name in header]


def _unreadable(path: Path, error: Exception) -> FeedError:
    return FeedError(f"{path} cannot be read as a table ({first_line(error)}): provide a complete CSV or Parquet file")


def _positions(path: Path, columns: Sequence[str]) -> list[int]:
    """The position of each of `columns` in the file.

    Raises:
        FeedError: columns are missing or repeated; the message names them.
    """
    header = [name.upper() for name in header_of(path)]
    missing = [name for name in columns if name not in header]
    if missing:
        raise FeedError(f"{path} has no column {', '.join(missing)}: provide a file with all columns of a session")
    repeated = [name for name, times in Counter(header).items() if times > 1 and name in columns]
    if repeated:
        raise FeedError(f"{path} has the column {', '.join(repeated)} more than once: provide a file that has it once")
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
            skip_rows=1,
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(numbers, pa.string()), include_columns=wanted, strings_can_be_null=False
        ),
    )
    for batch in reader:
        yield pa.Table.from_batches([batch]).rename_columns(list(columns))


def _parquet_batches(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    positions = _positions(path, columns)
    with parquet.ParquetFile(path) as file:
        wanted = [file.schema_arrow.names[position] for position in positions]
        for batch in file.iter_batches(_BATCH_ROWS, columns=wanted):
            yield pa.Table.from_batches([batch]).select(wanted).rename_columns(list(columns))
