"""Partitions, the windows that follow from their keys, and the clock of the platform."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intent_platform.partitions import (
    TIMEZONE,
    Window,
    add_months,
    clock_set_to,
    daily_partitions,
    days_window,
    evaluation_window,
    month_keys,
    month_window,
    monthly_partitions,
    now,
    training_window,
    unseen_months,
    wall_clock,
)

DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))
WINDOWS = st.tuples(DAYS, st.integers(0, 400)).map(lambda p: Window(p[0], date.fromordinal(p[0].toordinal() + p[1])))
MONTHS = DAYS.map(lambda day: day.replace(day=1))


class TestWindow:
    @given(WINDOWS, WINDOWS)
    def test_intersects_another_as_its_set_of_days_does(self, one, other):
        assert set(one.intersection(other)) == set(one) & set(other)

    @given(WINDOWS.filter(bool), WINDOWS.filter(bool))
    def test_overlaps_another_that_has_a_day_in_common(self, one, other):
        assert one.overlaps(other) == bool(set(one) & set(other))

    @given(WINDOWS.filter(bool))
    def test_has_one_key_a_day(self, window):
        assert len(window.keys) == len(window)

    def test_cannot_end_before_it_starts(self):
        with pytest.raises(ValueError, match="before it starts"):
            Window(date(2024, 1, 2), date(2024, 1, 1))


class TestDaysWindow:
    def test_covers_the_days_of_its_keys(self):
        assert days_window(["2024-02-28", "2024-02-29"]) == Window(date(2024, 2, 28), date(2024, 3, 1))

    @given(WINDOWS.filter(bool))
    def test_is_rebuilt_from_its_keys(self, window):
        assert days_window(window.keys) == window

    def test_refuses_keys_with_a_gap(self):
        with pytest.raises(ValueError, match="not consecutive"):
            days_window(["2024-01-01", "2024-01-03"])


class TestMonthWindow:
    def test_is_the_whole_month(self):
        assert month_window("2024-12-01") == Window(date(2024, 12, 1), date(2025, 1, 1))


class TestMonthKeys:
    def test_are_the_months_that_begin_in_the_window(self):
        assert month_keys(Window(date(2024, 2, 1), date(2024, 4, 2))) == ["2024-02-01", "2024-03-01", "2024-04-01"]


class TestAddMonths:
    @given(MONTHS, st.integers(-500, 500))
    def test_can_be_undone(self, month, months):
        assert add_months(add_months(month, months), -months) == month


class TestTrainingWindow:
    def test_is_the_months_before_the_key(self):
        assert training_window("2024-05-01", 3) == Window(date(2024, 2, 1), date(2024, 5, 1))

    @given(MONTHS, st.integers(1, 24), st.integers(1, 28))
    def test_ends_where_the_test_window_begins(self, month, months, days):
        training, test = training_window(month.isoformat(), months), evaluation_window(month.isoformat(), days)
        assert training.end == test.start
        assert not training.overlaps(test)


class TestEvaluationWindow:
    def test_is_the_first_days_of_the_month(self):
        assert evaluation_window("2024-05-01", 14) == Window(date(2024, 5, 1), date(2024, 5, 15))


class TestUnseenMonths:
    @given(MONTHS, st.integers(0, 24), st.lists(WINDOWS, max_size=3))
    def test_are_whole_earlier_months_newest_first(self, month, months, trained):
        found = unseen_months(month.isoformat(), months, trained)
        assert found == sorted(found, reverse=True)
        for earlier in found:
            assert earlier == month_window(earlier.start.isoformat())
            assert add_months(month, -months) <= earlier.start < month

    @given(MONTHS, st.integers(0, 24), st.lists(WINDOWS, max_size=3))
    def test_overlap_no_training_window(self, month, months, trained):
        for earlier in unseen_months(month.isoformat(), months, trained):
            assert not any(earlier.overlaps(window) for window in trained)

    @given(MONTHS, st.integers(0, 24))
    def test_are_all_months_before_the_first_training(self, month, months):
        assert len(unseen_months(month.isoformat(), months, [])) == months


class TestPartitions:
    @pytest.fixture(autouse=True)
    def first_of_february_in_tokyo(self):
        """It is 01:00 on the 1st of February in Tokyo, and still January in UTC."""
        with dg.partition_loading_context(effective_dt=datetime(2025, 1, 31, 16, tzinfo=UTC)):
            yield

    def test_of_days_end_yesterday(self):
        keys = daily_partitions(date(2024, 1, 1)).get_partition_keys()
        assert (keys[0], keys[-1]) == ("2024-01-01", "2025-01-31")

    def test_of_months_end_with_the_current_month(self):
        keys = monthly_partitions(date(2024, 1, 1)).get_partition_keys()
        assert (keys[0], keys[-1]) == ("2024-01-01", "2025-02-01")


class TestWallClock:
    def test_is_the_time_in_tokyo(self):
        assert wall_clock(datetime(2024, 12, 31, 20, tzinfo=UTC)) == datetime(2025, 1, 1, 5)  # noqa: DTZ001


class TestClockSetTo:
    moment = datetime(2025, 9, 1, 5, tzinfo=TIMEZONE)

    def test_advances_with_the_system_time(self):
        with clock_set_to(self.moment):
            first, second = now(), now()
        assert self.moment <= first <= second < self.moment + timedelta(seconds=60)

    def test_can_be_nested(self):
        with clock_set_to(self.moment):
            with clock_set_to(self.moment - timedelta(days=1)):
                assert now() < self.moment
            assert self.moment <= now() < self.moment + timedelta(seconds=60)

    def test_ends_with_its_context(self):
        with clock_set_to(self.moment):
            pass
        assert abs(datetime.now(TIMEZONE) - now()) < timedelta(seconds=60)
