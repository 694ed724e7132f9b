"""How the contract reads single cells, and the reasons that it gives for rejecting them."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intent_platform.partitions import TIMEZONE, Window
from intent_platform_tests.sessions.raw_rows import (
    LARGEST_INTEGER,
    NAMES,
    VALID,
    as_text,
    reasons,
    repeatable,
    validated,
    with_column,
)


def id_of(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) and not value.isidentifier() else str(value)


class TestNotation:
    @pytest.mark.parametrize(
        ("name", "cell", "value"),
        [
            ("BROWSER", "3.0", 3),
            ("BROWSER", " 7 ", 7),
            ("BROWSER", "+5", 5),
            ("BROWSER", "1e2", 100),
            ("BROWSER", str(LARGEST_INTEGER), LARGEST_INTEGER),
            ("PAGEVALUES", ".5", 0.5),
            ("PAGEVALUES", "5.", 5.0),
            ("PAGEVALUES", "1e-400", 0.0),
            ("WEEKEND", "tRuE", True),
            ("WEEKEND", "0.0", False),
            ("MONTH", " June ", "June"),
            ("SESSION_DATE", "2024-05-31", date(2024, 5, 31)),
        ],
        ids=id_of,
    )
    def test_text_gives_the_value_it_denotes(self, name, cell, value):
        assert validated([VALID | {name: cell}]).accepted[name].to_pylist() == [value]

    def test_a_decimal_is_a_number(self):
        accepted = validated(with_column("PAGEVALUES", pa.array([Decimal("1.250")]))).accepted
        assert accepted["PAGEVALUES"].to_pylist() == [1.25]


class TestReason:
    @pytest.mark.parametrize(
        ("name", "cell", "rule"),
        [
            ("BROWSER", "1.5", "not a whole number up to 2,147,483,647"),
            ("BROWSER", "2147483648", "not a whole number up to 2,147,483,647"),
            ("BROWSER", "٣", "not a whole number up to 2,147,483,647"),
            ("ADMINISTRATIVE_DURATION", "-1", "below 0"),
            ("BOUNCERATES", "1.01", "above 1"),
            ("PAGEVALUES", "1e400", "not a number"),
            ("PAGEVALUES", "NaN", "not a number"),
            ("PAGEVALUES", "0x10", "not a number"),
            ("WEEKEND", "yes", "not true or false"),
            ("UID", "7a3f", "not a UUID"),
            ("MONTH", "Juni", "not one of Jan, Feb, Mar, Apr, May, June, Jul, Aug, Sep, Oct, Nov, Dec"),
            ("SESSION_DATE", "2024-02-30", "not a date YYYY-MM-DD"),
            ("SESSION_DATE", "0000-01-01", "not a date YYYY-MM-DD"),
            ("SESSION_DATE", "2024-06-01", "outside [2024-05-01, 2024-06-01)"),
        ],
        ids=id_of,
    )
    def test_names_column_cell_and_rule(self, name, cell, rule):
        assert reasons([VALID | {name: cell}]) == [[f"{name} is '{cell}', {rule}"]]

    @pytest.mark.parametrize("empty", [" ", None], ids=["blank", "null"])
    def test_names_each_empty_column(self, empty):
        assert reasons([dict.fromkeys(NAMES, empty)]) == [[f"{name} is empty" for name in NAMES]]

    def test_shortens_a_long_cell_that_the_row_keeps(self):
        rejected = validated([VALID | {"VISITORTYPE": "x" * 3000}]).rejected
        assert len(rejected["REASONS"][0].as_py()) < 200
        assert json.loads(rejected["RAW"][0].as_py())["VISITORTYPE"] == "x" * 3000


class TestDate:
    @repeatable
    @given(st.dates(), st.dates(), st.dates())
    def test_is_accepted_exactly_within_the_window(self, start, end, day):
        within = Window(min(start, end), max(start, end))
        row = VALID | {"SESSION_DATE": day.isoformat()}
        for rows in (as_text([row]), with_column("SESSION_DATE", pa.array([day], pa.date32()))):
            assert validated(rows, within).accepted.num_rows == (day in within)

    def test_may_be_a_timestamp_at_midnight_only(self):
        midnight = datetime(2024, 5, 17)  # noqa: DTZ001  a naive column
        times = pa.array([midnight, midnight + timedelta(hours=1)])
        assert validated(with_column("SESSION_DATE", times)).accepted["SESSION_DATE"].to_pylist() == [midnight.date()]

    def test_may_be_midnight_in_tokyo(self):
        aware = pa.array([datetime(2024, 5, 17, tzinfo=TIMEZONE)], pa.timestamp("us", "Asia/Tokyo"))
        accepted = validated(with_column("SESSION_DATE", aware)).accepted
        assert accepted["SESSION_DATE"].to_pylist() == [date(2024, 5, 17)]
