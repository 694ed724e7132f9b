"""Database files: waits for a busy one, attaches one, describes its tables, and finds damage in one of SQLite."""

import re
import sqlite3
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from intent_platform.errors import FeedError, WarehouseError, first_line, on_one_line
from intent_platform.settings.feeds import ATTACHED

if TYPE_CHECKING:
    import duckdb

#: In the home folder while a restore puts a backup in its place.
RESTORING = ".restoring"
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0
#: For each type of the contract, the DuckDB types that count as this type.
_TYPES = {
    "VARCHAR": {"VARCHAR", "UUID"},
    "INTEGER": {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT"},
    "DOUBLE": {"FLOAT", "DOUBLE"},
    "TIMESTAMP_NTZ": {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"},
}
_CONTRACT_TYPES = {kind: contract for contract, kinds in _TYPES.items() for kind in kinds}
_DECIMAL = re.compile(r"DECIMAL\(\d+,(\d+)\)")

Opened = TypeVar("Opened")


def retry_while_busy(attempt: Callable[[], Opened], what: str, timeout_seconds: float) -> Opened:
    """Call `attempt` until it succeeds, and return its result. Only a busy file leads to another attempt.

    Args:
        attempt: opens the file.
        what: the file in words, for the message.
        timeout_seconds: how long to wait for the file, in seconds.

    Raises:
        WarehouseError: the file was still busy after the timeout. The message names the process that holds it.
    """
    import duckdb

    deadline = time.monotonic() + timeout_seconds
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            return attempt()
        except duckdb.Error as error:
            if not _is_busy(error):
                raise
            if time.monotonic() + pause > deadline:
                raise WarehouseError(
                    f"{what} is held by {_holder(error)} and did not become free within {timeout_seconds:g} s: "
                    "wait until it ends or stop it, then try again"
                ) from error
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def attach(connection: "duckdb.DuckDBPyConnection", file: str, timeout_seconds: float) -> None:
    """Attach `file` to the connection as the read-only database `ATTACHED`.

    Raises:
        FeedError: the file does not exist or is not a DuckDB database.
        WarehouseError: another process holds the file for longer than the timeout.
    """
    import duckdb

    quoted = file.replace("'", "''")
    statement = f"ATTACH IF NOT EXISTS '{quoted}' AS {ATTACHED} (READ_ONLY)"
    try:
        retry_while_busy(lambda: connection.execute(statement), f"the observed table's file {file}", timeout_seconds)
    except duckdb.Error as error:
        raise FeedError(
            f"the observed table's file {file} cannot be read: set table.file to a DuckDB database. "
            f"DuckDB says: {first_line(error)}"
        ) from error


def described(connection: "duckdb.DuckDBPyConnection", relation: str) -> dict[str, str]:
    """The columns of a table or view in upper case, with their types; see `ports.Connection.describe`."""
    import duckdb

    try:
        columns = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    except duckdb.Error as error:
        raise FeedError(
            f"the observed table {relation} cannot be read: create it, or set table.relation to another one "
            f"({ATTACHED} is the file of table.file). DuckDB says: {first_line(error)}"
        ) from error
    return {name.upper(): contract_type(kind) for name, kind, *_ in columns}


def fault_of(database: sqlite3.Connection) -> str | None:
    """What SQLite finds wrong in its database, on one line; None if it is whole."""
    (finding,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    return None if finding == "ok" else on_one_line(finding)


def contract_type(kind: str) -> str:
    """The contract's name of a DuckDB type, or DuckDB's own name if the contract has no such type."""
    decimal = _DECIMAL.fullmatch(kind)
    if decimal:
        return "DOUBLE" if int(decimal[1]) else "INTEGER"
    return _CONTRACT_TYPES.get(kind, kind)


def _is_busy(error: Exception) -> bool:
    text = str(error)  # DuckDB raises the same class for other failures, so only the text tells them apart
    return any(sign in text for sign in ("Conflicting lock", "different configuration", "file handle conflict"))


def _holder(error: Exception) -> str:
    holder = re.search(r"held in (.+?) \(PID (\d+)\)", str(error))
    return f"process {holder[2]} ({holder[1]})" if holder else "another connection of this process"
