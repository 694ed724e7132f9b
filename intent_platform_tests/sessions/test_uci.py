"""The sessions that the UCI feed makes of a file: their identities, dates and days."""

import random
from calendar import monthrange
from collections import Counter
from datetime import date, timedelta
from uuid import UUID

import pandas as pd
import pyarrow as pa
import pytest

from intent_platform.partitions import Window
from intent_platform.sessions.uci import PUBLISHED_PURCHASES, PUBLISHED_SESSIONS, UciFeed
from intent_platform.tables import MONTH_NAMES
from intent_platform_tests.builders.uci import delivered, made, validated, write

PUBLISHED_PER_MONTH = dict(
    zip(
        ("Feb", "Mar", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
        (184, 1907, 3364, 288, 432, 433, 448, 549, 2998, 1727),
        strict=True,
    )
)
for_both_session_dates = pytest.mark.parametrize("session_dates", ["month_start", "spread"])


def uids(feed: UciFeed) -> list[str]:
    found: list[str] = delivered(feed)["UID"].to_pylist()
    return found


def counted(rows: pa.Table) -> Counter[tuple[object, ...]]:
    """The rows without their order."""
    return Counter(tuple(row.values()) for row in rows.to_pylist())


class TestUid:
    def test_is_a_distinct_uuid_for_each_row(self, open_uci, tmp_path):
        found = uids(open_uci(write(tmp_path / "a.csv", made(Feb=40, June=40))))
        assert len(set(found)) == 80
        assert {UUID(uid).version for uid in found} == {5}

    def test_is_the_same_every_time(self, open_uci, tmp_path):
        rows = made(Feb=40, June=40)
        first = uids(open_uci(write(tmp_path / "a.csv", rows)))
        again = uids(open_uci(write(tmp_path / "b.csv", rows)))
        assert first == again

    def test_does_not_depend_on_row_order_or_session_date(self, open_uci, tmp_path):
        rows = made(Feb=30, Nov=30)
        shuffled = random.Random(1).sample(rows, len(rows))
        in_order = delivered(open_uci(write(tmp_path / "a.csv", rows)))
        mixed = delivered(open_uci(write(tmp_path / "b.csv", shuffled), "spread"))
        assert counted(in_order.drop_columns(["SESSION_DATE"])) == counted(mixed.drop_columns(["SESSION_DATE"]))

    def test_distinguishes_equal_rows(self, open_uci, tmp_path):
        row = made(Mar=1)[0]
        once = uids(open_uci(write(tmp_path / "once.csv", [row])))
        thrice = uids(open_uci(write(tmp_path / "thrice.csv", [row] * 3)))
        assert len(set(thrice)) == 3
        assert set(once) < set(thrice)

    def test_differs_between_years(self, open_uci, tmp_path):
        path = write(tmp_path / "a.csv", made(Mar=10))
        assert not set(uids(open_uci(path))) & set(uids(open_uci(path, year=2025)))


class TestCells:
    def test_typed_numbers_and_text_give_the_same_sessions(self, open_uci, tmp_path):
        text = write(tmp_path / "text.csv", made(Feb=50, May=50))
        typed = tmp_path / "typed.csv"
        pd.read_csv(text).astype({"ProductRelated": float}).to_csv(typed, index=False)
        from_text, from_numbers = validated(open_uci(text)), validated(open_uci(typed))
        assert from_text.accepted.num_rows == 100
        assert from_text.accepted.equals(from_numbers.accepted)

    def test_months_are_read_in_any_spelling(self, open_uci, tmp_path):
        spelt = ("Jan", "february", " MAR ", "April", "may", "Jun", "July", "aug", "Sept", "OCTOBER", "Nov", "December")
        rows = [row | {"Month": month} for row, month in zip(made(May=12), spelt, strict=True)]
        accepted = validated(open_uci(write(tmp_path / "a.csv", rows))).accepted
        assert accepted["MONTH"].to_pylist() == list(MONTH_NAMES)
        assert [day.month for day in accepted["SESSION_DATE"].to_pylist()] == list(range(1, 13))


class TestSessionDates:
    def test_month_start_is_the_first_of_the_month(self, open_uci, tmp_path):
        days = delivered(open_uci(write(tmp_path / "a.csv", made(Feb=20, Dec=20)))).column("SESSION_DATE").to_pylist()
        assert Counter(days) == {date(2024, 2, 1): 20, date(2024, 12, 1): 20}

    @pytest.fixture(params=[2023, 2024], ids=["28 days", "29 days"])
    def february(self, request, open_uci, tmp_path) -> tuple[int, pa.Table]:
        """The year, and the accepted sessions of its February by `spread`."""
        path = write(tmp_path / "a.csv", made(Feb=600))
        return request.param, validated(open_uci(path, "spread", request.param, first_day=date(2020, 1, 1))).accepted

    def test_spread_fills_every_day_of_the_month(self, february):
        year, rows = february
        assert set(rows["SESSION_DATE"].to_pylist()) == {
            date(year, 2, day + 1) for day in range(monthrange(year, 2)[1])
        }

    def test_spread_puts_weekend_sessions_on_weekends(self, february):
        _, rows = february
        assert [day.weekday() >= 5 for day in rows["SESSION_DATE"].to_pylist()] == rows["WEEKEND"].to_pylist()


class TestExtent:
    def test_begins_with_the_first_partition(self, open_uci, tmp_path):
        feed = open_uci(write(tmp_path / "a.csv", made(Feb=5, May=5)), first_day=date(2024, 3, 1))
        assert feed.extent() == feed.accepted_days() == Window(date(2024, 3, 1), date(2024, 6, 1))
        assert delivered(feed)["MONTH"].to_pylist() == ["May"] * 5

    @pytest.fixture
    def open_partly_undated(self, open_uci, tmp_path):
        """Opens a feed of 80 sessions from February to April, and 4 without a known month."""
        unknown_months = ("", "Smarch", "Ma", "Juneau")
        rows = made(Feb=60, Apr=20)
        rows += [row | {"Month": month} for row, month in zip(made(May=4), unknown_months, strict=True)]
        path = write(tmp_path / "a.csv", rows)
        return lambda session_dates: open_uci(path, session_dates)

    @for_both_session_dates
    def test_its_days_deliver_every_row_once(self, open_partly_undated, session_dates):
        feed = open_partly_undated(session_dates)
        assert feed.extent() == Window(date(2024, 2, 1), date(2024, 5, 1))
        days = [delivered(feed, Window(day, day + timedelta(days=1))) for day in feed.extent()]
        assert counted(pa.concat_tables(days)) == counted(delivered(feed))
        assert sum(day.num_rows for day in days) == 84

    @for_both_session_dates
    def test_its_first_day_delivers_rows_without_a_month(self, open_partly_undated, session_dates):
        first_day = Window(date(2024, 2, 1), date(2024, 2, 2))
        assert delivered(open_partly_undated(session_dates), first_day)["SESSION_DATE"].null_count == 4

    @for_both_session_dates
    def test_rows_without_a_month_are_rejected(self, open_partly_undated, session_dates):
        result = validated(open_partly_undated(session_dates))
        assert (result.accepted.num_rows, result.rejected.num_rows) == (80, 4)

    @for_both_session_dates
    def test_no_row_is_delivered_after_it(self, open_partly_undated, session_dates):
        afterwards = Window(date(2024, 5, 1), date(2030, 1, 1))
        assert delivered(open_partly_undated(session_dates), afterwards).num_rows == 0


@for_both_session_dates
class TestPublishedFile:
    def test_is_accepted_completely(self, open_uci, uci_csv, session_dates):
        feed = open_uci(uci_csv, session_dates)
        result = validated(feed)
        assert feed.extent() == Window(date(2024, 2, 1), date(2025, 1, 1))
        assert result.rejected.num_rows == 0
        assert result.accepted.num_rows == PUBLISHED_SESSIONS == 12_330
        assert sum(result.accepted["REVENUE"].to_pylist()) == PUBLISHED_PURCHASES == 1_908
        assert Counter(result.accepted["MONTH"].to_pylist()) == PUBLISHED_PER_MONTH
        assert Counter(MONTH_NAMES[day.month - 1] for day in result.accepted["SESSION_DATE"].to_pylist()) == (
            PUBLISHED_PER_MONTH
        )
        assert len(set(result.accepted["UID"].to_pylist())) == PUBLISHED_SESSIONS
