import json
import re
from datetime import date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intent_platform.partitions import TIMEZONE, Window
from intent_platform.sessions.contract import (
    ACCEPTED_SCHEMA,
    ARROW_TYPES,
    REJECTED_SCHEMA,
    RawBatch,
    ValidatedBatch,
    validate,
)
from intent_platform.tables import SESSION_COLUMNS
from intent_platform_tests.builders.sessions import landing_rows

repeatable = settings(
    derandomize=True, deadline=None, database=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)

MAY = Window(date(2024, 5, 1), date(2024, 6, 1))
NAMES = [column.name for column in SESSION_COLUMNS]
VALID = landing_rows(date(2024, 5, 17), 1).select(NAMES).to_pylist()[0]
LARGEST = 2**31 - 1

NASTY_TEXT = (
    *("", " ", "\t", "nan", "NaN", "inf", "-inf", "Infinity", "null", "NULL", "1e400", "-1e400", "1e-400", "1e9999"),
    *("+5", "5.", ".5", ".", "+", "-", "e", "1e", "1E2", "-0", "-0.0", "1.5", "3.0", " 7 ", "0x10", "1_000", "1,5"),
    *("1 2", "\u0663", "\uff11\uff12", "\xbd", "2147483647", "2147483648", "-2147483649", "9" * 400),
    *("0." + "3" * 400, "9223372036854775808", "true", "TRUE", "False", "yes", "0", "1", "1.0", "-1", "2", "TR\xdcE"),
    *("2024-05-01", "2024-05-31", "2024-06-01", "2024-04-30", "2024-02-30", "0000-01-01", "9999-12-31", "2024-5-1"),
    *("2024-05-17T00:00:00", "20240517", "\u0662\u0660\u0662\u0664-\u0660\u0665-\u0661\u0667", "May", "may", "June"),
    *("January", "Other", "x" * 3000, "a\nb", '"', "\x00", "7a3f0c52-0b5e-4b5e-9d3c-0a1b2c3d4e5f"),
    *("7A3F0C52-0B5E-4B5E-9D3C-0A1B2C3D4E5F", "7a3f0c520b5e4b5e9d3c0a1b2c3d4e5f"),
)
cells = st.none() | st.sampled_from(NASTY_TEXT) | st.text(max_size=12) | st.integers().map(str) | st.floats().map(repr)


@st.composite
def text_rows(draw: st.DrawFn) -> list[dict[str, str | None]]:
    """Rows that are valid but for some cells."""
    changes = draw(st.lists(st.dictionaries(st.sampled_from(NAMES), cells, max_size=4), max_size=6))
    return [VALID | change for change in changes]


def as_text(rows: list[dict[str, str | None]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in NAMES]))


def validated(rows: pa.Table | list[dict[str, str | None]], within: Window = MAY) -> ValidatedBatch:
    return validate(RawBatch(rows if isinstance(rows, pa.Table) else as_text(rows), "file.csv"), within)


def reasons(rows: pa.Table | list[dict[str, str | None]]) -> list[list[str]]:
    return [json.loads(text) for text in validated(rows).rejected["REASONS"].to_pylist()]


def with_column(name: str, cells: pa.Array) -> pa.Table:
    """A valid row for each of `cells`, which replace the column `name`."""
    return as_text([VALID] * len(cells)).set_column(NAMES.index(name), name, cells)


def assert_contract_holds(result: ValidatedBatch, received: int, within: Window = MAY) -> None:
    """Nothing is lost, and what was accepted meets every rule of the contract, by plain Python."""
    assert result.accepted.schema.equals(ACCEPTED_SCHEMA)
    assert result.rejected.schema.equals(REJECTED_SCHEMA)
    assert result.accepted.num_rows + result.rejected.num_rows == received
    assert set(result.accepted["ORIGIN"].to_pylist()) | set(result.rejected["ORIGIN"].to_pylist()) <= {"file.csv"}
    for column in SESSION_COLUMNS:
        for value in result.accepted[column.name].to_pylist():
            assert value is not None
            assert column.minimum is None or value >= column.minimum
            assert column.maximum is None or value <= column.maximum
            assert column.allowed is None or value in column.allowed
            assert column.pattern is None or re.fullmatch(column.pattern, value)
            assert column.type != "INTEGER" or abs(value) <= LARGEST
            assert column.type != "DOUBLE" or abs(value) < float("inf")
            assert column.type != "DATE" or value in within
    for raw, why in zip(result.rejected["RAW"].to_pylist(), result.rejected["REASONS"].to_pylist(), strict=True):
        assert set(json.loads(raw)) == set(NAMES)
        assert json.loads(why)
        assert all(isinstance(sentence, str) for sentence in json.loads(why))


