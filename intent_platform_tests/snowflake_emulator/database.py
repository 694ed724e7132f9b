"""The database behind the account: fakesnow, with the transactions of `transactions`."""

from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection
from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.instance import FakeSnow
from sqlglot import Expr

from intent_platform_tests.snowflake_emulator.transactions import Transaction, Transactions


class Cursor(FakeSnowflakeCursor):
    """Executes one statement."""

    _conn: "Connection"

    def _execute(self, transformed: Expr, params: Any = None) -> None:
        with self._conn.transactions.statement(self._conn, transformed) as statement:
            super()._execute(statement, params)


class Connection(FakeSnowflakeConnection):
    """A session: its place, its parameters and its open transaction."""

    def __init__(
        self,
        transactions: Transactions,
        duck: DuckDBPyConnection,
        results: dict[str, tuple[Any, ...]],
        database: str | None,
        schema: str | None,
        folder: Path,
    ) -> None:
        super().__init__(duck, results, database, schema, db_path=folder)
        self.transactions = transactions
        self.transaction: Transaction | None = None
        self.parameters: dict[str, str] = {}

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
