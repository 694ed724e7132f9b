"""Raw rows for the contract: a valid one, rows with other cells, and cells that are hard to read."""

import json
from datetime import date

import pyarrow as pa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from intent_platform.partitions import Window
from intent_platform.sessions.contract import RawBatch, ValidatedBatch, validate
from intent_platform.tables import SESSION_COLUMNS
from intent_platform_tests.builders.sessions import landing_rows

#: The settings of the property tests of the contract.
repeatable = settings(
    derandomize=True, deadline=None, database=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)

MAY = Window(date(2024, 5, 1), date(2024, 6, 1))
NAMES = [column.name for column in SESSION_COLUMNS]
VALID = landing_rows(date(2024, 5, 17), 1).select(NAMES).to_pylist()[0]
LARGEST_INTEGER = 2**31 - 1

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
    """Rows that are valid except for some cells."""
    changes = draw(st.lists(st.dictionaries(st.sampled_from(NAMES), cells, max_size=4), max_size=6))
    return [VALID | change for change in changes]


def as_text(rows: list[dict[str, str | None]]) -> pa.Table:
    """The rows as a table of text columns."""
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in NAMES]))


def with_column(name: str, values: pa.Array) -> pa.Table:
    """A valid row for each of `values`, which replace the column `name`."""
    return as_text([VALID] * len(values)).set_column(NAMES.index(name), name, values)


def validated(rows: pa.Table | list[dict[str, str | None]], within: Window = MAY) -> ValidatedBatch:
    """The rows, split by the contract into accepted and rejected."""
    return validate(RawBatch(rows if isinstance(rows, pa.Table) else as_text(rows), "file.csv"), within)


def reasons(rows: pa.Table | list[dict[str, str | None]]) -> list[list[str]]:
    """The reasons of each rejected row."""
    return [json.loads(text) for text in validated(rows).rejected["REASONS"].to_pylist()]
