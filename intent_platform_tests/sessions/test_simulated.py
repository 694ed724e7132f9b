"""Simulated sessions are reproducible, valid, and similar to those of UCI."""

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import csv

from intent_platform.partitions import Window
from intent_platform.sessions.contract import RawBatch, validate
from intent_platform.sessions.simulated.feed import SimulatedFeed
from intent_platform.sessions.simulated.seasons import closeness
from intent_platform.sessions.simulated.sessions import BLOCK_ROWS
from intent_platform_tests.builders.simulated import DAY, FIRST_DAY, TODAY, day_of, feed_of, rows_of

WEEK = Window(DAY, DAY + timedelta(days=7))


def keys(rows: pa.Table) -> list[tuple[str, date]]:
    return list(zip(rows["UID"].to_pylist(), rows["SESSION_DATE"].to_pylist(), strict=True))


class TestDay:
    @pytest.fixture(scope="class")
    @classmethod
    def week(cls) -> pa.Table:
        return rows_of(feed_of(), WEEK)

    def test_has_the_same_rows_alone_and_in_any_order(self, week):
        backwards = [day_of(feed_of(), day) for day in reversed(list(WEEK))]
        assert pa.concat_tables(backwards[::-1]).equals(week)

    def test_has_the_same_rows_on_a_later_today(self, week):
        assert rows_of(feed_of(today=lambda: TODAY + timedelta(days=90)), WEEK).equals(week)

    def test_has_the_same_rows_with_another_first_day(self, week):
        assert rows_of(feed_of(first_day=FIRST_DAY - timedelta(days=500)), WEEK).equals(week)

    def test_has_the_same_rows_in_batches_of_any_size(self):
        small, large = (feed_of(sessions_per_day=150_000, blocks_per_batch=blocks) for blocks in (1, 8))
        with small.deliver(Window(DAY, DAY + timedelta(days=1))) as batches:
            sizes = [batch.rows.num_rows for batch in batches]
        assert len(sizes) > 1
        assert max(sizes) == BLOCK_ROWS
        assert day_of(small).equals(day_of(large))


class TestSeed:
    @pytest.fixture(scope="class")
    @classmethod
    def days(cls) -> tuple[pa.Table, pa.Table]:
        """The same day by two seeds."""
        return day_of(feed_of()), day_of(feed_of(seed=2))

    def test_another_one_gives_other_visitors(self, days):
        ours, theirs = days
        assert not set(ours["UID"].to_pylist()) & set(theirs["UID"].to_pylist())

    def test_another_one_gives_other_sessions(self, days):
        rows = min(day.num_rows for day in days)
        ours, theirs = (day.select(["PRODUCTRELATED_DURATION", "EXITRATES"]).slice(0, rows) for day in days)
        assert not ours.equals(theirs)


class TestVisitors:
    @pytest.fixture(scope="class", params=[10, 3_000], ids=lambda sessions: f"{sessions} a day")
    @classmethod
    def month(cls, request) -> pa.Table:
        return rows_of(feed_of(sessions_per_day=request.param), Window(DAY, DAY + timedelta(days=30)))

    def test_have_one_session_a_day_at_most(self, month):
        assert len(set(keys(month))) == month.num_rows

    def test_return_on_other_days(self, month):
        assert len(set(month["UID"].to_pylist())) < month.num_rows

    def test_are_returning_exactly_if_they_were_there_before(self):
        rows = rows_of(feed_of(sessions_per_day=400), Window(FIRST_DAY, FIRST_DAY + timedelta(days=200)))
        last_days = rows.filter(pc.greater_equal(rows["SESSION_DATE"], FIRST_DAY + timedelta(days=180)))
        first_visit: dict[str, date] = {}
        for uid, day in keys(rows):
            first_visit.setdefault(uid, day)
        for (uid, day), kind in zip(keys(last_days), last_days["VISITORTYPE"].to_pylist(), strict=True):
            assert (first_visit[uid] == day) == (kind != "Returning_Visitor")


