"""The connection of a stored procedure: it uploads no file, and the session of its caller outlives it."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.warehouse import BorrowedWarehouse

ROWS: list[dict[str, Any]] = [
    {"D": date(2024, 5, 1), "T": "it's 5:00 :day \\ 100%\n", "F": 0.1, "B": True, "N": 7},
    {"D": date(2024, 5, 2), "T": None, "F": None, "B": None, "N": None},
]
SCHEMA = pa.schema([("D", pa.date32()), ("T", pa.string()), ("F", pa.float64()), ("B", pa.bool_()), ("N", pa.int64())])


@pytest.fixture
def warehouse(snowflake_settings) -> Iterator[BorrowedWarehouse]:
    connector = SnowflakeConnector(snowflake_settings())
    with connector.open() as client:
        yield BorrowedWarehouse(client, connector.parameters)


def staged(warehouse: BorrowedWarehouse, *batches: pa.Table) -> list[dict[str, Any]]:
    """The rows of the temporary table after one connection staged these batches."""
    with warehouse.connect() as connection:
        for batch in batches:
            connection.stage("ARRIVED", batch)
        rows: list[dict[str, Any]] = connection.fetch("SELECT * FROM ARRIVED ORDER BY D").to_pylist()
        return rows


class TestStagedRows:
    def test_keep_their_values(self, warehouse):
        assert staged(warehouse, pa.Table.from_pylist(ROWS, SCHEMA)) == ROWS

    def test_are_appended_within_a_connection(self, warehouse):
        first, second = (pa.Table.from_pylist([row], SCHEMA) for row in ROWS)
        assert staged(warehouse, first, second) == ROWS

    def test_of_an_earlier_call_are_replaced(self, warehouse):
        batch = pa.Table.from_pylist(ROWS, SCHEMA)
        staged(warehouse, batch)
        assert staged(warehouse, batch) == ROWS

    def test_may_be_none(self, warehouse):
        assert staged(warehouse, SCHEMA.empty_table()) == []

    def test_are_complete_beyond_one_statement(self, warehouse):
        many = pa.Table.from_pylist([{**ROWS[0], "N": number} for number in range(450)], SCHEMA)
        assert {row["N"] for row in staged(warehouse, many)} == set(range(450))

    def test_are_not_uploaded(self, warehouse, emulator):
        begun = len(emulator.statements)
        staged(warehouse, pa.Table.from_pylist(ROWS, SCHEMA))
        assert not [sent.sql for sent in emulator.statements[begun:] if sent.sql.startswith("PUT")]
