import os
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from intent_platform.partitions import TIMEZONE, Window, clock_set_to
from intent_platform.sessions import file_scans
from intent_platform.sessions.contract import RawBatch, ValidatedBatch, validate
from intent_platform.sessions.landing import LandingFeed
from intent_platform.settings.feeds import LandingSettings
from intent_platform.tables import SESSION_COLUMNS
from intent_platform_tests.builders.sessions import landing_rows

NAMES = [column.name for column in SESSION_COLUMNS]
TODAY = date(2024, 5, 20)
MONDAY, TUESDAY = date(2024, 5, 13), date(2024, 5, 14)
AT_ONCE = LandingSettings(done_files=False, quiet_seconds=0)
PAST = Window(date(2024, 1, 1), TODAY)


@pytest.fixture(autouse=True)
def _clock():
    with clock_set_to(datetime(2024, 5, 20, 12, tzinfo=TIMEZONE)):
        yield


@pytest.fixture
def feed(tmp_path):
    folder = tmp_path / "landing"
    folder.mkdir()
    return LandingFeed(folder, date(2024, 1, 1), AT_ONCE)


def drop(feed: LandingFeed, name: str, rows: pa.Table) -> Path:
    path = feed.folder / name
    parquet.write_table(rows, path) if path.suffix.lower() == ".parquet" else csv.write_csv(rows, path)
    return path


def one_day(window_start: date) -> Window:
    return Window(window_start, window_start + timedelta(days=1))


def take(feed: LandingFeed, window: Window) -> list[RawBatch]:
    with feed.deliver(window) as batches:
        return list(batches)


def uids(received: list[RawBatch]) -> list[str]:
    return [uid for batch in received for uid in batch.rows["UID"].to_pylist()]


def waiting(feed: LandingFeed) -> list[str]:
    return sorted(path.name for path in feed.folder.iterdir() if path.is_file())


def accepted_files(feed: LandingFeed) -> list[str]:
    folder = feed.folder / "accepted"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def validated(feed: LandingFeed, received: list[RawBatch]) -> list[ValidatedBatch]:
    return [validate(batch, feed.accepted_days()) for batch in received]


@pytest.mark.parametrize("name", ["monday.csv", "monday.parquet", "MONDAY.CSV", "Monday.Parquet"])
def test_a_file_is_delivered_whole_and_then_moved(feed, name):
    rows = landing_rows(MONDAY, 30)
    drop(feed, name, rows)
    received = take(feed, one_day(MONDAY))
    assert pa.concat_tables([batch.rows for batch in received]).equals(rows.select(NAMES))
    assert {batch.origin for batch in received} == {name}
    assert sum(batch.accepted.num_rows for batch in validated(feed, received)) == 30
    assert (waiting(feed), accepted_files(feed)) == ([], [name])
    assert feed.pending() == []
    assert take(feed, one_day(MONDAY)) == []


def test_a_csv_file_and_a_typed_parquet_file_give_the_same_sessions(feed):
    drop(feed, "text.csv", landing_rows(MONDAY, 50))
    (text,) = validated(feed, take(feed, PAST))
    drop(feed, "typed.parquet", text.accepted)
    (typed,) = validated(feed, take(feed, PAST))
    assert typed.accepted.select(NAMES).equals(text.accepted.select(NAMES))


def test_after_a_failure_every_file_still_waits(feed):
    drop(feed, "a.csv", landing_rows(MONDAY, 3))
    drop(feed, "b.parquet", landing_rows(MONDAY, 3, seed=1))

    def fail_halfway() -> None:
        with feed.deliver(PAST) as batches:
            next(batches)
            raise RuntimeError("the warehouse is gone")

    with pytest.raises(RuntimeError, match="the warehouse is gone"):
        fail_halfway()
    assert (waiting(feed), accepted_files(feed)) == (["a.csv", "b.parquet"], [])
    assert len(uids(take(feed, PAST))) == 6


