import duckdb
import pytest
import sqlglot

from intent_platform.pipeline.dataset import SELECT
from intent_platform.tables import DATASET, SOURCE, TABLES, UUID_PATTERN


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_names_its_columns_once_and_its_key_among_them(table):
    assert len(set(table.column_names)) == len(table.column_names)
    assert all(name == name.upper() for name in [table.name, *table.column_names])
    assert set(table.key) <= set(table.column_names)
    assert table.date_column is None or table.date_column in table.column_names
    assert not any(table[name].nullable for name in table.key)
    assert all(column.meaning for column in table.columns)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_ddl_makes_the_table_with_its_columns_in_order(table):
    tree = sqlglot.parse_one(table.ddl, read="snowflake")
    created = duckdb.connect()
    for kind in (sqlglot.exp.CommentColumnConstraint, sqlglot.exp.SchemaCommentProperty):
        for comment in list(tree.find_all(kind)):
            (comment if isinstance(comment, sqlglot.exp.Property) else comment.parent or comment).pop()
    created.execute(tree.sql("duckdb"))
    described = created.execute(f"DESCRIBE {table.name}").fetchall()
    assert [row[0] for row in described] == table.column_names
    assert [row[2] == "YES" for row in described] == [column.nullable for column in table.columns]


def test_the_dataset_select_gives_the_columns_of_the_contract_in_order():
    select = sqlglot.parse_one(SELECT, read="snowflake")
    assert [column.alias_or_name for column in select.expressions] == DATASET.column_names


def test_the_key_of_a_session_is_a_uuid_and_a_day():
    assert SOURCE.key == ("UID", "SESSION_DATE")
    assert SOURCE["UID"].pattern == UUID_PATTERN
