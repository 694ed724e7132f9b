import random
from calendar import monthrange
from collections import Counter
from datetime import date
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
SPREADS = ("month_start", "spread")


def uids(feed: UciFeed) -> list[str]:
    found: list[str] = delivered(feed)["UID"].to_pylist()
    return found


def content(rows: pa.Table) -> Counter[tuple[object, ...]]:
    return Counter(tuple(row.values()) for row in rows.to_pylist())


def test_uids_are_distinct_uuids_and_the_same_every_time(open_uci, tmp_path):
    rows = made(Feb=40, June=40)
    first = uids(open_uci(write(tmp_path / "a.csv", rows)))
    again = uids(open_uci(write(tmp_path / "b.csv", rows)))
    assert first == again
    assert len(set(first)) == 80
    assert {UUID(uid).version for uid in first} == {5}


def test_a_uid_belongs_to_the_row_wherever_it_stands_and_whatever_day_it_gets(open_uci, tmp_path):
    rows = made(Feb=30, Nov=30)
    shuffled = random.Random(1).sample(rows, len(rows))
    in_order = delivered(open_uci(write(tmp_path / "a.csv", rows)))
    mixed = delivered(open_uci(write(tmp_path / "b.csv", shuffled), "spread"))
    assert content(in_order.drop_columns(["SESSION_DATE"])) == content(mixed.drop_columns(["SESSION_DATE"]))


def test_equal_rows_stay_distinct_sessions(open_uci, tmp_path):
    row = made(Mar=1)[0]
    once = uids(open_uci(write(tmp_path / "once.csv", [row])))
    thrice = uids(open_uci(write(tmp_path / "thrice.csv", [row] * 3)))
    assert len(set(thrice)) == 3
    assert set(once) < set(thrice)


def test_other_years_have_other_sessions(open_uci, tmp_path):
    path = write(tmp_path / "a.csv", made(Mar=10))
    assert not set(uids(open_uci(path))) & set(uids(open_uci(path, year=2025)))


def test_a_typed_frame_and_the_text_give_the_same_sessions(open_uci, tmp_path):
    text = write(tmp_path / "text.csv", made(Feb=50, May=50))
    typed = tmp_path / "typed.csv"
    frame = pd.read_csv(text)
    frame.astype({"ProductRelated": float}).to_csv(typed, index=False)
    from_text, from_frame = validated(open_uci(text)), validated(open_uci(typed))
    assert from_text.accepted.num_rows == 100
    assert from_text.accepted.equals(from_frame.accepted)


@pytest.mark.parametrize("session_dates", SPREADS)
def test_the_days_of_the_extent_share_out_every_row_exactly_once(open_uci, tmp_path, session_dates):
    rows = made(Feb=60, Apr=20)
    rows += [row | {"Month": month} for row, month in zip(made(May=4), ("", "Smarch", "Ma", "Juneau"), strict=True)]
    feed = open_uci(write(tmp_path / "a.csv", rows), session_dates)
    extent = feed.extent()
    assert extent == Window(date(2024, 2, 1), date(2024, 5, 1))
    days = [delivered(feed, Window(day, date.fromordinal(day.toordinal() + 1))) for day in extent]
    assert content(pa.concat_tables(days)) == content(delivered(feed))
    assert sum(day.num_rows for day in days) == len(rows)
    assert days[0]["SESSION_DATE"].null_count == 4
    assert delivered(feed, Window(date(2024, 5, 1), date(2030, 1, 1))).num_rows == 0
    result = validated(feed)
    assert (result.accepted.num_rows, result.rejected.num_rows) == (80, 4)


def test_month_start_puts_sessions_on_the_first(open_uci, tmp_path):
    days = delivered(open_uci(write(tmp_path / "a.csv", made(Feb=20, Dec=20)))).column("SESSION_DATE").to_pylist()
    assert Counter(days) == {date(2024, 2, 1): 20, date(2024, 12, 1): 20}


@pytest.mark.parametrize("year", [2023, 2024])
def test_spread_fills_the_month_with_weekend_sessions_on_weekends(open_uci, tmp_path, year):
    feed = open_uci(write(tmp_path / "a.csv", made(Feb=600)), "spread", year, first_day=date(2020, 1, 1))
    accepted = validated(feed).accepted
    days = accepted["SESSION_DATE"].to_pylist()
    assert set(days) == {date(year, 2, day + 1) for day in range(monthrange(year, 2)[1])}
    assert [day.weekday() >= 5 for day in days] == accepted["WEEKEND"].to_pylist()


def test_months_are_understood_as_people_write_them_and_kept_as_uci_does(open_uci, tmp_path):
    spelt = ("Jan", "february", " MAR ", "April", "may", "Jun", "July", "aug", "Sept", "OCTOBER", "Nov", "December")
    rows = [row | {"Month": month} for row, month in zip(made(May=12), spelt, strict=True)]
    accepted = validated(open_uci(write(tmp_path / "a.csv", rows))).accepted
    assert accepted["MONTH"].to_pylist() == list(MONTH_NAMES)
    assert [day.month for day in accepted["SESSION_DATE"].to_pylist()] == list(range(1, 13))


def test_the_extent_begins_with_the_first_partition(open_uci, tmp_path):
    path = write(tmp_path / "a.csv", made(Feb=5, May=5))
    feed = open_uci(path, first_day=date(2024, 3, 1))
    assert feed.extent() == feed.accepted_days() == Window(date(2024, 3, 1), date(2024, 6, 1))
    assert delivered(feed)["MONTH"].to_pylist() == ["May"] * 5


@pytest.mark.parametrize("session_dates", SPREADS)
def test_the_published_file_is_accepted_whole(open_uci, uci_csv, session_dates):
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