def test_the_same_file_twice_gives_the_same_sessions_and_is_kept_once(feed):
    rows = landing_rows(MONDAY, 5)
    drop(feed, "monday.csv", rows)
    first = take(feed, PAST)
    drop(feed, "monday.csv", rows)
    assert uids(take(feed, PAST)) == uids(first)
    assert (waiting(feed), accepted_files(feed)) == ([], ["monday.csv"])


def test_a_name_that_is_taken_by_other_content_loses_neither_file(feed):
    for seed in range(3):
        drop(feed, "sessions.csv", landing_rows(MONDAY, 5, seed=seed))
        take(feed, PAST)
    kept = accepted_files(feed)
    assert len(kept) == 3
    assert "sessions.csv" in kept
    assert all(name.startswith("sessions") and name.endswith(".csv") for name in kept)
    assert len({(feed.folder / "accepted" / name).read_bytes() for name in kept}) == 3


def test_a_file_that_changes_while_it_is_read_stays_and_comes_again(feed):
    path = drop(feed, "monday.csv", landing_rows(MONDAY, 5))
    with feed.deliver(PAST) as batches:
        assert len(uids(list(batches))) == 5
        drop(feed, "monday.csv", landing_rows(MONDAY, 8))
    assert (waiting(feed), accepted_files(feed)) == ([path.name], [])
    assert len(uids(take(feed, PAST))) == 8


def test_a_file_that_changes_before_it_is_read_is_not_delivered(feed):
    drop(feed, "monday.csv", landing_rows(MONDAY, 5))
    with feed.deliver(one_day(MONDAY)) as batches:
        drop(feed, "monday.csv", landing_rows(TUESDAY, 8))
        assert list(batches) == []
    assert (waiting(feed), accepted_files(feed)) == (["monday.csv"], [])
    assert len(uids(take(feed, one_day(TUESDAY)))) == 8


def test_a_file_that_is_taken_away_while_it_is_read_ends_nothing(feed):
    path = drop(feed, "monday.csv", landing_rows(MONDAY, 5))
    with feed.deliver(PAST) as batches:
        assert len(uids(list(batches))) == 5
        path.unlink()
    assert accepted_files(feed) == []


def test_a_file_of_two_days_waits_for_a_window_that_covers_both(feed):
    drop(feed, "both.csv", pa.concat_tables([landing_rows(MONDAY, 2), landing_rows(TUESDAY, 3)]))
    assert [file.span for file in feed.pending()] == [Window(MONDAY, date(2024, 5, 15))]
    for too_narrow in (one_day(MONDAY), one_day(TUESDAY), Window(TUESDAY, TODAY), Window(MONDAY, MONDAY)):
        assert take(feed, too_narrow) == []
        assert [sentence.split()[0] for sentence in feed.deferred(too_narrow)] == ["both.csv"]
    assert len(uids(take(feed, Window(MONDAY, date(2024, 5, 15))))) == 5


def test_a_window_takes_its_own_files_only(feed):
    drop(feed, "monday.csv", landing_rows(MONDAY, 2))
    drop(feed, "tuesday.parquet", landing_rows(TUESDAY, 3))
    assert {batch.origin for batch in take(feed, one_day(TUESDAY))} == {"tuesday.parquet"}
    assert (waiting(feed), accepted_files(feed)) == (["monday.csv"], ["tuesday.parquet"])


@pytest.mark.parametrize("day", ["", "soon", "2024-02-30", "2031-01-01", "2024-05-21", "2023-12-31", "0000-01-01"])
@pytest.mark.parametrize("name", ["monday.csv", "monday.parquet"])
def test_rows_of_impossible_days_hold_no_file_back_and_are_rejected(feed, day, name):
    odd = landing_rows(TUESDAY, 2)
    odd = odd.set_column(odd.schema.get_field_index("SESSION_DATE"), "SESSION_DATE", pa.array([day] * 2))
    drop(feed, name, pa.concat_tables([landing_rows(MONDAY, 3), odd]))
    assert [file.span for file in feed.pending()] == [one_day(MONDAY)]
    (batch,) = validated(feed, take(feed, one_day(MONDAY)))
    assert (batch.accepted.num_rows, batch.rejected.num_rows) == (3, 2)
    assert all("SESSION_DATE" in why for why in batch.rejected["REASONS"].to_pylist())
    assert accepted_files(feed) == [name]


