"""Which files of the landing folder a load takes, and what happens to them."""

import os
from dataclasses import replace
from datetime import date, datetime

import pyarrow as pa
import pytest
from pyarrow import csv

from intent_platform.partitions import TIMEZONE, Window, clock_set_to
from intent_platform.sessions.landing import LandingFeed
from intent_platform.settings.feeds import LandingSettings
from intent_platform_tests.builders.sessions import landing_rows
from intent_platform_tests.sessions.landing_folder import (
    AT_ONCE,
    FIRST_DAY,
    MONDAY,
    NAMES,
    PAST,
    TODAY,
    TUESDAY,
    accepted_files,
    drop,
    in_both_formats,
    one_day,
    take,
    uids,
    validated,
    waiting_files,
)


@pytest.mark.parametrize("name", ["monday.csv", "monday.parquet", "MONDAY.CSV", "Monday.Parquet"])
class TestDelivery:
    rows = landing_rows(MONDAY, 30)

    def test_has_every_row_and_the_name_of_the_file(self, landing, name):
        drop(landing, name, self.rows)
        received = take(landing, one_day(MONDAY))
        assert pa.concat_tables([batch.rows for batch in received]).equals(self.rows.select(NAMES))
        assert {batch.origin for batch in received} == {name}

    def test_is_accepted_by_the_contract(self, landing, name):
        drop(landing, name, self.rows)
        received = take(landing, one_day(MONDAY))
        assert sum(batch.accepted.num_rows for batch in validated(landing, received)) == 30

    def test_moves_the_file(self, landing, name):
        drop(landing, name, self.rows)
        take(landing, one_day(MONDAY))
        assert (waiting_files(landing), accepted_files(landing)) == ([], [name])

    def test_happens_once(self, landing, name):
        drop(landing, name, self.rows)
        take(landing, one_day(MONDAY))
        assert landing.pending() == []
        assert take(landing, one_day(MONDAY)) == []


class TestFailedLoad:
    @pytest.fixture
    def failed(self, landing: LandingFeed) -> LandingFeed:
        """The folder after a load that failed between two files."""
        drop(landing, "a.csv", landing_rows(MONDAY, 3))
        drop(landing, "b.parquet", landing_rows(MONDAY, 3, seed=1))

        def load_halfway() -> None:
            with landing.deliver(PAST) as batches:
                next(batches)
                raise RuntimeError("the warehouse is gone")

        with pytest.raises(RuntimeError, match="the warehouse is gone"):
            load_halfway()
        return landing

    def test_leaves_every_file(self, failed):
        assert (waiting_files(failed), accepted_files(failed)) == (["a.csv", "b.parquet"], [])

    def test_can_be_repeated(self, failed):
        assert len(uids(take(failed, PAST))) == 6


class TestFileThatChangesDuringALoad:
    def test_is_loaded_again_if_it_changes_after_it_was_read(self, landing):
        drop(landing, "monday.csv", landing_rows(MONDAY, 5))
        with landing.deliver(PAST) as batches:
            assert len(uids(list(batches))) == 5
            drop(landing, "monday.csv", landing_rows(MONDAY, 8))
        assert (waiting_files(landing), accepted_files(landing)) == (["monday.csv"], [])
        assert len(uids(take(landing, PAST))) == 8

    def test_is_not_delivered_if_it_changes_before_it_is_read(self, landing):
        drop(landing, "monday.csv", landing_rows(MONDAY, 5))
        with landing.deliver(one_day(MONDAY)) as batches:
            drop(landing, "monday.csv", landing_rows(TUESDAY, 8))
            assert list(batches) == []
        assert (waiting_files(landing), accepted_files(landing)) == (["monday.csv"], [])
        assert len(uids(take(landing, one_day(TUESDAY)))) == 8

    def test_is_not_moved_if_it_was_not_delivered(self, landing):
        path = drop(landing, "monday.csv", landing_rows(MONDAY, 5))
        with landing.deliver(PAST) as batches:
            elsewhere = path.rename(landing.folder / ".monday.csv")
            assert list(batches) == []
            elsewhere.rename(path)
        assert (waiting_files(landing), accepted_files(landing)) == (["monday.csv"], [])

    def test_may_disappear_without_an_error(self, landing):
        path = drop(landing, "monday.csv", landing_rows(MONDAY, 5))
        with landing.deliver(PAST) as batches:
            assert len(uids(list(batches))) == 5
            path.unlink()
        assert accepted_files(landing) == []