@repeatable
@given(text_rows())
def test_whatever_text_comes_no_row_is_lost_and_none_is_accepted_wrongly(rows):
    assert_contract_holds(validated(rows), len(rows))


@repeatable
@given(text_rows())
def test_a_row_is_judged_by_itself_whatever_comes_with_it(rows):
    alone = [validated([row]) for row in rows]
    together = validated(rows)
    assert together.accepted.equals(
        pa.concat_tables([ValidatedBatch.empty().accepted, *(one.accepted for one in alone)])
    )
    assert together.rejected.equals(
        pa.concat_tables([ValidatedBatch.empty().rejected, *(one.rejected for one in alone)])
    )


@repeatable
@given(text_rows())
def test_a_valid_row_stays_accepted_among_any_others(rows):
    uid = "7a3f0c52-0b5e-4b5e-9d3c-000000000000"
    accepted = validated([*rows, VALID | {"UID": uid}]).accepted
    assert uid in accepted["UID"].to_pylist()


@repeatable
@given(st.dictionaries(st.sampled_from(NAMES), cells, max_size=6))
def test_all_that_is_wrong_with_a_row_is_listed_in_the_order_of_its_columns(change):
    separate = [
        sentence
        for name in NAMES
        if name in change
        for why in reasons([VALID | {name: change[name]}])
        for sentence in why
    ]
    assert reasons([VALID | change]) == ([separate] if separate else [])


@repeatable
@given(text_rows())
def test_a_rejected_row_is_kept_whole_as_it_came(rows):
    rejected = validated(rows).rejected
    kept = [json.loads(raw) for raw in rejected["RAW"].to_pylist()]
    remaining = iter(rows)
    assert all(any(row == candidate for candidate in remaining) for row in kept)  # a subsequence, in order


def columns_of(kind: pa.DataType, cells: st.SearchStrategy[object]) -> st.SearchStrategy[pa.Array]:
    return st.lists(st.none() | cells, max_size=5).map(lambda values: pa.array(values, kind))


int64s = st.integers(-(2**63), 2**63 - 1)
typed_columns = st.one_of(
    columns_of(pa.int64(), int64s),
    columns_of(pa.uint64(), st.integers(0, 2**64 - 1)),
    columns_of(pa.float64(), st.floats()),
    columns_of(pa.float32(), st.floats(width=32)),
    columns_of(pa.decimal128(20, 3), st.decimals(-(10**9), 10**9, places=3)),
    columns_of(pa.bool_(), st.booleans()),
    columns_of(pa.date32(), st.integers(-(2**31), 2**31 - 1)),
    columns_of(pa.date64(), int64s),
    columns_of(pa.timestamp("us"), int64s),
    columns_of(pa.timestamp("s", "Asia/Tokyo"), st.integers(-(2**40), 2**40)),
    columns_of(pa.binary(), st.binary(max_size=5)),
    columns_of(pa.list_(pa.int64()), st.lists(st.integers(0, 9))),
    columns_of(pa.large_string(), cells),
    columns_of(pa.dictionary(pa.int32(), pa.string()), cells),
    columns_of(pa.null(), st.none()),
)


@repeatable
@given(st.sampled_from(NAMES), typed_columns)
def test_whatever_type_a_column_has_no_row_is_lost_and_none_is_accepted_wrongly(name, column):
    assert_contract_holds(validated(with_column(name, column)), len(column))


def test_text_and_typed_columns_are_judged_alike():
    text = landing_rows(date(2024, 5, 17), 200).select(NAMES)
    from_text = validated(text)
    from_types = validated(from_text.accepted.drop_columns(["ORIGIN"]))
    assert from_text.accepted.num_rows == 200
    assert from_types.accepted.equals(from_text.accepted)


def test_each_column_that_is_empty_is_named():
    assert reasons([dict.fromkeys(NAMES, " ")]) == [[f"{name} is empty" for name in NAMES]]
    assert reasons([dict.fromkeys(NAMES)]) == [[f"{name} is empty" for name in NAMES]]


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("BROWSER", "3.0", 3),
        ("BROWSER", " 7 ", 7),
        ("BROWSER", "+5", 5),
        ("BROWSER", "1e2", 100),
        ("BROWSER", str(LARGEST), LARGEST),
        ("PAGEVALUES", ".5", 0.5),
        ("PAGEVALUES", "5.", 5.0),
        ("PAGEVALUES", "1e-400", 0.0),
        ("WEEKEND", "tRuE", True),
        ("WEEKEND", "0.0", False),
        ("MONTH", " June ", "June"),
        ("SESSION_DATE", "2024-05-31", date(2024, 5, 31)),
    ],
)
def test_a_cell_is_what_its_notation_says(name, cell, value):
    assert validated([VALID | {name: cell}]).accepted[name].to_pylist() == [value]


