"""The local warehouse: a DuckDB file with short connections. It runs Snowflake SQL, transpiled to DuckDB's dialect.

DuckDB lets one process write at a time, and no other process read meanwhile. So connections are short, and each one
waits for a busy file. After the timeout the error names the process that holds the file.
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
from intent_platform.platforms.local.files import RESTORING, attach, described, retry_while_busy
from intent_platform.platforms.local.schema import definition, existing_tables
from intent_platform.platforms.local.session_copies import REWRITTEN
from intent_platform.platforms.local.staging import Staging
from intent_platform.platforms.local.store import ARTIFACTS
from intent_platform.platforms.ports import PREDICT_FUNCTION, Connection, ScoringModel, Value
from intent_platform.platforms.sql import literal, render
from intent_platform.platforms.table_changes import changes_of, make_changes

if TYPE_CHECKING:
    import duckdb


#: DuckDB would download an extension for a file of another database.
_NO_DOWNLOADS: dict[str, str | bool | int | float | list[str]] = {"autoinstall_known_extensions": "false"}


class DuckDBConnection(Connection):
    """An open connection to DuckDB; see `ports.Connection`."""

    def __init__(
        self, connection: "duckdb.DuckDBPyConnection", staging: Staging, attach: Callable[[], None] = lambda: None
    ) -> None:
        """Use an open connection of DuckDB. `attach` attaches the database of the observed table to it."""
        self._duckdb = connection
        self._staging = staging
        self._attach = attach
        self._has_model = False
        self._model_error: VersionUnfit | None = None

    def fetch(self, sql: str, **values: Value) -> pa.Table:
        """All rows of a query as an Arrow table."""
        with self._model_errors_unwrapped():
            return self._duckdb.sql(render(sql, "duckdb", values)).to_arrow_table()

    def execute(self, sql: str, **values: Value) -> int:
        """Run one statement, and return the number of rows that it changed."""
        with self._model_errors_unwrapped():
            changed = self._duckdb.execute(render(sql, "duckdb", values)).fetchone()
        return int(changed[0]) if changed else 0

    def stage(self, name: str, batch: pa.Table) -> None:
        """Append `batch` to the temporary table `name`, here a view of the staged files."""
        files = literal(self._staging.append(name, batch), "duckdb")
        self._duckdb.execute(f"CREATE TEMPORARY VIEW IF NOT EXISTS {name} AS SELECT * FROM read_parquet({files})")

    def describe(self, relation: str) -> dict[str, str]:
        """The columns of a table or view that somebody else owns, with their types. It may be in the attached file."""
        self._attach()
        return described(self._duckdb, relation)

    def use_model(self, scoring_model: ScoringModel) -> None:
        """Bind the scoring function to the model. DuckDB calls it as an Arrow function, chunk by chunk."""
        from duckdb.func import FunctionNullHandling, PythonUDFType
        from duckdb.sqltypes import DOUBLE

        model = scoring_model.model
        assert model is not None, "the local registry loads models"  # noqa: S101  for the type checker

        def predict(*columns: pa.ChunkedArray) -> pa.Array:
            try:
                return pa.array(model.predict_columns(columns))
            except ValueError as error:
                self._model_error = VersionUnfit(f"version {scoring_model.version} cannot score a session: {error}")
                raise

        # DuckDB counts the declared parameters, and `*columns` would count as one.
        predict.__signature__ = Signature(  # type: ignore[attr-defined]
            [Parameter(feature, Parameter.POSITIONAL_ONLY) for feature in model.features]
        )
        if self._has_model:
            self._duckdb.remove_function(PREDICT_FUNCTION)
        # Without SPECIAL, DuckDB answers NULL for an empty cell and does not call the model. DATASET has no empty
        # cells, so such a cell is a mistake and must raise an error.
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
    def _model_errors_unwrapped(self) -> Iterator[None]:
        """Raise the model's own error in place of the error of DuckDB that wraps it."""
        import duckdb

        try:
            yield
        except duckdb.Error as error:
            model_error, self._model_error = self._model_error, None
            if model_error is None:
                raise
            raise model_error from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end, or roll back if an exception is raised."""
        import duckdb

        self._duckdb.execute("BEGIN TRANSACTION")
        try:
            yield
            self._duckdb.execute("COMMIT")
        except BaseException:
            # A failed commit already ended the transaction. Then the rollback fails, and would hide the first error.
            with suppress(duckdb.Error):
                self._duckdb.execute("ROLLBACK")
            raise


class DuckDBWarehouse(dg.ConfigurableResource["DuckDBWarehouse"]):
    """The local warehouse.

    Attributes:
        path: the DuckDB file. The first connection creates it.
        timeout_seconds: how long a connection waits for a busy file, in seconds.
        memory_gb: the memory of a connection, in GB (10^9 bytes). Work that needs more goes to disk.
        attached: the DuckDB file of the observed table; None if the table is in the warehouse itself.
    """

    path: str
    timeout_seconds: float
    memory_gb: float
    attached: str | None = None

    @contextmanager
    def connect(self, *, writing: bool = False, timeout_seconds: float | None = None) -> Iterator[DuckDBConnection]:
        """Open a connection and close it at the end; see `ports.Warehouse`."""
        timeout_seconds = self.timeout_seconds if timeout_seconds is None else timeout_seconds
        with self._failures_of_the_file(), closing(Staging(Path(self.path))) as staging:
            if self._is_new():
                self._create(timeout_seconds)
            with self._opened(timeout_seconds, writing=writing) as connection:
                if not changes_of(existing_tables(connection), self.path):
                    yield self._wrapped(connection, staging, timeout_seconds)
                    return
            self._create(timeout_seconds)  # after closing, because a connection that only reads cannot create tables
            with self._opened(timeout_seconds, writing=writing) as connection:
                yield self._wrapped(connection, staging, timeout_seconds)

    @contextmanager
    def copied_to(self, file: Path) -> Iterator[None]:
        """Copy all tables to the new DuckDB file `file`, and keep everybody else out of the warehouse until the end.

        Raises:
            WarehouseError: the warehouse is busy for too long or damaged, or the file cannot be written.
        """
        with self._failures_of_the_file(), self._opened(self.timeout_seconds, writing=True) as connection:
            connection.execute(f"ATTACH {literal(str(file), 'duckdb')} AS COPY")
            (name,) = connection.execute("SELECT current_database()").fetchall()[0]
            connection.execute(f'COPY FROM DATABASE "{name}" TO COPY')
            connection.execute("DETACH COPY")
            yield

    def rewrite(self) -> None:
        """Write the file anew. DuckDB keeps deleted rows in free blocks. Nobody else may use the warehouse meanwhile.

        Raises:
            WarehouseError: the warehouse is busy for too long or damaged, or the file cannot be written.
        """
        file = Path(self.path)
        draft = file.with_suffix(REWRITTEN)
        try:
            draft.unlink(missing_ok=True)  # of a process that was killed
            with self.copied_to(draft):
                pass
            draft.replace(file)  # the copy has all of the log, and a connection that writes leaves no log behind
        except OSError as error:
            raise WarehouseError(
                f"the warehouse {file} cannot be written anew ({error.strerror}): check its disk, then try again"
            ) from error

    def _wrapped(
        self, connection: "duckdb.DuckDBPyConnection", staging: Staging, timeout_seconds: float
    ) -> DuckDBConnection:
        attached = self.attached
        if attached is None:
            return DuckDBConnection(connection, staging)
        return DuckDBConnection(connection, staging, lambda: attach(connection, attached, timeout_seconds))

    @contextmanager
    def _failures_of_the_file(self) -> Iterator[None]:
        """Raise a `WarehouseError` for a failure of the file, its disk or the memory.

        A mistake in a statement or in its values is a mistake of the program, and stays the error of DuckDB.
        """
        import duckdb

        mistakes = (duckdb.ProgrammingError, duckdb.DataError, duckdb.IntegrityError, duckdb.NotSupportedError)
        try:
            yield
        except (*mistakes, duckdb.InterruptException):
            raise
        except duckdb.OutOfMemoryException as error:
            raise WarehouseError(
                f"the warehouse {self.path} needs more than {self.memory_gb:g} GB of memory: raise "
                f"warehouse.memory_gb, or free disk space for what does not fit. DuckDB says: {first_line(error)}"
            ) from error
        except duckdb.Error as error:
            raise WarehouseError(
                f"the warehouse {self.path} cannot be read or written: check that its disk has space and that it is a "
                "DuckDB database that you can write. Restore a damaged one with `make restore from=…`. "
                f"DuckDB says: {first_line(error)}"
            ) from error

    def _is_new(self) -> bool:
        """Whether the file does not exist and never did. Its folder is created.

        Raises:
            WarehouseError: the folder cannot be used, or other files show that the warehouse is lost.
        """
        file = Path(self.path)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            if not file.exists():
                _refuse_a_lost_warehouse(file)
            return not file.exists()
        except OSError as error:
            raise WarehouseError(
                f"cannot use the folder of {self.path} ({error.strerror}): set INTENT_PLATFORM_HOME to a folder that "
                "you can write"
            ) from error

    def _create(self, timeout_seconds: float) -> None:
        """Create the file and the tables that it needs, in one transaction."""
        with self._opened(timeout_seconds, writing=True) as connection:
            # The tables are listed again: another process may have created them while this one waited for the file.
            changes = changes_of(existing_tables(connection), self.path)
            connection.execute("BEGIN TRANSACTION")
            make_changes(changes, self.path, connection.execute, definition)
            connection.execute("COMMIT")

    @contextmanager
    def _opened(self, timeout_seconds: float, *, writing: bool) -> Iterator["duckdb.DuckDBPyConnection"]:
        import duckdb

        connection = retry_while_busy(
            lambda: duckdb.connect(self.path, read_only=not writing, config=_NO_DOWNLOADS),
            f"the warehouse {self.path}",
            timeout_seconds,
        )
        try:
            connection.execute(f"SET TimeZone = '{TIMEZONE_NAME}'")
            connection.execute(f"SET memory_limit = '{self.memory_gb}GB'")
            connection.execute("SET preserve_insertion_order = false")  # so large inserts need little memory
            yield connection
        finally:
            connection.close()


def _refuse_a_lost_warehouse(file: Path) -> None:
    """Raise an error if other files of the home show that the missing warehouse existed. A new one would be empty."""
    artifacts = file.with_name(ARTIFACTS)
    if file.with_name(RESTORING).exists():
        raise WarehouseError(
            f"a restore of {file.parent} was interrupted: restore the same backup again with `make restore from=…`"
        )
    if artifacts.is_dir() and any(artifacts.iterdir()):
        raise WarehouseError(
            f"{file} is missing, but {artifacts} has the files of versions: restore it from a backup with "
            "`make restore from=…`, or move that folder and mlflow.db away to start anew"
        )
