"""The database behind the account: fakesnow, with Snowflake's rules where it follows DuckDB's.

`corrections` rewrites the statements, `transactions` runs them.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection
from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.instance import FakeSnow
from snowflake.connector.errors import ProgrammingError
from sqlglot import Expr

from intent_platform_tests.snowflake_emulator.copies import original_name
from intent_platform_tests.snowflake_emulator.corrections import FUNCTIONS, corrected
from intent_platform_tests.snowflake_emulator.errors import error
from intent_platform_tests.snowflake_emulator.transactions import Transaction, Transactions

#: DuckDB's messages of constraints, and the reasons and numbers that Snowflake gives.
_CONSTRAINTS = (
    (r"NOT NULL constraint failed: (?P<table>.+)\.(?P<column>.+)", "NULL result in a non-nullable column", 100072),
    (
        r'CHECK constraint failed on table "(?P<table>.+)" with expression CHECK\(\(length\("?(?P<column>.+?)"?\) <= ',
        "String is too long and would be truncated",
        100078,
    ),
)


class Cursor(FakeSnowflakeCursor):
    """Executes one statement."""

    _conn: "Connection"

    def _transform(self, expression: Expr, params: Any) -> Expr:
        return super()._transform(corrected(expression), params)

    def _execute(self, transformed: Expr, params: Any = None) -> None:
        with self._conn.transactions.statement(self._conn, transformed) as statement, _numbered():
            super()._execute(statement, params)


class Connection(FakeSnowflakeConnection):
    """A session: its place, its parameters and its open transaction.

    A database or schema that does not exist leaves the session without one. Snowflake refuses the first statement that
    needs it, not the login.
    """

    def __init__(
        self,
        transactions: Transactions,
        duck: DuckDBPyConnection,
        results: dict[str, tuple[Any, ...]],
        database: str | None,
        schema: str | None,
        folder: Path,
    ) -> None:
        super().__init__(duck, results, database, schema, create_database=False, create_schema=False, db_path=folder)
        self.transactions = transactions
        self.transaction: Transaction | None = None
        self.parameters: dict[str, str] = {}
        if not self.database_set:
            self.database = None
        if not self.schema_set:
            self._schema = None

    def has(self, database: str, schema: str = "main") -> bool:
        """Whether the account has a database of that name, with that schema."""
        found = self._duck_conn.execute(
            "SELECT 1 FROM duckdb_schemas() WHERE database_name = ? AND schema_name = ?", [database, schema]
        )
        return found.fetchone() is not None

    def cursor(self, cursor_class: Any = None) -> Cursor:
        """A cursor on the session's connection to DuckDB."""
        return Cursor(conn=self, duck_conn=self._duck_conn)


class Database(FakeSnow):
    """The databases of an account, one file each."""

    def __init__(self, folder: Path) -> None:
        super().__init__(db_path=folder)
        self._folder = folder
        self.transactions = Transactions()
        # A checkpoint can renumber the rows of a table, and transactions know rows by their numbers.
        self.duck_conn.execute("SET GLOBAL checkpoint_threshold = '1TB'")
        for function in FUNCTIONS:
            self.duck_conn.execute(function)
        for file in sorted(folder.glob("*.db")):
            super().connect(file.stem)

    def connect(
        self,
        database: str | None = None,
        schema: str | None = None,
        nop_regexes: list[str] | None = None,
        **_: Any,
    ) -> Connection:
        """Open a session. Transactions replace fakesnow's autocommit."""
        duck = self.duck_conn.cursor()
        return Connection(self.transactions, duck, self.results_cache, database, schema, self._folder)


@contextmanager
def _numbered() -> Iterator[None]:
    """Raise errors of DuckDB with the numbers that Snowflake has for them."""
    try:
        yield
    except duckdb.ConstraintException as refused:
        raise _refused_by_a_constraint(refused) from refused
    except duckdb.InvalidInputException as refused:
        raise _refused_by_a_function(refused) from refused


def _refused_by_a_constraint(refused: duckdb.Error) -> Exception:
    """The error for a value that a column does not take, or the same error."""
    for pattern, reason, errno in _CONSTRAINTS:
        if found := re.search(pattern, str(refused)):
            table = original_name(found["table"])
            message = f"DML operation to table {table} failed on column {found['column']} with error: {reason}"
            return error(message, errno, "22000")
    return refused


def _refused_by_a_function(refused: duckdb.Error) -> Exception | ProgrammingError:
    """The error that one of `corrections.FUNCTIONS` has raised, or the same error."""
    message = str(refused).removeprefix("Invalid Input Error: ").partition("\n")[0]
    for text, errno, sqlstate in (
        ("Division by zero", 100051, "22012"),
        ("is too long and would be truncated", 100078, "22000"),
        ("Invalid argument types for function", 1044, "42P13"),
    ):
        if text in message:
            return error(message, errno, sqlstate)
    return refused
