"""Runs statements on a connection of Snowflake's client, which the caller opens and closes.

The module does not import Dagster, because the stored procedures use it inside Snowflake.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from intent_platform.errors import FeedError
from intent_platform.platforms.ports import Connection, ScoringModel, Value
from intent_platform.platforms.snowflake.failures import explained, on_one_line
from intent_platform.platforms.snowflake.results import as_table
from intent_platform.platforms.snowflake.statements import bound
from intent_platform.platforms.versions import MODEL_NAME

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection as Client
    from snowflake.connector.cursor import ResultMetadata, SnowflakeCursor

_STAGE = "ARRIVING"  # temporary, so only this connection sees it


class SnowflakeConnection(Connection):
    """An open connection to Snowflake; see `ports.Connection`. Error messages name values of `parameters`.

    With a `tag`, each statement carries it instead of the query tag of the client's session.
    """

    def __init__(self, client: "Client", parameters: Mapping[str, Any], tag: str | None = None) -> None:
        self._client = client
        self._parameters = parameters
        # Only with a tag, because nobody has tried the argument inside a stored procedure.
        self._options: dict[str, Any] = {} if tag is None else {"_statement_params": {"QUERY_TAG": tag}}
        self._model: str | None = None
        self._staged: dict[str, int] = {}  # the files of each temporary table

    def fetch(self, sql: str, **values: Value) -> pa.Table:
        """All rows of a query as an Arrow table."""
        with self._executed(bound(sql, values, self._model)) as cursor:
            return as_table(cursor)

    def execute(self, sql: str, **values: Value) -> int:
        """Run one statement, and return the number of rows that it changed."""
        with self._executed(bound(sql, values, self._model)) as cursor:
            return max(0, cursor.rowcount or 0)  # the client has no count for some statements

    def show(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a SHOW statement, by column name."""
        with self._executed(sql) as cursor:
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def stage(self, name: str, batch: pa.Table) -> None:
        """Append `batch` to the temporary table `name`. A table of the session's earlier caller is replaced."""
        if name not in self._staged:
            columns = ", ".join(f'"{field.name}" {_sql_type(field.type)}' for field in batch.schema)
            self.execute(f"CREATE OR REPLACE TEMPORARY TABLE {name} ({columns})")
            self._staged[name] = 0
        if batch.num_rows > 0:
            self._append(name, batch)

    def _append(self, name: str, batch: pa.Table) -> None:
        """Append rows as a Parquet file on a temporary stage."""
        if not any(self._staged.values()):
            self.execute(f"CREATE TEMPORARY STAGE IF NOT EXISTS {_STAGE}")
        self._staged[name] += 1
        with TemporaryDirectory() as folder, self._cursor() as cursor:
            file = Path(folder) / f"{name.lower()}_{self._staged[name]}.parquet"
            pq.write_table(batch, file, compression="snappy")
            upload = f"PUT 'file://{file.as_posix()}' @{_STAGE} AUTO_COMPRESS = FALSE OVERWRITE = TRUE"
            cursor.execute(upload, **self._options)
            cursor.execute(
                f"COPY INTO {name} FROM @{_STAGE}/{file.name} FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE) "
                "MATCH_BY_COLUMN_NAME = CASE_SENSITIVE PURGE = TRUE",
                **self._options,
            )

    def describe(self, relation: str) -> dict[str, str]:
        """The columns of a table or view that somebody else owns, with their types. Needs no virtual warehouse."""
        from snowflake.connector import errors

        with self._cursor() as cursor:
            try:
                columns = cursor.describe(f"SELECT * FROM {relation}", **self._options)
            except errors.ProgrammingError as error:
                raise FeedError(
                    f"the observed table {relation} cannot be read: create it, set table.relation to another one, or "
                    "grant the role SELECT on it and USAGE on its database and schema. "
                    f"Snowflake says: {on_one_line(error)}"
                ) from error
        return {column.name: _contract_type(column) for column in columns}

    def use_model(self, scoring_model: ScoringModel) -> None:
        """Bind the scoring function to the method of the registered version. No row leaves the warehouse."""
        self._model = f"{MODEL_NAME}, {scoring_model.version.upper()}"

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end, or roll back if an exception is raised. Do not run DDL inside: Snowflake would commit."""
        from snowflake.connector import errors

        self.execute("BEGIN TRANSACTION")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            with suppress(errors.Error):  # a lost connection already ended the transaction
                self._client.cursor().execute("ROLLBACK", **self._options)
            raise

    @contextmanager
    def _executed(self, sql: str) -> Iterator["SnowflakeCursor"]:
        with self._cursor() as cursor:
            cursor.execute(sql, **self._options)
            yield cursor

    @contextmanager
    def _cursor(self) -> Iterator["SnowflakeCursor"]:
        with explained(self._parameters), self._client.cursor() as cursor:
            yield cursor


def _sql_type(arrow: pa.DataType) -> str:
    if pa.types.is_boolean(arrow):
        return "BOOLEAN"
    if pa.types.is_integer(arrow):
        return "INTEGER"
    if pa.types.is_floating(arrow):
        return "DOUBLE"
    if pa.types.is_date(arrow):
        return "DATE"
    if pa.types.is_timestamp(arrow):
        return "TIMESTAMP_NTZ"
    if pa.types.is_string(arrow) or pa.types.is_large_string(arrow):
        return "VARCHAR"
    raise TypeError(f"Arrow's type {arrow} has no SQL type here: add it to _sql_type")


def _contract_type(column: "ResultMetadata") -> str:
    from snowflake.connector.constants import FIELD_ID_TO_NAME

    match FIELD_ID_TO_NAME[column.type_code]:
        case "FIXED":
            return "DOUBLE" if column.scale else "INTEGER"
        case "REAL":
            return "DOUBLE"
        case "TEXT":
            return "VARCHAR"
        case other:
            return other
