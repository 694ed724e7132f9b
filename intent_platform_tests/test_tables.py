"""The contract of the tables: keys, columns, and the statements that create and fill them."""

import duckdb
import pytest
import sqlglot

from intent_platform.pipeline.dataset import SELECT, code_version_of
from intent_platform.tables import DATASET, SOURCE, TABLES, UUID_PATTERN


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
class TestTable:
    def test_has_column_names_that_are_unique(self, table):
        assert len(set(table.column_names)) == len(table.column_names)

    def test_has_names_in_upper_case(self, table):
        assert all(name == name.upper() for name in [table.name, *table.column_names])

    def test_has_a_key_of_columns_that_are_never_null(self, table):
        assert set(table.key) <= set(table.column_names)
        assert not any(table[name].nullable for name in table.key)

    def test_has_its_date_column(self, table):
        assert table.date_column is None or table.date_column in table.column_names

    def test_gives_every_column_a_meaning(self, table):
        assert all(column.meaning for column in table.columns)


def created_columns(table) -> list[tuple[str, bool]]:
    """The name and the nullability of every column that the DDL creates in DuckDB, which knows no comments."""
    tree = sqlglot.parse_one(table.ddl, read="snowflake")
    for kind in (sqlglot.exp.CommentColumnConstraint, sqlglot.exp.SchemaCommentProperty):
        for comment in list(tree.find_all(kind)):
            (comment if isinstance(comment, sqlglot.exp.Property) else comment.parent or comment).pop()
    with duckdb.connect() as database:
        database.execute(tree.sql("duckdb"))
        return [(row[0], row[2] == "YES") for row in database.execute(f"DESCRIBE {table.name}").fetchall()]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
class TestDdl:
    def test_creates_the_columns_in_order(self, table):
        assert [name for name, _ in created_columns(table)] == table.column_names

    def test_allows_null_where_the_contract_does(self, table):
        assert [nullable for _, nullable in created_columns(table)] == [column.nullable for column in table.columns]


class TestSource:
    def test_has_a_uuid_and_a_day_as_key(self):
        assert SOURCE.key == ("UID", "SESSION_DATE")
        assert SOURCE["UID"].pattern == UUID_PATTERN


class TestDataset:
    def test_select_returns_the_columns_in_order(self):
        """The hash of the select is the code version of `dataset`. A new column must change it."""
        select = sqlglot.parse_one(SELECT, read="snowflake")
        assert [column.alias_or_name for column in select.expressions] == DATASET.column_names

    def test_code_version_follows_the_code_alone(self):
        """Another comment or another spacing must not rebuild every day."""
        commented = "-- why\n" + SELECT.replace("\n", "  \n  -- more\n", 1)
        assert code_version_of(commented) == code_version_of(SELECT)
        assert code_version_of(SELECT.replace("+ 1.0", "+ 2.0")) != code_version_of(SELECT)
