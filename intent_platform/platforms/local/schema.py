"""The tables of the contract in DuckDB: the statements that create them, and those that exist."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from intent_platform.platforms.local.files import contract_type
from intent_platform.platforms.table_changes import ExistingTables
from intent_platform.tables import TABLES, Table

if TYPE_CHECKING:
    import duckdb


def existing_tables(connection: "duckdb.DuckDBPyConnection") -> ExistingTables:
    """The tables of the contract that the open database has. No transaction may be open.

    Each table is asked for by name. A listing of all tables costs ten times as much, because DuckDB first makes its own
    views for it.
    """

    def rows(sql: str) -> list[tuple[Any, ...]]:
        return connection.execute(sql).fetchall()

    listed = [
        (table.name, name, contract_type(kind), not required)
        for table in TABLES
        for name, kind, required in _columns(rows, table)
    ]
    return ExistingTables.listed(listed, rows)


def _columns(rows: Callable[[str], list[tuple[Any, ...]]], table: Table) -> list[tuple[Any, ...]]:
    """Name, type and whether NULL is forbidden, for each column of a table; empty if the table does not exist."""
    import duckdb

    try:
        return rows(f"SELECT name, type, \"notnull\" FROM pragma_table_info('{table.name}')")
    except duckdb.CatalogException:  # it would end a transaction
        return []


def definition(table: Table) -> Iterator[str]:
    """The statements that create a table with the meanings of its columns."""
    yield _ddl(table)
    yield from _comments(table)


def _ddl(table: Table) -> str:
    """The table's DDL for DuckDB. It has no comments, because DuckDB needs separate statements for them."""
    from sqlglot import exp, parse_one

    tree = parse_one(table.ddl, read="snowflake")
    comments = [
        *(node.parent for node in tree.find_all(exp.CommentColumnConstraint)),
        *tree.find_all(exp.SchemaCommentProperty),
    ]
    for node in comments:
        if node is not None:
            node.pop()
    return tree.sql(dialect="duckdb")


def _comments(table: Table) -> Iterator[str]:
    from sqlglot import exp

    def literal(text: str) -> str:
        return exp.Literal.string(text).sql(dialect="duckdb")

    yield f"COMMENT ON TABLE {table.name} IS {literal(table.meaning)}"
    for column in table.columns:
        yield f"COMMENT ON COLUMN {table.name}.{column.name} IS {literal(column.meaning)}"