def test_a_file_without_any_possible_day_is_taken_by_every_window_and_rejected(feed):
    rows = landing_rows(date(2031, 1, 1), 4)
    drop(feed, "future.csv", rows)
    assert [file.span for file in feed.pending()] == [None]
    (batch,) = validated(feed, take(feed, one_day(MONDAY)))
    assert (batch.accepted.num_rows, batch.rejected.num_rows) == (0, 4)


def test_sessions_of_today_make_the_file_wait_until_the_day_is_over(feed):
    drop(feed, "today.csv", pa.concat_tables([landing_rows(MONDAY, 2), landing_rows(TODAY, 3)]))
    assert take(feed, PAST) == []
    with clock_set_to(datetime(2024, 5, 21, 5, tzinfo=TIMEZONE)):
        (batch,) = validated(feed, take(feed, Window(MONDAY, date(2024, 5, 21))))
    assert batch.accepted.num_rows == 5


def test_only_files_of_the_two_kinds_directly_in_the_folder_are_seen(feed):
    rows = landing_rows(MONDAY, 2)
    for name in (".hidden.csv", ".upload.parquet", "notes.txt", "monday.csv.part", "csv"):
        (feed.folder / name).write_text("UID\n")
    for folder in ("accepted", "sub", "folder.csv"):
        (feed.folder / folder).mkdir()
        csv.write_csv(rows, feed.folder / folder / "inner.csv")
    assert feed.pending() == []
    assert take(feed, PAST) == []


@pytest.mark.parametrize("name", ["monday.csv", "monday.parquet"])
def test_other_columns_are_kept_out_and_named(feed, name):
    rows = landing_rows(MONDAY, 2)
    drop(feed, name, rows.append_column("user, agent", pa.array(["a", "b"])).append_column("Note", pa.array(["", ""])))
    (batch,) = take(feed, PAST)
    assert batch.rows.column_names == NAMES
    assert batch.ignored_columns == ("Note", "user, agent")
    assert validated(feed, [batch])[0].accepted.num_rows == 2


@pytest.mark.parametrize("name", ["monday.csv", "monday.parquet"])
def test_columns_are_found_in_any_case_and_order(feed, name):
    rows = landing_rows(MONDAY, 4)
    spelt = [column.title() if n % 2 else f" {column.lower()} " for n, column in enumerate(rows.column_names)]
    drop(feed, name, rows.rename_columns(spelt).select(spelt[::-1]))
    (batch,) = take(feed, PAST)
    assert batch.rows.equals(rows.select(NAMES))
    assert batch.ignored_columns == ()


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(feed):
    rows = landing_rows(MONDAY, 4)
    path = drop(feed, "monday.csv", rows)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    (batch,) = take(feed, PAST)
    assert batch.rows.equals(rows.select(NAMES))


def refusal(feed: LandingFeed) -> str:
    """What is said of the one unreadable file; it stays, and another one is taken all the same."""
    (fault,) = feed.unreadable()
    before = waiting(feed)
    drop(feed, "good.csv", landing_rows(TUESDAY, 4))
    assert len(uids(take(feed, PAST))) == 4
    assert (waiting(feed), accepted_files(feed)) == (before, ["good.csv"])
    assert "\n" not in fault
    return fault


@pytest.mark.parametrize("name", ["monday.csv", "monday.parquet"])
def test_a_file_that_lacks_columns_is_refused_by_name(feed, name):
    path = drop(feed, name, landing_rows(MONDAY, 2).drop_columns(["REVENUE", "BROWSER"]))
    assert refusal(feed).startswith(f"{path} has no column BROWSER, REVENUE")


