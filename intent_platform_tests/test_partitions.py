from datetime import UTC, date, datetime

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intent_platform.partitions import (
    Window,
    add_months,
    daily_partitions,
    days_window,
    evaluation_window,
    month_keys,
    month_window,
    monthly_partitions,
    training_window,
    unseen_months,
    wall_clock,
)

DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))
WINDOWS = st.tuples(DAYS, st.integers(0, 400)).map(lambda p: Window(p[0], date.fromordinal(p[0].toordinal() + p[1])))
MONTHS = DAYS.map(lambda day: day.replace(day=1))


def test_windows_of_a_key_as_the_docstrings_say():
    assert training_window("2024-05-01", 3) == Window(date(2024, 2, 1), date(2024, 5, 1))
    assert evaluation_window("2024-05-01", 14) == Window(date(2024, 5, 1), date(2024, 5, 15))
    assert month_window("2024-12-01") == Window(date(2024, 12, 1), date(2025, 1, 1))
    assert days_window(["2024-02-28", "2024-02-29"]) == Window(date(2024, 2, 28), date(2024, 3, 1))


@given(MONTHS, st.integers(1, 24), st.integers(1, 28))
def test_training_ends_where_testing_begins(month, months, days):
    training, test = training_window(month.isoformat(), months), evaluation_window(month.isoformat(), days)
    assert training.end == test.start
    assert not training.overlaps(test)


@given(MONTHS, st.integers(0, 24), st.lists(WINDOWS, max_size=3))
def test_unseen_months_are_whole_earlier_and_trained_on_by_nobody(month, months, trained):
    found = unseen_months(month.isoformat(), months, trained)
    assert found == sorted(found, reverse=True)
    for earlier in found:
        assert earlier == month_window(earlier.start.isoformat())
        assert add_months(month, -months) <= earlier.start < month
        assert not any(earlier.overlaps(window) for window in trained)
    assert len(unseen_months(month.isoformat(), months, [])) == months


@given(MONTHS, st.integers(-500, 500))
def test_adding_months_can_be_undone(month, months):
    assert add_months(add_months(month, months), -months) == month


@given(WINDOWS, WINDOWS)
def test_overlap_and_intersection_are_those_of_the_sets_of_days(one, other):
    days = set(one) & set(other)
    assert set(one.intersection(other)) == days
    if one and other:
        assert one.overlaps(other) == bool(days)


@given(WINDOWS.filter(bool))
def test_a_window_is_rebuilt_from_its_keys(window):
    assert days_window(window.keys) == window
    assert len(window.keys) == len(window)


def test_a_backward_window_and_a_gap_are_refused():
    with pytest.raises(ValueError, match="before it starts"):
        Window(date(2024, 1, 2), date(2024, 1, 1))
    with pytest.raises(ValueError, match="not consecutive"):
        days_window(["2024-01-01", "2024-01-03"])


def test_month_keys_are_the_months_that_begin_in_the_window():
    assert month_keys(Window(date(2024, 2, 1), date(2024, 4, 2))) == ["2024-02-01", "2024-03-01", "2024-04-01"]


def test_the_wall_clock_is_tokyos():
    assert wall_clock(datetime(2024, 12, 31, 20, tzinfo=UTC)) == datetime(2025, 1, 1, 5)  # noqa: DTZ001


def test_daily_partitions_end_yesterday_and_monthly_ones_with_this_month_in_tokyo():
    moment = datetime(2025, 1, 31, 16, tzinfo=UTC)  # the 1st of February, 01:00 in Tokyo
    with dg.partition_loading_context(effective_dt=moment):
        daily = daily_partitions(date(2024, 1, 1)).get_partition_keys()
        monthly = monthly_partitions(date(2024, 1, 1)).get_partition_keys()
    assert (daily[0], daily[-1]) == ("2024-01-01", "2025-01-31")
    assert (monthly[0], monthly[-1]) == ("2024-01-01", "2025-02-01")
