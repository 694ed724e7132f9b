"""Replaces the rows of a window in one transaction. A reader sees either all old rows or all new ones.

Several assets share these statements. The SQL of each asset selects the rows of its partitions.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain

import numpy as np
import pyarrow as pa

from intent_platform.partitions import Window
from intent_platform.platforms.ports import Connection, Value
from intent_platform.sessions.contract import ValidatedBatch
from intent_platform.tables import SESSION_COLUMNS, SOURCE, SOURCE_REJECTED, Table

_ATTRIBUTES = ", ".join(column.name for column in SESSION_COLUMNS)
_PAIRS = ", ".join(f"'{column.name}', {column.name}" for column in SESSION_COLUMNS)
_AS_JSON = f"TO_JSON(OBJECT_CONSTRUCT({_PAIRS}))"
_KEY = ", ".join(SOURCE.key)
#: Finds the rows whose key came earlier in the same load. Numbering every row would be slow, so the statement
#: numbers only the rows whose hash comes more than once, and such rows are rare.
_FIND_REPEATED = f"""
    SELECT ARRIVAL FROM RECEIVED
    WHERE HASH({_KEY}) IN (SELECT HASH({_KEY}) FROM RECEIVED GROUP BY 1 HAVING COUNT(*) > 1)
    QUALIFY ROW_NUMBER() OVER (PARTITION BY {_KEY} ORDER BY ARRIVAL) > 1
"""
_IS_REPEATED = "ARRIVAL IN (SELECT ARRIVAL FROM REPEATED)"
_FORGET_ACCEPTED = f"DELETE FROM SOURCE WHERE ({_KEY}) IN (SELECT {_KEY} FROM RECEIVED WHERE NOT {_IS_REPEATED})"
_ACCEPT = f"""
    INSERT INTO SOURCE ({", ".join(SOURCE.column_names)})
    SELECT {_ATTRIBUTES}, :feed, :at FROM RECEIVED WHERE NOT {_IS_REPEATED}
"""
#: A row whose date is outside the window is stored under the window's first day. A load that replaces this window
#: then deletes it. A row that is too old keeps its day, so it is deleted with the other raw sessions of that age.
_REJECT = """
    INSERT INTO SOURCE_REJECTED (SESSION_DATE, RAW, REASONS, FEED, ORIGIN, REJECTED_AT)
    SELECT CASE WHEN SESSION_DATE IS NULL THEN :undated WHEN SESSION_DATE < :kept_from THEN SESSION_DATE
        WHEN SESSION_DATE < :start OR SESSION_DATE >= :end THEN :start ELSE SESSION_DATE END,
        RAW, REASONS, :feed, ORIGIN, :at
    FROM REFUSED
"""
#: If a feed delivers a file again, its rejected rows replace the earlier copies. The statement compares distinct
#: digests, because the texts of millions of rows do not fit into memory.
_FORGET = """
    DELETE FROM SOURCE_REJECTED WHERE FEED = :feed
    AND MD5(ORIGIN || RAW) IN (SELECT DISTINCT MD5(ORIGIN || RAW) FROM {rejected})
"""
_FORGET_REFUSED = _FORGET.format(rejected="REFUSED")
_FORGET_REPEATED = _FORGET.format(
    rejected=f"(SELECT ORIGIN, {_AS_JSON} AS RAW FROM RECEIVED WHERE {_IS_REPEATED}) AGAIN"
)
_REJECT_REPEATED = f"""
    INSERT INTO SOURCE_REJECTED (SESSION_DATE, RAW, REASONS, FEED, ORIGIN, REJECTED_AT)
    SELECT SESSION_DATE, {_AS_JSON}, :reasons, :feed, ORIGIN, :at FROM RECEIVED WHERE {_IS_REPEATED}
"""
_REPEATED = json.dumps([f"{_KEY} is repeated from an earlier row of the same load"])


@dataclass(frozen=True)
class LoadCounts:
    """The row counts of one load: `received = accepted + rejected`."""

    received: int
    accepted: int
    rejected: int


def in_window(table: Table) -> str:
    """The condition `:start <= date < :end` on the table's date column."""
    return f"{table.date_column} >= :start AND {table.date_column} < :end"


def delete_window(
    connection: Connection, table: Table, window: Window, condition: str = "TRUE", **values: Value
) -> int:
    """Delete the rows of `window` that meet `condition`, and return their number."""
    return connection.execute(
        f"DELETE FROM {table.name} WHERE {in_window(table)} AND {condition}",
        **window.bounds,
        **values,
    )


def replace_window(connection: Connection, table: Table, window: Window, select: str, **values: Value) -> int:
    """Replace the rows of `window` in one transaction, and return the number of new rows.

    `select` returns the new rows, with the columns in the order of the table. It may use `:start` and `:end`.
    """
    with connection.transaction():
        return refill_window(connection, table, window, select, **values)


def refill_window(connection: Connection, table: Table, window: Window, select: str, **values: Value) -> int:
    """Do the same as `replace_window`, within the open transaction."""
    delete_window(connection, table, window)
    return connection.execute(
        f"INSERT INTO {table.name} ({', '.join(table.column_names)}) {select}",
        **window.bounds,
        **values,
    )


def load_sessions(
    connection: Connection,
    window: Window,
    batches: Iterable[ValidatedBatch],
    *,
    feed: str,
    replacing: bool,
    undated: date,
    at: datetime,
    kept_from: date = date.min,
) -> LoadCounts:
    """Load the batches of a feed in one transaction: valid rows into SOURCE, the others into SOURCE_REJECTED.

    If a key comes several times in one load, its first row is accepted and the others are rejected.

    Args:
        connection: a connection that can write, outside a transaction.
        window: the days that the feed delivers.
        batches: the validated batches, in the order of arrival.
        feed: the name of the feed.
        replacing: whether the load replaces the whole window. Otherwise it replaces rows by key and keeps all others.
        undated: the day under which rejected rows without a readable date are stored.
        at: the time of the load, as Asia/Tokyo wall-clock time.
        kept_from: the first day whose raw sessions are kept.

    Raises:
        RuntimeError: accepted + rejected differs from received. Nothing was loaded.
    """
    received = 0
    for batch in chain((ValidatedBatch.empty(),), batches):  # the empty batch creates both temporary tables
        arrivals = pa.array(np.arange(received, received + batch.accepted.num_rows))
        connection.stage("RECEIVED", batch.accepted.append_column("ARRIVAL", arrivals))
        connection.stage("REFUSED", batch.rejected)
        received += batch.accepted.num_rows + batch.rejected.num_rows
    # Staged here, because Snowflake ends a transaction that creates a table.
    connection.stage("REPEATED", connection.fetch(_FIND_REPEATED))
    with connection.transaction():
        if replacing:
            delete_window(connection, SOURCE, window)
            delete_window(connection, SOURCE_REJECTED, window, "FEED = :feed", feed=feed)
        else:
            connection.execute(_FORGET_ACCEPTED)
            connection.execute(_FORGET_REFUSED, feed=feed)
            connection.execute(_FORGET_REPEATED, feed=feed)
        accepted = connection.execute(_ACCEPT, feed=feed, at=at)
        rejected = connection.execute(_REJECT, feed=feed, at=at, undated=undated, kept_from=kept_from, **window.bounds)
        rejected += connection.execute(_REJECT_REPEATED, feed=feed, at=at, reasons=_REPEATED)
        if accepted + rejected != received:
            raise RuntimeError(f"{received} rows received, but {accepted} accepted and {rejected} rejected")
    return LoadCounts(received, accepted, rejected)
