"""Parquet files with faults: types of cells, columns, row groups, compression and bytes."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from bench.torture.input.csv_files import Maker
from bench.torture.input.dropped import Dropped, csv_text, session_rows, uids

if TYPE_CHECKING:
    import pyarrow as pa

_ONE_KEY_ROWS = 60_000
_DAY = datetime(2025, 4, 5, tzinfo=UTC).replace(tzinfo=None)
#: Text cells in another type of text. The file is loaded, and its rows stay valid.
_TEXT_TYPES = ("large_string", "string_view", "binary", "large_binary", "binary_view", "dictionary")
#: By name: the cells of a column, of another type, for that many rows.
_CELLS: Mapping[str, Callable[[int], "pa.Array"]] = {
    "structs": lambda n: _array([{"a": 1, "b": "x"}] * n),
    "empty structs": lambda n: _array([{"a": None}] * n),
    "lists": lambda n: _array([[1, 2]] * n),
    "maps": lambda n: _array([[("a", 1)]] * n, _arrow().map_(_arrow().string(), _arrow().int64())),
    "numbers in a dictionary": lambda n: _array([1] * n).dictionary_encode(),
    "decimals": lambda n: _array([Decimal("3.50")] * n, _arrow().decimal128(10, 2)),
    "wide decimals": lambda n: _array([Decimal("3" * 60)] * n, _arrow().decimal256(70, 2)),
    "bytes that are not UTF-8": lambda n: _array([b"\xff\xfe\x00"] * n),
    "bytes of fixed length": lambda n: _array([b"0123456789abcdef"] * n, _arrow().binary(16)),
    "UUIDs": lambda n: _array([bytes([0] * 15 + [place % 256]) for place in range(n)], _arrow().uuid()),
    "days": lambda n: _array([date(2025, 4, 5)] * n),
    "days in milliseconds": lambda n: _array([date(2025, 4, 5)] * n, _arrow().date64()),
    "far days": lambda n: _array([2**31 - 1] * n, _arrow().int32()).cast(_arrow().date32()),
    "early days": lambda n: _array([-(2**31)] * n, _arrow().int32()).cast(_arrow().date32()),
    "times": lambda n: _array([_DAY] * n),
    "times after midnight": lambda n: _array([_DAY.replace(hour=3)] * n),
    "times in UTC": lambda n: _array([_DAY] * n, _arrow().timestamp("us", "UTC")),
    "times in New York": lambda n: _array([_DAY] * n, _arrow().timestamp("ns", "America/New_York")),
    "times at an offset": lambda n: _array([_DAY] * n, _arrow().timestamp("s", "+14:00")),
    "times in an unknown zone": lambda n: _array([_DAY] * n, _arrow().timestamp("us", "Mars/Base")),
    "times in a blank zone": lambda n: _array([_DAY] * n, _arrow().timestamp("us", " ")),
    "far times": lambda n: _array([2**62] * n, _arrow().int64()).cast(_arrow().timestamp("us")),
    "far times in a zone": lambda n: _array([2**62] * n, _arrow().int64()).cast(_arrow().timestamp("us", "Asia/Tokyo")),
    "times of the day": lambda n: _array([3600] * n, _arrow().int32()).cast(_arrow().time32("s")),
    "durations": lambda n: _array([3600] * n, _arrow().duration("s")),
    "unsigned numbers": lambda n: _array([2**64 - 1] * n, _arrow().uint64()),
    "large numbers": lambda n: _array([2**53 + 1] * n, _arrow().int64()),
    "negative numbers": lambda n: _array([-3] * n, _arrow().int32()),
    "small numbers": lambda n: _array([3] * n, _arrow().int8()),
    "half floats": lambda n: _array([1.5] * n, _arrow().float64()).cast(_arrow().float16()),
    "floats": lambda n: _array(([float("nan"), float("inf"), -float("inf"), -0.0] * n)[:n], _arrow().float32()),
    "nulls": lambda n: _arrow().nulls(n),
    "booleans": lambda n: _array(([True, None] * n)[:n]),
    "text that is not UTF-8": lambda n: _array([b"caf\xe9"] * n).cast(_arrow().string(), safe=False),
}
_WRITTEN: Mapping[str, Mapping[str, Any]] = {
    **{f"row groups of {rows}": {"row_group_size": rows} for rows in (1, 3)},
    **{f"compressed by {name}": {"compression": name} for name in ("zstd", "gzip", "brotli", "lz4", "none")},
    "the oldest format": {"version": "1.0", "data_page_version": "1.0"},
    "new pages": {"data_page_version": "2.0", "use_dictionary": False},
    "no statistics": {"write_statistics": False},
    "small pages": {"data_page_size": 16},
}
_DAMAGES: Mapping[str, Callable[[Random, bytearray], bytes | bytearray]] = {
    "flipped bits": lambda random, content: _flipped(random, content, 0),
    "flipped bits at the end": lambda random, content: _flipped(random, content, max(0, len(content) - 2_000)),
    "cut": lambda random, content: content[: random.randrange(len(content))],
    "zeros": lambda random, content: _zeroed(random, content),
    "halves exchanged": lambda _, content: content[len(content) // 2 :] + content[: len(content) // 2],
    "magic bytes only": lambda *_: b"PAR1" * 9,
}


def _arrow() -> Any:
    import pyarrow as pa

    return pa


def _array(values: list[Any], kind: "pa.DataType | None" = None) -> "pa.Array":
    return _arrow().array(values, kind)


def _table(random: Random, rows: list[dict[str, Any]] | None = None) -> "pa.Table":
    return _arrow().Table.from_pylist(rows or session_rows(random))


def _written(table: "pa.Table", **options: Any) -> bytes:
    from pyarrow import parquet

    output = _arrow().BufferOutputStream()
    parquet.write_table(table, output, **options)
    return bytes(output.getvalue())


def _whole(case: str, name: str, table: "pa.Table", **options: Any) -> Dropped:
    """A file that must be loaded with all its rows."""
    sure = frozenset(table["UID"].to_pylist())
    return Dropped(f"Parquet: {case}", name, _written(table, **options), "loaded", table.num_rows, sure)


def _typed(case: str, random: Random, name: str) -> Dropped:
    """The cells of one column have another type, and other values."""
    table = _table(random)
    column = random.choice(table.column_names)
    position = table.column_names.index(column)
    changed = table.set_column(position, column, _CELLS[case](table.num_rows))
    return Dropped(f"Parquet: {column} as {case}", name, _written(changed), None, table.num_rows)


def _text_typed(kind: str, random: Random, name: str) -> Dropped:
    table = _table(random)
    column = random.choice(table.column_names)
    cells = table[column].combine_chunks()
    others = cells.dictionary_encode() if kind == "dictionary" else cells.cast(getattr(_arrow(), kind)())
    changed = table.set_column(table.column_names.index(column), column, others)
    sure = frozenset(table["UID"].to_pylist())
    return Dropped(f"Parquet: {column} as {kind}", name, _written(changed), "loaded", table.num_rows, sure)


def _options(case: str, random: Random, name: str) -> Dropped:
    return _whole(case, name, _table(random), **_WRITTEN[case])


def _no_rows(random: Random, name: str) -> Dropped:
    return _whole("no rows", name, _table(random).slice(0, 0))


def _nested_column(random: Random, name: str) -> Dropped:
    table = _table(random)
    return _whole("a nested column", name, table.append_column("a.b", _array([{"c": [1]}] * table.num_rows)))


def _other_case(random: Random, name: str) -> Dropped:
    table = _table(random)
    whole = _whole("names in other case", name, table)
    renamed = _written(table.rename_columns([f" {column.lower()}" for column in table.column_names]))
    return Dropped(whole.case, name, renamed, "loaded", whole.rows, whole.sure)


def _missing(random: Random, name: str) -> Dropped:
    table = _table(random)
    lost = random.sample(table.column_names, random.randrange(1, 4))
    return Dropped("Parquet: missing columns", name, _written(table.drop_columns(lost)), "refused")


def _twice(random: Random, name: str) -> Dropped:
    table = _table(random)
    column = random.choice(table.column_names)
    return Dropped("Parquet: a column twice", name, _written(table.append_column(column, table[column])), "refused")


def _one_key(random: Random, name: str) -> Dropped:
    """A small file of many rows with one key."""
    rows = session_rows(random, 1)
    cells = {column: _array([cell] * _ONE_KEY_ROWS).dictionary_encode() for column, cell in rows[0].items()}
    content = _written(_arrow().table(cells), compression="zstd")
    return Dropped("Parquet: one key", name, content, "loaded", _ONE_KEY_ROWS, uids(rows))


def _damaged(case: str, random: Random, name: str) -> Dropped:
    compression = random.choice(("snappy", "none", "zstd"))
    content = bytearray(_written(_table(random), compression=compression))
    return Dropped(f"Parquet: {case}", name, bytes(_DAMAGES[case](random, content)))


def _csv_content(random: Random, name: str) -> Dropped:
    return Dropped("Parquet: a CSV file", name, csv_text(session_rows(random)).encode(), "refused")


def _flipped(random: Random, content: bytearray, first: int) -> bytearray:
    for _ in range(random.randrange(1, 6)):
        content[random.randrange(first, len(content))] ^= 1 << random.randrange(8)
    return content


def _zeroed(random: Random, content: bytearray) -> bytearray:
    first = random.randrange(len(content))
    last = min(first + 64, len(content))
    content[first:last] = bytes(last - first)
    return content


MAKERS: tuple[Maker, ...] = (
    *(partial(_typed, case) for case in (*_CELLS, *_CELLS)),
    *(partial(_text_typed, kind) for kind in _TEXT_TYPES),
    *(partial(_options, case) for case in _WRITTEN),
    *(_no_rows, _nested_column, _other_case, _missing, _twice, _one_key, _csv_content),
    *(partial(_damaged, case) for case in (*_DAMAGES, *_DAMAGES)),
)
