"""The local warehouse: one DuckDB file, short connections, Snowflake SQL transpiled.

DuckDB lets one process write at a time, and no other read meanwhile. So every session connects anew, a busy
file is waited for, and the process that holds it is named when patience ends.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pyarrow as pa

from intent_platform.errors import VersionUnfit, WarehouseError, first_line
from intent_platform.partitions import TIMEZONE_NAME
from intent_platform.platforms.local.files import attach, contract_type, described, retry_while_busy
from intent_platform.platforms.local.staging import Staging
from intent_platform.platforms.ports import PREDICT_FUNCTION, Connection, ScoringModel, Value
from intent_platform.platforms.sql import literal, render
from intent_platform.platforms.table_changes import make_tables, tables_to_make
from intent_platform.tables import Table

if TYPE_CHECKING:
    import duckdb


class DuckDBConnection(Connection):
    """One open connection; see `ports.Connection`."""

    def __init__(
        self, connection: "duckdb.DuckDBPyConnection", staging: Staging, attach: Callable[[], None] = lambda: None
    ) -> None:
        """`attach` brings the database of the observed table to the connection."""
        self._duckdb = connection
        self._staging = staging
        self._attach = attach
        self._has_model = False
        self._fault: VersionUnfit | None = None

    def fetch(self, sql: str, **values: Value) -> pa.Table:
        """All rows of a query as an Arrow table."""
        with self._faults_of_the_model():
            return self._duckdb.sql(render(sql, "duckdb", values)).to_arrow_table()

    def execute(self, sql: str, **values: Value) -> int:
        """Run one statement; the number of rows that it changed."""
        with self._faults_of_the_model():
            counted = self._duckdb.execute(render(sql, "duckdb", values)).fetchone()
        return int(counted[0]) if counted else 0

    def stage(self, name: str, batch: pa.Table) -> None:
        """Append `batch` to the temporary table `name`, which is a view of files."""
        files = literal(self._staging.append(name, batch), "duckdb")
        self._duckdb.execute(f"CREATE TEMPORARY VIEW IF NOT EXISTS {name} AS SELECT * FROM read_parquet({files})")

    def describe(self, relation: str) -> dict[str, str]:
        """The columns of a table or view of somebody else; see `ports.Connection`."""
        self._attach()
        return described(self._duckdb, relation)

    def use_model(self, scoring_model: ScoringModel) -> None:
        """Offer the model as a vectorised Arrow function; DuckDB calls it chunk by chunk."""
        from duckdb.func import FunctionNullHandling, PythonUDFType
        from duckdb.sqltypes import DOUBLE

        model = scoring_model.model
        assert model is not None, "the local registry serves models"  # noqa: S101  for the type checker

        def predict(*columns: pa.ChunkedArray) -> pa.Array:
            try:
                return pa.array(model.predict_columns(columns))
            except ValueError as error:
                self._fault = VersionUnfit(f"version {scoring_model.version} cannot score a session: {error}")
                raise

        # DuckDB counts the parameters that the function declares.
        predict.__signature__ = Signature(  # type: ignore[attr-defined]
            [Parameter(feature, Parameter.POSITIONAL_ONLY) for feature in model.features]
        )
        if self._has_model:
            self._duckdb.remove_function(PREDICT_FUNCTION)
        # Not "special", an empty cell would skip the model; DATASET has none, and a mistake should show.
        self._duckdb.create_function(
            PREDICT_FUNCTION,
            predict,
            [DOUBLE for _ in model.features],
            DOUBLE,
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
        )
        self._has_model = True

    @contextmanager
    def _faults_of_the_model(self) -> Iterator[None]:
        """DuckDB wraps what the function raised; say it as it was."""
        import duckdb

        try:
            yield
        except duckdb.Error as error:
            fault, self._fault = self._fault, None
            if fault is None:
                raise
            raise fault from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        import duckdb

        self._duckdb.execute("BEGIN TRANSACTION")
        try:
            yield
            self._duckdb.execute("COMMIT")
        except BaseException:
            with suppress(duckdb.Error):  # a commit that failed has ended the transaction: its own error counts
                self._duckdb.execute("ROLLBACK")
            raise


class DuckDBWarehouse(dg.ConfigurableResource["DuckDBWarehouse"]):
    """The DuckDB file at `path`, created on first use. A busy file is waited for up to `timeout_seconds`.

    A session keeps to `memory_gb` (10^9 bytes) and takes to the disk for more. `attached` is the file of the observed
    table, when it has one of its own.
    """

    path: str
    timeout_seconds: float
    memory_gb: float
    attached: str | None = None

    @contextmanager
    def connect(self, *, writing: bool = False, timeout_seconds: float | None = None) -> Iterator[DuckDBConnection]:
        """A connection of its own, closed on leaving; see `ports.Warehouse`."""
        timeout_seconds = self.timeout_seconds if timeout_seconds is None else timeout_seconds
        if not Path(self.path).exists():
            self._create(timeout_seconds)
        with closing(Staging(Path(self.path))) as staging:
            with self._connected(timeout_seconds, writing=writing) as connection:
                if not tables_to_make(_existing_columns(connection), self.path):
                    yield self._offered(connection, staging, timeout_seconds)
                    return
            self._create(timeout_seconds)  # this connection may be one that only reads
            with self._connected(timeout_seconds, writing=writing) as connection:
                yield self._offered(connection, staging, timeout_seconds)

    def _offered(
        self, connection: "duckdb.DuckDBPyConnection", staging: Staging, timeout_seconds: float
    ) -> DuckDBConnection:
        attached = self.attached
        if attached is None:
            return DuckDBConnection(connection, staging)
        return DuckDBConnection(connection, staging, lambda: attach(connection, attached, timeout_seconds))

    def _create(self, timeout_seconds: float) -> None:
        """Make the file and the tables that are missing or to be derived again, all or none of them."""
        try:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WarehouseError(
                f"cannot create the folder of {self.path} ({error.strerror}): point INTENT_PLATFORM_HOME at a folder "
                "that you may write"
            ) from error
        with self._connected(timeout_seconds, writing=True) as connection:
            # Listed again: another process may have made them while this one waited for the file.
            connection.execute("BEGIN TRANSACTION")
            make_tables(_existing_columns(connection), self.path, connection.execute, _definition)
            connection.execute("COMMIT")

    @contextmanager
    def _connected(self, timeout_seconds: float, *, writing: bool) -> Iterator["duckdb.DuckDBPyConnection"]:
        connection = self._connect_patiently(timeout_seconds, writing=writing)
        try:
            connection.execute(f"SET TimeZone = '{TIMEZONE_NAME}'")
            connection.execute(f"SET memory_limit = '{self.memory_gb}GB'")
            connection.execute("SET preserve_insertion_order = false")  # large inserts then need little memory
            yield connection
        finally:
            connection.close()

    def _connect_patiently(self, timeout_seconds: float, *, writing: bool) -> "duckdb.DuckDBPyConnection":
        import duckdb

        try:
            return retry_while_busy(
                lambda: duckdb.connect(self.path, read_only=not writing), f"the warehouse {self.path}", timeout_seconds
            )
        except (duckdb.IOException, duckdb.ConnectionException) as error:
            raise WarehouseError(
                f"cannot open the warehouse {self.path}: {first_line(error)}; check that the file is a DuckDB "
                "database that you may write, or point INTENT_PLATFORM_HOME elsewhere"
            ) from error


def _existing_columns(connection: "duckdb.DuckDBPyConnection") -> dict[str, dict[str, str]]:
    listed = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = current_database()"
    existing: dict[str, dict[str, str]] = {}
    for table, column, kind in connection.execute(listed).fetchall():
        existing.setdefault(table, {})[column] = contract_type(kind)
    return existing


def _definition(table: Table) -> Iterator[str]:
    yield _ddl(table)
    yield from _comments(table)


def _ddl(table: Table) -> str:
    """The table's DDL for DuckDB, which takes comments as statements of their own."""
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
