"""Files that another process may hold: opened patiently, and read as they are where they are somebody else's."""

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from intent_platform.errors import FeedError, WarehouseError, first_line
from intent_platform.settings.feeds import ATTACHED

if TYPE_CHECKING:
    import duckdb

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0
_TYPES = {
    "VARCHAR": {"VARCHAR", "UUID"},
    "INTEGER": {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT"},
    "DOUBLE": {"FLOAT", "DOUBLE"},
    "TIMESTAMP_NTZ": {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"},
}
_CONTRACT_TYPES = {theirs: ours for ours, several in _TYPES.items() for theirs in several}
_DECIMAL = re.compile(r"DECIMAL\(\d+,(\d+)\)")

Opened = TypeVar("Opened")


def retry_while_busy(attempt: Callable[[], Opened], what: str, timeout_seconds: float) -> Opened:
    """The result of `attempt`, which is repeated for `timeout_seconds` seconds while another process holds the file.

    Raises:
        WarehouseError: patience ended; the text names `what` and who holds it.
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
                    "wait for it or stop it, then try again"
                ) from error
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def attach(connection: "duckdb.DuckDBPyConnection", file: str, timeout_seconds: float) -> None:
    """Read `file` beside the connection's own database, as `ATTACHED`. Nothing can be written to it.

    Raises:
        FeedError: it is no DuckDB database, or not there.
        WarehouseError: another process writes to it for too long.
    """
    import duckdb

    quoted = file.replace("'", "''")
    statement = f"ATTACH IF NOT EXISTS '{quoted}' AS {ATTACHED} (READ_ONLY)"
    try:
        retry_while_busy(lambda: connection.execute(statement), f"the observed table's file {file}", timeout_seconds)
    except duckdb.Error as error:
        raise FeedError(
            f"the observed table's file {file} cannot be read: {first_line(error)}; name a DuckDB file in table.file"
        ) from error


def described(connection: "duckdb.DuckDBPyConnection", relation: str) -> dict[str, str]:
    """The columns of a relation in upper case, and their types by the contract's names; see `ports.Connection`."""
    import duckdb

    try:
        columns = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    except duckdb.Error as error:
        raise FeedError(
            f"the observed table {relation} cannot be read: {first_line(error)}; create it, or name another one in "
            f"table.relation ({ATTACHED} is the file of table.file)"
        ) from error
    return {name.upper(): contract_type(kind) for name, kind, *_ in columns}


def contract_type(kind: str) -> str:
    """The contract's name of a type of DuckDB; DuckDB's own where the contract has none."""
    decimal = _DECIMAL.fullmatch(kind)
    if decimal:
        return "DOUBLE" if int(decimal[1]) else "INTEGER"
    return _CONTRACT_TYPES.get(kind, kind)


def _is_busy(error: Exception) -> bool:
    text = str(error)
    return any(sign in text for sign in ("Conflicting lock", "different configuration", "file handle conflict"))


def _holder(error: Exception) -> str:
    found = re.search(r"held in (.+?) \(PID (\d+)\)", str(error))
    return f"process {found[2]} ({found[1]})" if found else "another connection of this process"
