"""Rejected rows are written at a cost that does not grow with their repetition."""

import json

import pyarrow as pa
import pytest

from intent_platform.sessions import rejection
from intent_platform_tests.sessions.raw_rows import VALID, as_text, reasons, validated


class TestEqualRows:
    ROW = VALID | {"BROWSER": "x", "REGION": "-1"}

    def test_are_each_kept_complete_with_every_reason(self):
        rejected = validated([self.ROW] * 3).rejected
        assert [json.loads(raw) for raw in rejected["RAW"].to_pylist()] == [self.ROW] * 3
        assert (
            reasons([self.ROW] * 3)
            == [["BROWSER is 'x', not a whole number up to 2,147,483,647", "REGION is '-1', below 0"]] * 3
        )

    @pytest.mark.parametrize("rows", [1, 1000])
    def test_are_written_once(self, monkeypatch, rows):
        written: list[object] = []
        as_json = rejection._as_json

        def counted(cell: object) -> str:
            written.append(cell)
            return as_json(cell)

        monkeypatch.setattr(rejection, "_as_json", counted)
        assert validated([self.ROW] * rows).rejected.num_rows == rows
        assert len(written) == len(VALID) + 2


class TestText:
    def test_of_rejected_rows_is_valid_json(self):
        cells = {"UID": 'a "quoted" \\ cell', "MONTH": "two\nlines", "VISITORTYPE": "\u2028 日本 \x00"}
        (raw,) = validated(as_text([VALID | cells])).rejected["RAW"].to_pylist()
        assert json.loads(raw) == VALID | cells

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.0, 0.1, None])
    def test_keeps_every_number(self, value):
        rows = as_text([VALID | {"REGION": "-1"}])
        rows = rows.set_column(rows.column_names.index("PAGEVALUES"), "PAGEVALUES", pa.array([value], pa.float64()))
        (raw,) = validated(rows).rejected["RAW"].to_pylist()
        assert str(json.loads(raw)["PAGEVALUES"]) == str(value)