class TestWindow:
    def test_takes_only_its_own_files(self, landing):
        drop(landing, "monday.csv", landing_rows(MONDAY, 2))
        drop(landing, "tuesday.parquet", landing_rows(TUESDAY, 3))
        assert {batch.origin for batch in take(landing, one_day(TUESDAY))} == {"tuesday.parquet"}
        assert (waiting_files(landing), accepted_files(landing)) == (["monday.csv"], ["tuesday.parquet"])

    @pytest.fixture
    def of_two_days(self, landing: LandingFeed) -> LandingFeed:
        """The folder with one file, which has sessions of Monday and of Tuesday."""
        drop(landing, "both.csv", pa.concat_tables([landing_rows(MONDAY, 2), landing_rows(TUESDAY, 3)]))
        return landing

    @pytest.mark.parametrize(
        "too_narrow",
        [one_day(MONDAY), one_day(TUESDAY), Window(TUESDAY, TODAY), Window(MONDAY, MONDAY)],
        ids=["Monday", "Tuesday", "from Tuesday", "empty"],
    )
    def test_that_covers_a_part_of_a_file_defers_it(self, of_two_days, too_narrow):
        assert take(of_two_days, too_narrow) == []
        assert [sentence.split()[0] for sentence in of_two_days.deferred(too_narrow)] == ["both.csv"]

    def test_that_covers_all_days_of_a_file_takes_it(self, of_two_days):
        both_days = Window(MONDAY, date(2024, 5, 15))
        assert [file.span for file in of_two_days.pending()] == [both_days]
        assert len(uids(take(of_two_days, both_days))) == 5


class TestAcceptedDays:
    def test_reach_from_the_first_partition_to_today(self, landing):
        assert landing.accepted_days() == Window(FIRST_DAY, date(2024, 5, 21))

    def test_are_none_before_the_first_partition(self, landing):
        from_2030 = LandingFeed(landing.folder, date(2030, 1, 1), AT_ONCE)
        assert from_2030.accepted_days() == Window(date(2024, 5, 21), date(2024, 5, 21))

    @pytest.mark.parametrize(
        "day",
        ["", "soon", "2024-02-30", "2031-01-01", "2024-05-21", "2023-12-31", "0000-01-01"],
        ids=lambda day: day or "empty",
    )
    @in_both_formats
    def test_rows_of_other_days_are_rejected_without_delay(self, landing, day, name):
        odd = landing_rows(TUESDAY, 2)
        odd = odd.set_column(odd.schema.get_field_index("SESSION_DATE"), "SESSION_DATE", pa.array([day] * 2))
        drop(landing, name, pa.concat_tables([landing_rows(MONDAY, 3), odd]))
        assert [file.span for file in landing.pending()] == [one_day(MONDAY)]
        (batch,) = validated(landing, take(landing, one_day(MONDAY)))
        assert (batch.accepted.num_rows, batch.rejected.num_rows) == (3, 2)
        assert all("SESSION_DATE" in why for why in batch.rejected["REASONS"].to_pylist())
        assert accepted_files(landing) == [name]

    @pytest.mark.parametrize("window", [one_day(MONDAY), PAST], ids=["one day", "all past days"])
    def test_a_file_without_any_is_rejected_by_every_window(self, landing, window):
        drop(landing, "future.csv", landing_rows(date(2031, 1, 1), 4))
        assert [file.span for file in landing.pending()] == [None]
        (batch,) = validated(landing, take(landing, window))
        assert (batch.accepted.num_rows, batch.rejected.num_rows) == (0, 4)
        assert accepted_files(landing) == ["future.csv"]

    def test_a_file_with_sessions_of_today_waits_until_tomorrow(self, landing):
        drop(landing, "today.csv", pa.concat_tables([landing_rows(MONDAY, 2), landing_rows(TODAY, 3)]))
        assert take(landing, PAST) == []
        with clock_set_to(datetime(2024, 5, 21, 5, tzinfo=TIMEZONE)):
            (batch,) = validated(landing, take(landing, Window(MONDAY, date(2024, 5, 21))))
        assert batch.accepted.num_rows == 5


class TestPendingFiles:
    def test_are_directly_in_the_folder_and_not_hidden(self, landing):
        for name in (".hidden.csv", ".upload.parquet", "monday.csv.done"):
            (landing.folder / name).write_text("UID\n")
        for folder in ("accepted", "sub", "folder.csv"):
            (landing.folder / folder).mkdir()
            csv.write_csv(landing_rows(MONDAY, 2), landing.folder / folder / "inner.csv")
        assert landing.pending() == []
        assert take(landing, PAST) == []

    def test_do_not_exist_without_the_folder(self, tmp_path):
        feed = LandingFeed(tmp_path / "absent", FIRST_DAY, AT_ONCE)
        assert feed.pending() == []
        assert take(feed, PAST) == []
        assert not feed.folder.exists()

    def test_have_a_done_file_if_the_settings_ask_for_one(self, landing):
        with_done_files = replace(landing, settings=LandingSettings(done_files=True, quiet_seconds=0))
        path = drop(with_done_files, "monday.csv", landing_rows(MONDAY, 4))
        assert (with_done_files.pending(), take(with_done_files, PAST)) == ([], [])
        path.with_name("monday.csv.done").touch()
        assert len(uids(take(with_done_files, PAST))) == 4
        assert (waiting_files(with_done_files), accepted_files(with_done_files)) == ([], ["monday.csv"])

    def test_were_not_written_to_for_the_quiet_seconds(self, landing):
        quiet = replace(landing, settings=LandingSettings(done_files=False, quiet_seconds=60))
        rows = landing_rows(MONDAY, 40)
        path = drop(quiet, "monday.csv", rows.slice(0, 20))
        assert take(quiet, PAST) == []
        drop(quiet, "monday.csv", rows)
        os.utime(path, (path.stat().st_mtime - 61,) * 2)
        assert len(uids(take(quiet, PAST))) == 40
