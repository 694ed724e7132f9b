"""How landing files are read, and why some of them are refused."""

import os
from datetime import datetime
from uuid import UUID

import pyarrow as pa
import pytest

from intent_platform.sessions import files
from intent_platform.sessions.landing import LandingFeed
from intent_platform_tests.builders.sessions import landing_rows
from intent_platform_tests.sessions.landing_folder import (
    MONDAY,
    NAMES,
    PAST,
    TUESDAY,
    accepted_files,
    drop,
    in_both_formats,
    take,
    uids,
    validated,
    waiting_files,
)


class TestFormat:
    def test_csv_and_typed_parquet_give_the_same_sessions(self, landing):
        drop(landing, "text.csv", landing_rows(MONDAY, 50))
        (text,) = validated(landing, take(landing, PAST))
        drop(landing, "typed.parquet", text.accepted)
        (typed,) = validated(landing, take(landing, PAST))
        assert typed.accepted.select(NAMES).equals(text.accepted.select(NAMES))

    def test_byte_order_mark_and_windows_lines_change_nothing(self, landing):
        rows = landing_rows(MONDAY, 4)
        path = drop(landing, "monday.csv", rows)
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
        (batch,) = take(landing, PAST)
        assert batch.rows.equals(rows.select(NAMES))

    @in_both_formats
    def test_a_file_with_a_header_alone_is_moved(self, landing, name):
        drop(landing, name, landing_rows(MONDAY, 1).slice(0, 0))
        assert uids(take(landing, PAST)) == []
        assert accepted_files(landing) == [name]


@in_both_formats
class TestColumns:
    def test_unknown_ones_are_left_out_and_named(self, landing, name):
        rows = landing_rows(MONDAY, 2)
        rows = rows.append_column("user, agent", pa.array(["a", "b"])).append_column("Note", pa.array(["", ""]))
        drop(landing, name, rows)
        (batch,) = take(landing, PAST)
        assert batch.rows.column_names == NAMES
        assert batch.ignored_columns == ("Note", "user, agent")
        assert validated(landing, [batch])[0].accepted.num_rows == 2

    def test_are_found_in_any_case_and_order(self, landing, name):
        rows = landing_rows(MONDAY, 4)
        spelt = [column.title() if n % 2 else f" {column.lower()} " for n, column in enumerate(rows.column_names)]
        drop(landing, name, rows.rename_columns(spelt).select(spelt[::-1]))
        (batch,) = take(landing, PAST)
        assert batch.rows.equals(rows.select(NAMES))
        assert batch.ignored_columns == ()


class TestLineBreaks:
    def test_within_quotes_are_allowed_anywhere(self, landing, monkeypatch):
        monkeypatch.setattr(files, "_BLOCK_BYTES", 1000)  # so that some blocks end within quotes
        rows = landing_rows(MONDAY, 40)
        noted = pa.table({"first\nnote": ["line one\nline two"] * 40} | {name: rows[name] for name in NAMES})
        drop(landing, "monday.csv", noted)
        received = take(landing, PAST)
        assert pa.concat_tables([batch.rows for batch in received]).equals(rows.select(NAMES))


class TestParquetTypes:
    def load(self, landing: LandingFeed, name: str, cells: pa.Array) -> tuple[int, int]:
        """How many of three rows are accepted and rejected if `cells` are the column `name`."""
        rows = landing_rows(MONDAY, 3)
        drop(landing, "monday.parquet", rows.set_column(rows.column_names.index(name), name, cells))
        (batch,) = validated(landing, take(landing, PAST))
        assert (landing.unreadable(), accepted_files(landing)) == ([], ["monday.parquet"])
        return batch.accepted.num_rows, batch.rejected.num_rows

    TEXT = pa.array(["Other", "Other", "New_Visitor"])

    @pytest.mark.parametrize(
        "kind",
        [
            *(pa.string_view(), pa.large_string(), pa.binary(), pa.large_binary(), pa.binary_view()),
            pa.dictionary(pa.int32(), pa.string()),
        ],
        ids=str,
    )
    def test_of_text_are_accepted(self, landing, kind):
        assert self.load(landing, "VISITORTYPE", self.TEXT.cast(kind)) == (3, 0)

    @pytest.mark.parametrize("kind", [pa.float16(), pa.decimal64(5, 2), pa.decimal256(40, 2), pa.uint8()], ids=str)
    def test_of_numbers_are_accepted(self, landing, kind):
        assert self.load(landing, "BROWSER", pa.array([1, 2, 3], pa.int8()).cast(kind)) == (3, 0)

    def test_of_uuids_are_accepted(self, landing):
        cells = pa.array([UUID(int=number, version=4).bytes for number in range(3)], pa.uuid())
        assert self.load(landing, "UID", cells) == (3, 0)

    @pytest.mark.parametrize("name", ["UID", "SESSION_DATE", "BROWSER", "PAGEVALUES", "WEEKEND", "MONTH"])
    @pytest.mark.parametrize(
        "cells",
        [
            pa.array([[1], [], None]),
            pa.array([{"a": {"b": [1]}}] * 3),
            pa.array([[("a", 1)]] * 3, pa.map_(pa.string(), pa.int64())),
            pa.array([b"\xff", b"", None], pa.binary_view()),
            pa.array([1_000] * 3, pa.duration("us")),
            pa.array([2**62] * 3, pa.timestamp("us", "Asia/Tokyo")),
        ],
        ids=lambda cells: str(cells.type),
    )
    def test_of_other_cells_are_rejected(self, landing, name, cells):
        assert self.load(landing, name, cells) == (0, 3)


