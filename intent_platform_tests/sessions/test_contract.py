"""The contract splits received rows into accepted and rejected ones, and loses none."""

import json
import re
from datetime import date

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from intent_platform.partitions import Window
from intent_platform.sessions.contract import ACCEPTED_SCHEMA, ARROW_TYPES, ValidatedBatch
from intent_platform.sessions.files import plain
from intent_platform.sessions.rejection import REJECTED_SCHEMA
from intent_platform.tables import SESSION_COLUMNS
from intent_platform_tests.builders.sessions import landing_rows
from intent_platform_tests.sessions.raw_rows import (
    LARGEST_INTEGER,
    MAY,
    NAMES,
    VALID,
    cells,
    reasons,
    repeatable,
    text_rows,
    validated,
    with_column,
)


def columns_of(kind: pa.DataType, values: st.SearchStrategy[object]) -> st.SearchStrategy[pa.Array]:
    return st.lists(st.none() | values, max_size=5).map(lambda column: pa.array(column, kind))


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
    columns_of(pa.string_view(), cells),
    columns_of(pa.binary_view(), st.binary(max_size=5)),
    columns_of(pa.list_view(pa.int64()), st.lists(st.integers(0, 9))),
    columns_of(pa.decimal64(12, 3), st.decimals(-(10**6), 10**6, places=3)),
    columns_of(pa.float16(), st.floats(width=16)),
    columns_of(pa.uuid(), st.uuids().map(lambda uid: uid.bytes)),
    columns_of(pa.time32("s"), st.integers(0, 86_399)),
    columns_of(pa.duration("us"), int64s),
    columns_of(pa.dictionary(pa.int32(), pa.string()), cells),
    columns_of(pa.null(), st.none()),
)


class TestEveryRow:
    def assert_contract_holds(self, result: ValidatedBatch, received: int, within: Window = MAY) -> None:
        """No row is lost, and plain Python finds every accepted row valid."""
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
                assert column.type != "INTEGER" or abs(value) <= LARGEST_INTEGER
                assert column.type != "DOUBLE" or abs(value) < float("inf")
                assert column.type != "DATE" or value in within
        for raw, why in zip(result.rejected["RAW"].to_pylist(), result.rejected["REASONS"].to_pylist(), strict=True):
            assert set(json.loads(raw)) == set(NAMES)
            assert json.loads(why)
            assert all(isinstance(sentence, str) for sentence in json.loads(why))

    @repeatable
    @given(text_rows())
    def test_with_any_text_is_accepted_rightly_or_kept(self, rows):
        self.assert_contract_holds(validated(rows), len(rows))

    @repeatable
    @given(st.sampled_from(NAMES), typed_columns)
    def test_with_any_type_is_accepted_rightly_or_kept(self, name, column):
        self.assert_contract_holds(validated(with_column(name, plain(pa.chunked_array([column])))), len(column))

    @repeatable
    @given(text_rows())
    def test_is_judged_independently_of_other_rows(self, rows):
        alone = [ValidatedBatch.empty(), *(validated([row]) for row in rows)]
        together = validated(rows)
        assert together.accepted.equals(pa.concat_tables([one.accepted for one in alone]))
        assert together.rejected.equals(pa.concat_tables([one.rejected for one in alone]))


class TestAcceptedRow:
    def test_has_each_column_of_the_contract_and_its_origin(self):
        assert ACCEPTED_SCHEMA.names == [*NAMES, "ORIGIN"]
        assert [ACCEPTED_SCHEMA.field(column.name).type for column in SESSION_COLUMNS] == [
            ARROW_TYPES[column.type] for column in SESSION_COLUMNS
        ]

    @repeatable
    @given(text_rows())
    def test_is_accepted_among_any_other_rows(self, rows):
        uid = "7a3f0c52-0b5e-4b5e-9d3c-000000000000"
        accepted = validated([*rows, VALID | {"UID": uid}]).accepted
        assert uid in accepted["UID"].to_pylist()

    def test_is_the_same_from_text_and_from_typed_columns(self):
        text = landing_rows(date(2024, 5, 17), 200).select(NAMES)
        from_text = validated(text)
        from_types = validated(from_text.accepted.drop_columns(["ORIGIN"]))
        assert from_text.accepted.num_rows == 200
        assert from_types.accepted.equals(from_text.accepted)


class TestRejectedRow:
    @repeatable
    @given(text_rows())
    def test_is_kept_complete_and_in_order(self, rows):
        kept = [json.loads(raw) for raw in validated(rows).rejected["RAW"].to_pylist()]
        remaining = iter(rows)
        assert all(any(row == candidate for candidate in remaining) for row in kept)  # a subsequence of the rows

    @repeatable
    @given(st.dictionaries(st.sampled_from(NAMES), cells, max_size=6))
    def test_has_all_reasons_in_the_order_of_columns(self, change):
        of_each_column = [
            sentence
            for name in NAMES
            if name in change
            for why in reasons([VALID | {name: change[name]}])
            for sentence in why
        ]
        assert reasons([VALID | change]) == ([of_each_column] if of_each_column else [])

    def test_keeps_its_date_where_it_is_readable(self):
        result = validated(
            [VALID | {"BROWSER": "x"}, VALID | {"SESSION_DATE": "x"}, VALID | {"SESSION_DATE": "2031-01-01"}]
        )
        assert result.rejected["SESSION_DATE"].to_pylist() == [date(2024, 5, 17), None, date(2031, 1, 1)]
