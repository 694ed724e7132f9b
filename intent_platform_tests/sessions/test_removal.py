"""Removing a visitor's rows from session files."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest
from pyarrow import parquet

from intent_platform.sessions.faults import UnreadableFile
from intent_platform.sessions.removal import files_naming, remove_visitor
from intent_platform_tests.builders.sessions import landing_rows

ROWS = landing_rows(date(2024, 7, 1), 5)
UID = str(ROWS["UID"][2])


def write(path: Path, rows: pa.Table = ROWS) -> Path:
    if path.suffix == ".parquet":
        parquet.write_table(rows, path)
    else:
        pyarrow.csv.write_csv(rows, path)
    return path


def read(path: Path) -> pa.Table:
    if path.suffix == ".parquet":
        return parquet.read_table(path)
    everything_is_text = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(ROWS.column_names, pa.string()))
    return pyarrow.csv.read_csv(path, convert_options=everything_is_text)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
class TestRemoval:
    def test_takes_the_rows_of_the_visitor_alone(self, tmp_path, name):
        path = write(tmp_path / name)
        assert remove_visitor(path, UID) == 1
        assert read(path) == pa.concat_tables([ROWS.slice(0, 2), ROWS.slice(3)])

    def test_knows_the_visitor_in_capital_letters(self, tmp_path, name):
        shouted = pa.array([uid.as_py().upper() for uid in ROWS["UID"]])
        path = write(tmp_path / name, ROWS.set_column(ROWS.column_names.index("UID"), "UID", shouted))
        assert remove_visitor(path, UID) == 1

    def test_leaves_a_file_without_the_visitor(self, tmp_path, name):
        path = write(tmp_path / name, ROWS.slice(3))
        before, changed = path.read_bytes(), path.stat().st_mtime_ns
        assert remove_visitor(path, UID) == 0
        assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, changed)

    def test_keeps_the_mode_and_leaves_no_draft(self, tmp_path, name):
        path = write(tmp_path / name)
        path.chmod(0o640)
        remove_visitor(path, UID)
        assert path.stat().st_mode & 0o777 == 0o640
        assert [file.name for file in tmp_path.iterdir()] == [name]

    def test_that_takes_the_last_row_leaves_the_header(self, tmp_path, name):
        path = write(tmp_path / name, ROWS.slice(2, 1))
        assert remove_visitor(path, UID) == 1
        assert (read(path).num_rows, read(path).column_names) == (0, ROWS.column_names)


class TestCsv:
    def test_keeps_the_bytes_of_other_records(self, tmp_path):
        """One record has a line break in quotes, one is not UTF-8, and the last has no line end."""
        path = tmp_path / "a.csv"
        others = [b"UID,NOTE\r\n", b'1,"two\r\nlines"\r\n', b"2,caf\xe9\r\n", b"3,end"]
        path.write_bytes(others[0] + others[1] + f'"{UID}","of\r\nthe visitor"\r\n'.encode() + others[2] + others[3])
        assert remove_visitor(path, UID) == 1
        assert path.read_bytes() == b"".join(others)


class TestUnreadableFile:
    def test_is_named(self, tmp_path):
        path = tmp_path / "a.parquet"
        path.write_bytes(b"not Parquet")
        with pytest.raises(UnreadableFile, match=r"a\.parquet"):
            remove_visitor(path, UID)
        assert path.read_bytes() == b"not Parquet"


class TestSearch:
    def test_finds_a_name_across_two_blocks_in_any_case(self, tmp_path):
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "a.txt").write_bytes(b"x" * ((1 << 20) - 10) + UID.upper().encode() + b"x")
        (tmp_path / "b.txt").write_text("somebody else")
        assert [path.name for path in files_naming(tmp_path, UID)] == ["a.txt"]