@pytest.mark.parametrize("name", ["monday.csv", "monday.parquet"])
def test_a_column_that_comes_twice_is_refused_by_name(feed, name):
    rows = landing_rows(MONDAY, 2)
    path = drop(feed, name, rows.append_column("Browser", rows["BROWSER"]))
    assert refusal(feed).startswith(f"{path} has the column BROWSER more than once")


@pytest.mark.parametrize("name", ["monday.csv", "monday.parquet"])
def test_a_file_that_is_cut_off_is_refused_by_name(feed, name):
    path = drop(feed, name, landing_rows(MONDAY, 200))
    os.truncate(path, path.stat().st_size - 60)
    assert refusal(feed).startswith(f"{path} cannot be read as a table")


@pytest.mark.parametrize("name", ["monday.csv", "monday.parquet"])
@pytest.mark.parametrize("content", [b"", b"\n", b"\x89PNG\r\n\x1a\n\x00\xff\xfe" * 50, b"PAR1" * 9], ids=repr)
def test_a_file_that_is_no_table_is_refused_by_name(feed, name, content):
    path = feed.folder / name
    path.write_bytes(content)
    assert refusal(feed).startswith(str(path))


def test_text_in_another_encoding_is_refused_by_name(feed):
    path = drop(feed, "monday.csv", landing_rows(MONDAY, 3))
    path.write_bytes(path.read_bytes().replace(b"May", "März".encode("latin-1")))
    assert refusal(feed).startswith(f"{path} cannot be read")


@pytest.mark.parametrize("name", ["monday.csv", "monday.parquet"])
def test_a_file_of_a_header_alone_holds_no_sessions_and_is_moved(feed, name):
    drop(feed, name, landing_rows(MONDAY, 1).slice(0, 0))
    assert uids(take(feed, PAST)) == []
    assert accepted_files(feed) == [name]


def test_a_file_waits_for_its_done_file_when_the_settings_ask_for_one(feed):
    patient = replace(feed, settings=LandingSettings(done_files=True, quiet_seconds=0))
    path = drop(patient, "monday.csv", landing_rows(MONDAY, 4))
    assert (patient.pending(), take(patient, PAST)) == ([], [])
    path.with_name("monday.csv.done").touch()
    assert len(uids(take(patient, PAST))) == 4
    assert (waiting(patient), accepted_files(patient)) == ([], ["monday.csv"])


def test_a_file_that_is_still_being_written_is_left_alone_and_lost_to_nobody(feed):
    careful = replace(feed, settings=LandingSettings(done_files=False, quiet_seconds=60))
    rows = landing_rows(MONDAY, 40)
    path = drop(careful, "monday.csv", rows.slice(0, 20))
    assert take(careful, PAST) == []
    drop(careful, "monday.csv", rows)
    os.utime(path, (path.stat().st_mtime - 61,) * 2)
    assert len(uids(take(careful, PAST))) == 40


def test_a_file_is_read_through_once_however_often_it_is_looked_at(feed, monkeypatch):
    drop(feed, "monday.csv", landing_rows(MONDAY, 4))
    first = feed.pending()
    monkeypatch.setattr(file_scans, "read_batches", lambda *_: pytest.fail("read again"))
    assert feed.pending() == first


def test_nothing_waits_where_no_folder_is(tmp_path):
    feed = LandingFeed(tmp_path / "absent", date(2024, 1, 1), AT_ONCE)
    assert feed.pending() == []
    assert take(feed, PAST) == []
    assert not feed.folder.exists()


def test_possible_days_reach_from_the_first_partition_to_today(feed):
    assert feed.accepted_days() == Window(date(2024, 1, 1), date(2024, 5, 21))
    assert LandingFeed(feed.folder, date(2030, 1, 1), AT_ONCE).accepted_days() == Window(
        date(2024, 5, 21), date(2024, 5, 21)
    )