class TestRefusal:
    def fault(self, feed: LandingFeed) -> str:
        """The sentence about the one unreadable file. It stays, and another file is loaded nevertheless."""
        (fault,) = feed.unreadable()
        before = waiting_files(feed)
        drop(feed, "good.csv", landing_rows(TUESDAY, 4))
        assert len(uids(take(feed, PAST))) == 4
        assert (waiting_files(feed), accepted_files(feed)) == (before, ["good.csv"])
        assert "\n" not in fault
        return fault

    @in_both_formats
    def test_names_missing_columns(self, landing, name):
        path = drop(landing, name, landing_rows(MONDAY, 2).drop_columns(["REVENUE", "BROWSER"]))
        assert self.fault(landing).startswith(f"{path} has no column BROWSER, REVENUE")

    @in_both_formats
    def test_names_a_column_that_occurs_twice(self, landing, name):
        rows = landing_rows(MONDAY, 2)
        path = drop(landing, name, rows.append_column("Browser", rows["BROWSER"]))
        assert self.fault(landing).startswith(f"{path} has the column BROWSER more than once")

    @in_both_formats
    def test_names_a_truncated_file(self, landing, name):
        path = drop(landing, name, landing_rows(MONDAY, 200))
        os.truncate(path, path.stat().st_size - 60)
        assert self.fault(landing).startswith(f"{path} cannot be read as a table")

    @in_both_formats
    @pytest.mark.parametrize(
        "content",
        [b"", b"\n", b"\x89PNG\r\n\x1a\n\x00\xff\xfe" * 50, b"PAR1" * 9],
        ids=["empty", "a line break", "an image", "Parquet's magic bytes"],
    )
    def test_names_a_file_that_is_not_a_table(self, landing, name, content):
        path = landing.folder / name
        path.write_bytes(content)
        assert self.fault(landing).startswith(str(path))

    def test_names_a_file_in_another_encoding(self, landing):
        path = drop(landing, "monday.csv", landing_rows(MONDAY, 3))
        path.write_bytes(path.read_bytes().replace(b"May", "März".encode("latin-1")))
        assert self.fault(landing).startswith(f"{path} cannot be read")

    @pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
    def test_names_a_parquet_file_in_another_encoding(self, landing, kind):
        cells = pa.array(["März".encode("latin-1")] * 3).cast(
            pa.binary_view() if kind == pa.string_view() else pa.binary()
        )
        rows = landing_rows(MONDAY, 3)
        path = drop(
            landing,
            "monday.parquet",
            rows.set_column(rows.column_names.index("MONTH"), "MONTH", cells.cast(kind, safe=False)),
        )
        assert self.fault(landing).startswith(f"{path} cannot be read as a table (In column 12: Invalid: Invalid UTF8")

    @pytest.mark.parametrize("name", ["SESSION_DATE", "UID", "PAGEVALUES", "WEEKEND", "MONTH"])
    def test_names_a_file_with_an_unknown_time_zone(self, landing, name):
        times = pa.array([datetime(2024, 5, 13)] * 3, pa.timestamp("us", "Mars/Base"))  # noqa: DTZ001  the column has it
        rows = landing_rows(MONDAY, 3)
        path = drop(landing, "monday.parquet", rows.set_column(rows.column_names.index(name), name, times))
        assert self.fault(landing).startswith(f"{path} cannot be read as a table (Cannot locate or parse timezone")

    @pytest.mark.parametrize(
        "raised", [MemoryError(), LookupError("x"), OverflowError("x")], ids=lambda e: str(type(e))
    )
    def test_names_a_file_whatever_it_makes_arrow_raise(self, landing, monkeypatch, raised):
        def refused(*_: object) -> None:
            raise raised

        path = drop(landing, "monday.parquet", landing_rows(MONDAY, 3))
        monkeypatch.setattr(files, "plain", refused)
        assert self.fault(landing).startswith(f"{path} cannot be read as a table")
