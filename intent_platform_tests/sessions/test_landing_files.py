"""How landing files are read, and why some of them are refused."""

import os

import pyarrow as pa
import pytest

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
