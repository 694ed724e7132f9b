"""Raw sessions that are too old: what is deleted and what stays, and which days nobody can make again."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pytest

from intent_platform.errors import FeedError, RawSessionsDeleted
from intent_platform.partitions import TIMEZONE, Window, clock_set_to
from intent_platform.pipeline import expiry
from intent_platform.pipeline.checks import CheckContext, all_checks
from intent_platform.pipeline.dataset import build_dataset
from intent_platform.pipeline.expiry import Expired, delete_expired, kept_from
from intent_platform.pipeline.forgetting import forget_rows, rows_naming
from intent_platform.pipeline.source import available_days, load_window
from intent_platform.platforms.ports import Connection, Platform
from intent_platform.sessions.choice import session_source
from intent_platform.sessions.landing import LandingFeed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.sessions.simulated.feed import SimulatedFeed
from intent_platform.settings.feeds import LandingSettings
from intent_platform.tables import SOURCE
from intent_platform_tests.builders.sessions import landing_rows

FIRST, KEPT, LAST = date(2024, 7, 1), date(2024, 7, 3), date(2024, 7, 4)
OLD, YOUNG, ALL = Window(FIRST, KEPT), Window(KEPT, date(2024, 7, 5)), Window(FIRST, date(2024, 7, 5))
RAW_DAYS = 7  # at noon of 10 July
FEED = SimulatedFeed(seed=0, sessions_per_day=10, first_day=FIRST, raw_days=RAW_DAYS)


@pytest.fixture(autouse=True)
def tenth_of_july() -> Iterator[None]:
    with clock_set_to(datetime(2024, 7, 10, 12, tzinfo=TIMEZONE)):
        yield


def landing_feed(folder: Path, raw_days: int | None = RAW_DAYS) -> LandingFeed:
    folder.mkdir(exist_ok=True)
    return LandingFeed(folder, FIRST, LandingSettings(quiet_seconds=0), raw_days)


def drop(feed: LandingFeed, name: str, *days: date) -> None:
    """Drop a file with ten sessions of each day and one row of the first day that breaks the contract."""
    rows = pa.concat_tables([landing_rows(day, 10) for day in days])
    broken = landing_rows(days[0], 1, seed=1)
    broken = broken.set_column(broken.column_names.index("REGION"), "REGION", pa.array(["nowhere"]))
    pa.csv.write_csv(pa.concat_tables([rows, broken]), feed.folder / name)


def load(platform: Platform, folder: Path) -> None:
    """Load ten sessions of each of four days, and build their features."""
    feed = landing_feed(folder, raw_days=None)
    for day in ALL:
        drop(feed, f"{day}.csv", day)
    load_window(platform, feed, ALL)
    build_dataset(platform, ALL, feed)


def days_of(platform: Platform, table: str) -> dict[date, int]:
    """The number of rows of each day."""
    with platform.warehouse.connect() as connection:
        found = connection.fetch(f"SELECT SESSION_DATE AS DAY, COUNT(*) AS COUNTED FROM {table} GROUP BY 1")
    return {row["DAY"]: row["COUNTED"] for row in sorted(found.to_pylist(), key=lambda row: row["DAY"])}


def contents(platform: Platform) -> dict[str, Any]:
    """The rows of raw sessions and of the record, and the features of each day."""
    with platform.warehouse.connect() as connection:
        record = connection.fetch("SELECT * FROM RAW_DELETIONS").to_pylist()
    return {"record": record, **{table: days_of(platform, table) for table in ("SOURCE", "SOURCE_REJECTED", "DATASET")}}


def expire(platform: Platform, folder: Path, run_id: str = "a-run") -> Expired:
    return delete_expired(platform, landing_feed(folder), RAW_DAYS, folder, run_id=run_id)


@pytest.fixture
def folder(platform: Platform, tmp_path: Path) -> Path:
    """The landing folder of a platform with four days, before the deletion."""
    load(platform, tmp_path / "landing")
    return tmp_path / "landing"


@pytest.fixture
def expired(platform: Platform, folder: Path) -> Expired:
    """The result of the deletion."""
    return expire(platform, folder)


class TestDeletion:
    def test_takes_the_raw_rows_of_old_days_only(self, platform, expired):
        assert expired.rows == {"SOURCE": 20, "SOURCE_REJECTED": 2}
        assert days_of(platform, "SOURCE") == {KEPT: 10, LAST: 10}
        assert days_of(platform, "SOURCE_REJECTED") == {KEPT: 1, LAST: 1}

    def test_takes_the_accepted_files_of_old_days_only(self, folder, expired):
        assert expired.files == ["2024-07-01.csv", "2024-07-02.csv"]
        assert sorted(path.name for path in (folder / "accepted").glob("*.csv")) == ["2024-07-03.csv", "2024-07-04.csv"]

    def test_leaves_the_features(self, platform, expired):
        assert days_of(platform, "DATASET") == dict.fromkeys(ALL, 10)

    def test_is_recorded_with_its_run(self, platform, expired):
        (row,) = contents(platform)["record"]
        assert (row["KEPT_FROM"], row["SESSIONS"], row["REJECTED"], row["RUN_ID"]) == (KEPT, 20, 2, "a-run")

    def test_changes_nothing_a_second_time(self, platform, folder, expired):
        before = contents(platform)
        again = expire(platform, folder, run_id="another-run")
        assert (again.rows, again.files) == ({"SOURCE": 0, "SOURCE_REJECTED": 0}, [])
        assert contents(platform) == before

    def test_of_rows_happens_completely_or_not_at_all(self, platform, folder, monkeypatch):
        before = contents(platform)
        with monkeypatch.context() as patch:
            patch.setattr(expiry, "_RECORD", expiry._RECORD.replace("RAW_DELETIONS", "NO_SUCH_TABLE"))
            with pytest.raises(Exception, match="NO_SUCH_TABLE"):
                expire(platform, folder)
        assert contents(platform) == before
        assert len([*(folder / "accepted").glob("*.csv")]) == 4

    def test_cut_off_before_the_files_is_completed(self, platform, folder, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(expiry, "delete_expired_files", lambda *_: (_ for _ in ()).throw(FeedError("cut off")))
            with pytest.raises(FeedError, match="cut off"):
                expire(platform, folder)
        assert days_of(platform, "SOURCE") == {KEPT: 10, LAST: 10}
        assert expire(platform, folder).files == ["2024-07-01.csv", "2024-07-02.csv"]

    def test_fails_no_check(self, platform, folder, expired, make_settings):
        settings, feed = make_settings(), landing_feed(folder)
        context = CheckContext(platform, settings, feed)
        checks = [check for check in all_checks(settings, feed) if check.name == "rows_match_source"]
        assert [check.judge(context).passed for check in checks] == [True]

    def test_leaves_a_table_that_somebody_else_fills(self, platform, folder, make_settings):
        observed = ObservedTable.of(make_settings(feed="table"))
        gone = delete_expired(platform, observed, RAW_DAYS, folder, run_id="a-run")
        assert gone.rows == {"SOURCE_REJECTED": 2}
        assert days_of(platform, "SOURCE") == dict.fromkeys(ALL, 10)

    def test_leaves_the_visitor_to_be_forgotten(self, platform, expired):
        visitor = str(landing_rows(FIRST, 10)["UID"][0])
        assert rows_naming(platform, visitor) == {"DATASET": 1}
        assert forget_rows(platform, visitor)["DATASET"] == 1
        assert rows_naming(platform, visitor) == {}


class TestObservedTable:
    @pytest.mark.parametrize(
        ("relation", "file", "may_be"),
        [
            (None, None, True),
            ("SHOP.SOURCE", None, True),
            ("SHOP.SESSIONS", None, False),
            (None, "elt.duckdb", False),
        ],
        ids=["default", "a qualified name", "another name", "another file"],
    )
    def test_may_be_the_platforms_own_source(self, make_settings, relation, file, may_be):
        observed = ObservedTable.of(make_settings(feed="table", table={"relation": relation, "file": file}))
        assert observed.may_be_own_source is may_be


class TestDeletedDay:
    @pytest.mark.parametrize("window", [OLD, ALL], ids=["alone", "with kept days"])
    def test_keeps_its_features(self, platform, folder, expired, window):
        before = contents(platform)
        with pytest.raises(RawSessionsDeleted, match=f"Choose days from {KEPT} on"):
            build_dataset(platform, window, landing_feed(folder))
        assert contents(platform) == before

    @pytest.mark.parametrize("raw_days", [None, 100], ids=["for ever", "longer"])
    def test_stays_deleted_when_sessions_are_kept(self, platform, folder, expired, raw_days):
        before = contents(platform)
        for source in (landing_feed(folder, raw_days), replace(FEED, raw_days=raw_days)):
            with pytest.raises(RawSessionsDeleted):
                build_dataset(platform, OLD, source)
        with pytest.raises(RawSessionsDeleted):
            load_window(platform, replace(FEED, raw_days=raw_days), OLD)
        assert contents(platform) == before

    def test_is_not_loaded_again_by_a_complete_feed(self, platform, expired):
        before = contents(platform)
        for window in (OLD, ALL):
            with pytest.raises(RawSessionsDeleted, match=r"retention\.raw_days"):
                load_window(platform, FEED, window)
        assert contents(platform) == before
        assert load_window(platform, FEED, YOUNG).counts.accepted > 0

    def test_is_not_among_the_days_of_the_feed(self, platform, expired):
        assert available_days(platform, replace(FEED, raw_days=None)) == Window(KEPT, date(2024, 7, 10))

    def test_leaves_no_day_if_all_are_deleted(self, platform, expired):
        with pytest.raises(FeedError, match=f"before {KEPT}"):
            available_days(platform, replace(FEED, today=lambda: KEPT))

    @pytest.mark.parametrize("raw_days", [RAW_DAYS, None], ids=["by the setting", "by the record"])
    def test_is_rejected_in_a_late_file_and_deleted(self, platform, folder, expired, raw_days):
        feed = landing_feed(folder, raw_days)
        drop(feed, "late.csv", FIRST, KEPT)
        counts = load_window(platform, feed, ALL).counts
        assert (counts.received, counts.accepted, counts.rejected) == (21, 10, 11)
        assert days_of(platform, "SOURCE_REJECTED")[FIRST] == 11
        with platform.warehouse.connect() as connection:
            reasons = connection.fetch("SELECT REASONS FROM SOURCE_REJECTED WHERE SESSION_DATE < :kept", kept=KEPT)
        assert all(f"outside [{KEPT}, 2024-07-11)" in str(reason) for reason in reasons["REASONS"])
        assert expire(platform, folder).rows == {"SOURCE": 0, "SOURCE_REJECTED": 11}

    def test_keeps_its_features_if_it_is_deleted_meanwhile(self, platform, folder, monkeypatch):
        """Another connection deletes the raw sessions before the SELECT and after the old features are deleted."""
        before = days_of(platform, "DATASET")
        refill = build_dataset.__globals__["refill_window"]

        def deleted_meanwhile(connection: Connection, *arguments: Any) -> int:
            expiry._delete_rows(connection, [SOURCE], KEPT, "r")
            return int(refill(connection, *arguments))

        monkeypatch.setitem(build_dataset.__globals__, "refill_window", deleted_meanwhile)
        with pytest.raises(RawSessionsDeleted):
            build_dataset(platform, OLD, landing_feed(folder, None))
        assert days_of(platform, "DATASET") == before


class TestFirstKeptDay:
    def test_is_that_of_the_setting_before_a_deletion(self, platform):
        with platform.warehouse.connect() as connection:
            assert kept_from(connection, RAW_DAYS) == KEPT
            assert kept_from(connection, None) == date.min

    def test_never_goes_back(self, platform, expired):
        with platform.warehouse.connect() as connection:
            assert [kept_from(connection, days) for days in (None, 100, RAW_DAYS)] == [KEPT] * 3
            assert kept_from(connection, 6) == LAST


def test_setting_reaches_every_source(make_settings):
    for feed in ("landing", "simulated", "uci", "table"):
        settings = make_settings(feed=feed, retention={"raw_days": 500})
        assert session_source(settings).raw_days == 500
