"""Replacing partitions: one transaction each, so that a reader sees the old rows or the new ones, never half.

Statements that several assets share. Which rows belong into a partition is said by the asset's own SQL.
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
#: Which rows have a key that came before in the same load. Numbering the arrivals of every key is dear: only those
#: keys are numbered whose hash came more than once, and hardly ever is there one.
_FIND_REPEATED = f"""
    SELECT ARRIVAL FROM RECEIVED
    WHERE HASH({_KEY}) IN (SELECT HASH({_KEY}) FROM RECEIVED GROUP BY 1 HAVING COUNT(*) > 1)
    QUALIFY ROW_NUMBER() OVER (PARTITION BY {_KEY} ORDER BY ARRIVAL) > 1
"""
_IS_REPEATED = "ARRIVAL IN (SELECT ARRIVAL FROM REPEATED)"
_ACCEPT = f"""
    INSERT INTO SOURCE ({", ".join(SOURCE.column_names)})
    SELECT {_ATTRIBUTES}, :feed, :at FROM RECEIVED WHERE NOT {_IS_REPEATED}
"""
_REJECT = """
    INSERT INTO SOURCE_REJECTED (SESSION_DATE, RAW, REASONS, FEED, ORIGIN, REJECTED_AT)
    SELECT CASE WHEN SESSION_DATE IS NULL THEN :undated WHEN SESSION_DATE < :start OR SESSION_DATE >= :end THEN :start
        ELSE SESSION_DATE END, RAW, REASONS, :feed, ORIGIN, :at
    FROM REFUSED
"""
#: A file that comes again has its rows rejected again: once is enough.
_FORGET_REFUSED = """
    DELETE FROM SOURCE_REJECTED WHERE FEED = :feed AND (ORIGIN, RAW) IN (SELECT ORIGIN, RAW FROM REFUSED)
"""
_FORGET_REPEATED = f"""
    DELETE FROM SOURCE_REJECTED WHERE FEED = :feed
    AND (ORIGIN, RAW) IN (SELECT ORIGIN, {_AS_JSON} FROM RECEIVED WHERE {_IS_REPEATED})
"""
_REJECT_REPEATED = f"""
    INSERT INTO SOURCE_REJECTED (SESSION_DATE, RAW, REASONS, FEED, ORIGIN, REJECTED_AT)
    SELECT SESSION_DATE, {_AS_JSON}, :reasons, :feed, ORIGIN, :at FROM RECEIVED WHERE {_IS_REPEATED}
"""
_REPEATED = json.dumps([f"{_KEY} came before in the same load"])


@dataclass(frozen=True)
class LoadCounts:
    """What became of the rows a feed delivered: `received = accepted + rejected`."""

    received: int
    accepted: int
    rejected: int


def in_window(table: Table) -> str:
    """The condition `:start <= date < :end` on the table's date column."""
    return f"{table.date_column} >= :start AND {table.date_column} < :end"


def delete_window(
    connection: Connection, table: Table, window: Window, condition: str = "TRUE", **values: Value
) -> int:
    """Delete the rows of `window` that meet `condition`; how many there were."""
    return connection.execute(
        f"DELETE FROM {table.name} WHERE {in_window(table)} AND {condition}",
        **window.bounds,
        **values,
    )


def replace_window(connection: Connection, table: Table, window: Window, select: str, **values: Value) -> int:
    """Replace the table's rows of `window` by those of `select`, which binds `:start` and `:end`; how many.

    `select` gives the table's columns in order.
    """
    with connection.transaction():
        return refill_window(connection, table, window, select, **values)


def refill_window(connection: Connection, table: Table, window: Window, select: str, **values: Value) -> int:
    """What `replace_window` does, within a transaction that is under way."""
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
) -> LoadCounts:
    """Load what a feed delivered for `window`, accepted rows into SOURCE, the others into SOURCE_REJECTED.

    With `replacing` the window is replaced whole; without it, rows are replaced by key and everything else
    stays. A key that comes twice in one load is accepted once, the first time; the other rows are rejected.
    Rejected rows without a readable date are filed under the day `undated`, those of a day outside of the window under
    its first day: so a load of the same window replaces them. All are stamped `at` (Asia/Tokyo wall clock).

    Raises:
        RuntimeError: accepted + rejected is not received; nothing was loaded.
    """
    received = 0
    for batch in chain((ValidatedBatch.empty(),), batches):  # the empty one makes both temporary tables
        arrivals = pa.array(np.arange(received, received + batch.accepted.num_rows))
        connection.stage("RECEIVED", batch.accepted.append_column("ARRIVAL", arrivals))
        connection.stage("REFUSED", batch.rejected)
        received += batch.accepted.num_rows + batch.rejected.num_rows
    connection.stage("REPEATED", connection.fetch(_FIND_REPEATED))
    with connection.transaction():
        if replacing:
            delete_window(connection, SOURCE, window)
            delete_window(connection, SOURCE_REJECTED, window, "FEED = :feed", feed=feed)
        else:
            connection.execute(
                "DELETE FROM SOURCE WHERE (UID, SESSION_DATE) IN (SELECT UID, SESSION_DATE FROM RECEIVED)"
            )
            connection.execute(_FORGET_REFUSED, feed=feed)
            connection.execute(_FORGET_REPEATED, feed=feed)
        accepted = connection.execute(_ACCEPT, feed=feed, at=at)
        rejected = connection.execute(_REJECT, feed=feed, at=at, undated=undated, **window.bounds)
        rejected += connection.execute(_REJECT_REPEATED, feed=feed, at=at, reasons=_REPEATED)
        if accepted + rejected != received:
            raise RuntimeError(f"{received} rows received, but {accepted} accepted and {rejected} rejected")
    return LoadCounts(received, accepted, rejected)
