"""Removes the rows of one visitor from session files, and finds files that name the visitor."""

import csv
import shutil
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TextIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from intent_platform.sessions.faults import reading
from intent_platform.sessions.files import header_of, plain

#: The beginning of the name of a file that is written to replace another one.
DRAFT = ".forgetting-"
_BLOCK_BYTES = 1 << 20


def remove_visitor(path: Path, uid: str) -> int:
    """Remove the visitor's rows from a CSV or Parquet file, and return their number. All other rows stay as they are.

    A new file takes the place of the old one at once. It keeps the mode.

    Raises:
        UnreadableFile: the file cannot be read, so its rows are unknown.
    """
    draft = path.with_name(f"{DRAFT}{path.name}")
    rewrite = _rewrite_parquet if path.suffix.lower() == ".parquet" else _rewrite_csv
    try:
        with reading(path):
            removed = rewrite(path, draft, uid)
        if removed:
            shutil.copymode(path, draft)
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return removed


def files_naming(folder: Path, uid: str, skipped: Collection[Path] = ()) -> Iterator[Path]:
    """The files of a folder and its folders whose bytes contain the identifier, in any case.

    Args:
        folder: the folder to search.
        uid: the identifier in lower case.
        skipped: files and folders that are not read.
    """
    needle = uid.encode()
    for path in sorted(folder.rglob("*")):
        is_skipped = any(path.is_relative_to(place) for place in skipped)
        if not is_skipped and path.is_file() and not path.is_symlink() and _contains(path, needle):
            yield path


def _contains(path: Path, needle: bytes) -> bool:
    end = b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            if needle in end + block.lower():
                return True
            end = block[-len(needle) :].lower()
    return False


def _rewrite_csv(path: Path, draft: Path, uid: str) -> int:
    """Copy all records but the visitor's, byte by byte. A record may have several lines."""
    csv.field_size_limit(sys.maxsize)
    removed, lines = 0, list[str]()

    def remembered(file: TextIO) -> Iterator[str]:
        for line in file:
            lines.append(line)
            yield line

    as_it_is = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
    with path.open(**as_it_is) as file, draft.open("w", **as_it_is) as copy:  # type: ignore[call-overload]
        for _ in csv.reader(remembered(file)):
            record = "".join(lines)
            lines.clear()
            if uid in record.lower():
                removed += 1
            else:
                copy.write(record)
        copy.write("".join(lines))
    return removed


def _rewrite_parquet(path: Path, draft: Path, uid: str) -> int:
    position = [name.upper() for name in header_of(path)].index("UID")
    removed = 0
    with parquet.ParquetFile(path) as file, parquet.ParquetWriter(draft, file.schema_arrow) as copy:
        for batch in file.iter_batches():
            uids = pc.cast(plain(pa.chunked_array([batch.column(position)])), pa.string())
            others = pc.fill_null(pc.not_equal(pc.utf8_lower(pc.utf8_trim_whitespace(uids)), uid), fill_value=True)
            kept = batch.filter(others.combine_chunks())
            removed += batch.num_rows - kept.num_rows
            copy.write_batch(kept)
    return removed