@pytest.mark.parametrize(
    ("name", "cell", "sentence"),
    [
        ("BROWSER", "1.5", "BROWSER is '1.5', not a whole number up to 2,147,483,647"),
        ("BROWSER", "2147483648", "BROWSER is '2147483648', not a whole number up to 2,147,483,647"),
        ("BROWSER", "٣", "BROWSER is '٣', not a whole number up to 2,147,483,647"),
        ("ADMINISTRATIVE_DURATION", "-1", "ADMINISTRATIVE_DURATION is '-1', below 0"),
        ("BOUNCERATES", "1.01", "BOUNCERATES is '1.01', above 1"),
        ("PAGEVALUES", "1e400", "PAGEVALUES is '1e400', not a number"),
        ("PAGEVALUES", "NaN", "PAGEVALUES is 'NaN', not a number"),
        ("PAGEVALUES", "0x10", "PAGEVALUES is '0x10', not a number"),
        ("WEEKEND", "yes", "WEEKEND is 'yes', not true or false"),
        ("UID", "7a3f", "UID is '7a3f', not a UUID"),
        ("MONTH", "Juni", "MONTH is 'Juni', not one of Jan, Feb, Mar, Apr, May, June, Jul, Aug, Sep, Oct, Nov, Dec"),
        ("SESSION_DATE", "2024-02-30", "SESSION_DATE is '2024-02-30', not a date YYYY-MM-DD"),
        ("SESSION_DATE", "0000-01-01", "SESSION_DATE is '0000-01-01', not a date YYYY-MM-DD"),
        ("SESSION_DATE", "2024-06-01", "SESSION_DATE is '2024-06-01', outside [2024-05-01, 2024-06-01)"),
    ],
)
def test_a_reason_names_column_cell_and_rule(name, cell, sentence):
    assert reasons([VALID | {name: cell}]) == [[sentence]]


def test_a_long_cell_is_cut_in_the_reason_and_whole_in_the_row():
    rejected = validated([VALID | {"VISITORTYPE": "x" * 3000}]).rejected
    assert len(rejected["REASONS"][0].as_py()) < 200
    assert json.loads(rejected["RAW"][0].as_py())["VISITORTYPE"] == "x" * 3000


@repeatable
@given(st.dates(), st.dates(), st.dates())
def test_a_date_is_accepted_exactly_within_the_window(start, end, day):
    within = Window(min(start, end), max(start, end))
    row = VALID | {"SESSION_DATE": day.isoformat()}
    for rows in (as_text([row]), with_column("SESSION_DATE", pa.array([day], pa.date32()))):
        assert validated(rows, within).accepted.num_rows == (day in within)


def test_a_rejected_row_keeps_its_readable_date():
    result = validated(
        [VALID | {"BROWSER": "x"}, VALID | {"SESSION_DATE": "x"}, VALID | {"SESSION_DATE": "2031-01-01"}]
    )
    assert result.rejected["SESSION_DATE"].to_pylist() == [date(2024, 5, 17), None, date(2031, 1, 1)]


def test_a_time_of_day_is_no_date_but_midnight_is():
    midnight = datetime(2024, 5, 17)  # noqa: DTZ001  a naive column
    times = pa.array([midnight, midnight + timedelta(hours=1)])
    assert validated(with_column("SESSION_DATE", times)).accepted["SESSION_DATE"].to_pylist() == [midnight.date()]
    aware = pa.array([datetime(2024, 5, 17, tzinfo=TIMEZONE)], pa.timestamp("us", "Asia/Tokyo"))
    assert validated(with_column("SESSION_DATE", aware)).accepted["SESSION_DATE"].to_pylist() == [midnight.date()]


def test_an_accepted_schema_has_each_column_of_the_contract_and_the_origin():
    assert ACCEPTED_SCHEMA.names == [*NAMES, "ORIGIN"]
    assert [ACCEPTED_SCHEMA.field(column.name).type for column in SESSION_COLUMNS] == [
        ARROW_TYPES[column.type] for column in SESSION_COLUMNS
    ]


def test_a_decimal_is_a_number():
    accepted = validated(with_column("PAGEVALUES", pa.array([Decimal("1.250")]))).accepted
    assert accepted["PAGEVALUES"].to_pylist() == [1.25]