class TestRows:
    @pytest.fixture(scope="class")
    @classmethod
    def rows(cls) -> pa.Table:
        return rows_of(feed_of(sessions_per_day=20_000), Window(DAY, DAY + timedelta(days=3)))

    def test_are_all_accepted_by_the_contract(self):
        feed = feed_of()
        year = Window(FIRST_DAY, FIRST_DAY + timedelta(days=366))
        with feed.deliver(year) as batches:
            for batch in batches:
                validated = validate(batch, feed.accepted_days())
                assert validated.rejected.num_rows == 0
                assert validated.accepted.num_rows == batch.rows.num_rows

    @pytest.mark.parametrize("pages", ["ADMINISTRATIVE", "INFORMATIONAL", "PRODUCTRELATED"])
    def test_have_no_duration_without_a_page(self, rows, pages):
        unseen = rows.filter(pc.equal(rows[pages], 0))
        assert pc.max(unseen[f"{pages}_DURATION"]).as_py() == 0

    def test_have_exits_for_all_bounces(self, rows):
        assert pc.all(pc.less_equal(rows["BOUNCERATES"], rows["EXITRATES"])).as_py()

    def test_have_the_month_and_weekend_of_their_date(self, rows):
        some = (rows[name].to_pylist()[:: len(rows) // 50] for name in ("SESSION_DATE", "MONTH", "WEEKEND"))
        for day, month, weekend in zip(*some, strict=True):
            assert (month, weekend) == ("May", day.weekday() >= 5)


class TestExtent:
    @pytest.fixture
    def feed(self) -> SimulatedFeed:
        """A feed whose today is `DAY`."""
        return feed_of(today=lambda: DAY)

    def batches(self, feed: SimulatedFeed, window: Window) -> list[RawBatch]:
        with feed.deliver(window) as batches:
            return list(batches)

    def test_ends_yesterday(self, feed):
        assert feed.extent() == feed.accepted_days() == Window(FIRST_DAY, DAY)

    def test_is_empty_before_the_first_day(self):
        assert len(feed_of(today=lambda: FIRST_DAY - timedelta(days=9)).extent()) == 0

    def test_only_its_days_are_delivered(self, feed):
        yesterday = DAY - timedelta(days=1)
        rows = rows_of(feed, Window(yesterday, DAY + timedelta(days=5)))
        assert pc.unique(rows["SESSION_DATE"]).to_pylist() == [yesterday]

    @pytest.mark.parametrize(
        "outside",
        [Window(DAY, DAY + timedelta(days=5)), Window(FIRST_DAY - timedelta(days=5), FIRST_DAY)],
        ids=["future", "before the first day"],
    )
    def test_no_batches_come_from_outside(self, feed, outside):
        assert self.batches(feed, outside) == []


class TestVolume:
    @pytest.mark.parametrize("sessions_per_day", [10, 1_000, 30_000])
    def test_is_the_configured_one_on_average_over_a_year(self, sessions_per_day):
        feed = feed_of(sessions_per_day=sessions_per_day)
        counted = [feed._mix(day).sessions for day in Window(date(2025, 1, 1), date(2026, 1, 1))]
        assert np.mean(counted) == pytest.approx(sessions_per_day, rel=0.03)
        assert day_of(feed).num_rows == feed._mix(DAY).sessions


class TestSpecialDays:
    def test_are_those_of_the_calendar(self):
        assert closeness(date(2025, 2, 8)) == 5
        assert [closeness(date(2025, 2, day)) > 0 for day in (1, 2, 12, 13)] == [False, True, True, False]
        assert closeness(date(2025, 5, 5)) == 5  # Mother's Day is the 11th
        assert closeness(date(2025, 9, 5)) == 0


class TestPurchases:
    """The relations that a model learns from."""

    @pytest.fixture(scope="class")
    @classmethod
    def november(cls) -> pa.Table:
        return rows_of(feed_of(sessions_per_day=20_000), Window(date(2025, 11, 3), date(2025, 11, 6)))

    def share(self, rows: pa.Table, condition: pa.ChunkedArray) -> float:
        """The share of purchases among the rows with this condition."""
        return float(np.mean(rows.filter(condition)["REVENUE"].to_numpy(zero_copy_only=False)))

    def test_are_frequent_with_a_page_value_and_rare_without(self, november):
        value = november["PAGEVALUES"]
        assert self.share(november, pc.equal(value, 0)) < 0.15 < 0.5 < self.share(november, pc.greater(value, 5))

    def test_are_rare_with_a_high_bounce_rate(self, november):
        assert self.share(november, pc.equal(november["BOUNCERATES"], 0.2)) < 0.05

    def test_are_as_frequent_as_in_november_of_uci(self, november):
        assert 0.22 < self.share(november, pc.is_valid(november["PAGEVALUES"])) < 0.29  # .254 in UCI

    def test_are_as_rare_as_in_february_of_uci(self):
        february = rows_of(feed_of(sessions_per_day=20_000), Window(date(2025, 2, 17), date(2025, 2, 19)))
        assert self.share(february, pc.is_valid(february["PAGEVALUES"])) < 0.06  # .016 in UCI, from 3 purchases


#: Means of the UCI file over all sessions.
UCI_MEANS = {
    "ADMINISTRATIVE": 2.315,
    "INFORMATIONAL": 0.504,
    "PRODUCTRELATED": 31.73,
    "PRODUCTRELATED_DURATION": 1194.7,
    "BOUNCERATES": 0.0222,
    "EXITRATES": 0.0431,
    "PAGEVALUES": 5.889,
}
UCI_SESSIONS_BY_MONTH = {2: 184, 3: 1907, 5: 3364, 6: 288, 7: 432, 8: 433, 9: 448, 10: 549, 11: 2998, 12: 1727}


class TestSimilarityToUci:
    @pytest.fixture(scope="class")
    @classmethod
    def months(cls) -> Mapping[int, pa.Table]:
        """Eight days of each month that UCI has."""
        feed = feed_of(sessions_per_day=1_500)
        return {
            month: rows_of(feed, Window(date(2025, month, 7), date(2025, month, 15))) for month in UCI_SESSIONS_BY_MONTH
        }

    @pytest.mark.parametrize("name", UCI_MEANS)
    def test_means_are_close(self, months, name):
        """The months are weighted as in UCI."""
        weighted = [
            sessions * pc.mean(months[month][name]).as_py() for month, sessions in UCI_SESSIONS_BY_MONTH.items()
        ]
        assert sum(weighted) / sum(UCI_SESSIONS_BY_MONTH.values()) == pytest.approx(UCI_MEANS[name], rel=0.15)

    def test_no_real_session_is_copied(self, uci_csv, months):
        names = [
            *("Administrative_Duration", "Informational_Duration", "ProductRelated_Duration"),
            *("ExitRates", "PageValues"),
        ]
        real = self.continuous_attributes(csv.read_csv(uci_csv), names)
        simulated = self.continuous_attributes(pa.concat_tables(months.values()), [name.upper() for name in names])
        assert not real & simulated

    def continuous_attributes(self, rows: pa.Table, columns: list[str]) -> set[tuple[float, ...]]:
        """The cells of each session that has a product duration and a page value above zero."""
        cells = np.stack([rows[name].to_numpy().round(3) for name in columns], axis=1)
        return set(map(tuple, cells[(cells[:, 2] > 0) & (cells[:, 4] > 0)]))
