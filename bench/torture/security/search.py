"""Searches all files of a folder for secrets: their bytes, and what databases, archives and compressed cells hold.

A part of a secret counts, because a shortened message may show its beginning or its end.
"""

import gzip
import sqlite3
import zipfile
import zlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from io import BytesIO
from pathlib import Path

_PART = 8  # characters
_SQLITE, _DUCKDB, _PARQUET, _ZIP, _GZIP = b"SQLite format 3\0", b"DUCK", b"PAR1", b"PK\x03\x04", b"\x1f\x8b"
_DUCKDB_OFFSET = 8


def forms_of(secret: str) -> list[bytes]:
    """The parts of a secret, and the whole secret in other encodings. Letters are in lower case."""
    raw = secret.encode()
    parts = [raw[first : first + _PART] for first in range(0, len(raw) - _PART + 1, _PART)]
    # Base64 depends on the place of the first byte in a group of three. The ends of the text depend on its neighbours.
    encoded = [b64encode(b"\0" * place + raw)[4:-4].lower() for place in range(3)]
    return [*parts, *encoded, raw.hex().encode(), secret.encode("utf-16-le"), raw[::-1]]


def shown_in(content: bytes, secrets: Sequence[str]) -> bool:
    """Whether a text shows one of the secrets."""
    searched = content.lower()
    return any(form in searched for secret in secrets for form in forms_of(secret))


def files_showing(folder: Path, secrets: Sequence[str]) -> list[str]:
    """The files of a folder that hold one of the secrets, a phrase each."""
    return [
        f"{path.relative_to(folder)} ({place})"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
        for place, content in _contents(path)
        if shown_in(content, secrets)
    ]


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """What a file holds: its bytes, and the decoded contents that its format may hide, each with a name."""
    raw = path.read_bytes()
    yield "its bytes", raw
    if raw.startswith(_SQLITE):
        yield from _sqlite_cells(path)
    elif raw[_DUCKDB_OFFSET:].startswith(_DUCKDB):
        yield from _duckdb_rows(path)
    elif raw.startswith(_PARQUET):
        yield "its cells", _parquet_cells(path)
    yield from _unpacked(raw)


def _unpacked(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """The contents of an archive, and those of archives in it."""
    if raw.startswith(_GZIP):
        with suppress(OSError, EOFError, zlib.error):
            content = gzip.decompress(raw)
            yield "its unpacked bytes", content
            yield from _unpacked(content)
    elif raw.startswith(_ZIP):
        with suppress(zipfile.BadZipFile), zipfile.ZipFile(BytesIO(raw)) as archive:
            for name in archive.namelist():
                yield f"its file {name}", archive.read(name)
                yield from _unpacked(archive.read(name))


def _sqlite_cells(path: Path) -> Iterator[tuple[str, bytes]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for row in connection.execute(f'SELECT * FROM "{table.decode()}"'):
                for cell in row:
                    if isinstance(cell, bytes):
                        yield f"its table {table.decode()}", cell
                        with suppress(zlib.error):  # Dagster compresses its snapshots
                            yield f"its table {table.decode()}, compressed", zlib.decompress(cell)


def _duckdb_rows(path: Path) -> Iterator[tuple[str, bytes]]:
    import duckdb

    with duckdb.connect(str(path), read_only=True) as connection:
        for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            rows = connection.execute(f'SELECT T::VARCHAR FROM "{table}" T').fetchall()
            yield f"its table {table}", "\n".join(text for (text,) in rows).encode()


def _parquet_cells(path: Path) -> bytes:
    from pyarrow import parquet

    return repr(parquet.read_table(path).to_pylist()).encode("utf-8", "surrogatepass")
