"""Reading an observed table: the state of its days, and its rows on their way into DATASET.

The platform only reads the table, and no row leaves the warehouse.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from intent_platform.errors import FeedError
from intent_platform.partitions import Window, add_months, now, wall_clock
from intent_platform.pipeline.expiry import require_kept
from intent_platform.platforms.contract_sql import objection_to
from intent_platform.platforms.loading import LoadCounts, delete_window, in_window, refill_window
from intent_platform.platforms.ports import Connection
from intent_platform.sessions.observed_table import COLUMNS, ObservedTable
from intent_platform.tables import DATASET, SOURCE, SOURCE_REJECTED

_NAMES = [column.name for column in COLUMNS]
_SESSION = [name for name in _NAMES if name != "LOADED_AT"]
_CELLS = [f"CAST({c.name} AS VARCHAR) AS {c.name}" if c.type == "VARCHAR" else c.name for c in COLUMNS]
_OBJECTIONS = [objection_to(column) for column in COLUMNS]
_REPEATED = f"{', '.join(SOURCE.key)} is repeated by a row that was loaded later"
#: Gives dataset.sql the valid rows under the name that it selects from.
_VALID = f"""
    WITH SOURCE AS (
        SELECT LOWER(UID) AS UID, {", ".join(name for name in _NAMES if name != "UID")} FROM OBSERVED
        WHERE NOT BROKEN AND NTH = 1
    )
"""
_ALL_OBJECTIONS = [*_OBJECTIONS, f"CASE WHEN NOT BROKEN THEN '{_REPEATED}' END"]
#: A JSON array of sentences without quotes. DuckDB 2 refuses sqlglot's translation of ARRAY_CONSTRUCT_COMPACT.
_REASONS = " || ".join(f"COALESCE(', \"' || {objection} || '\"', '')" for objection in _ALL_OBJECTIONS)
#: JSON has neither NaN nor infinity. The reason names them.
_FINITE = "NULLIF(NULLIF(NULLIF({0}, CAST('NaN' AS DOUBLE)), CAST('inf' AS DOUBLE)), CAST('-inf' AS DOUBLE))"
_PAIRS = ", ".join(f"'{c.name}', {_FINITE.format(c.name) if c.type == 'DOUBLE' else c.name}" for c in COLUMNS)
_REJECT = f"""
    INSERT INTO SOURCE_REJECTED ({", ".join(SOURCE_REJECTED.column_names)})
    SELECT COALESCE(SESSION_DATE, :undated), TO_JSON(OBJECT_CONSTRUCT_KEEP_NULL({_PAIRS})),
        '[' || SUBSTR({_REASONS}, 3) || ']', :feed, :origin, :at
    FROM OBSERVED WHERE BROKEN OR NTH > 1
"""


@dataclass(frozen=True)
class DayState:
    """The state of a day of the table. `newest` is the latest LOADED_AT, Asia/Tokyo wall clock."""

    rows: int
    newest: datetime | None = None

    @property
    def version(self) -> str:
        """A text that is equal for equal states, and differs when rows were added, removed or loaded again."""
        return f"{self.rows} rows, {self.newest.isoformat(sep=' ') if self.newest else 'no time'}"


@dataclass(frozen=True)
class ObservedLoad:
    """The counts of a loaded window, and the state in which its days were read."""

    counts: LoadCounts
    days: Mapping[date, DayState]


def in_days(observed: ObservedTable, window: Window) -> str:
    """The condition that a row belongs to the days `:start <= day < :end` of `window`."""
    undated = " OR SESSION_DATE IS NULL" if observed.first_day in window else ""
    return f"({in_window(observed.table)}{undated})"


def prepare_observed(connection: Connection, observed: ObservedTable) -> None:
    """Attach the table if it is in a file of its own, and compare its columns with the contract.

    Raises:
        FeedError: the table is missing, may not be read, lacks columns or has other types. The text names them.
        WarehouseError: another process holds the file.
    """
    found = connection.describe(observed.table.name)
    missing = [column.name for column in COLUMNS if column.name not in found]
    if missing:
        raise FeedError(
            f"the observed table {observed.title} lacks {', '.join(missing)}: "
            "name a table or view in table.relation that has them"
        )
    others = [
        f"{column.name} as {found[column.name]}, not {column.type}"
        for column in COLUMNS
        if found[column.name] != column.type and (column.type, found[column.name]) != ("DOUBLE", "INTEGER")
    ]
    if others:
        raise FeedError(
            f"the observed table {observed.title} has {'; '.join(others)}: "
            "name a view in table.relation that casts them"
        )


def days_held(connection: Connection, observed: ObservedTable, window: Window) -> dict[date, DayState]:
    """The state of each day of `window` that has rows.

    Raises:
        FeedError, WarehouseError: see `prepare_observed`.
    """
    prepare_observed(connection, observed)
    return _days(connection, observed, observed.table.name, window)


def observed_extent(connection: Connection, observed: ObservedTable) -> Window | None:
    """The days from the first month with rows to the last day with rows; None for an empty table.

    Raises:
        FeedError, WarehouseError: see `prepare_observed`.
    """
    days = days_held(connection, observed, Window(observed.first_day, max(observed.first_day, now().date())))
    if not days:
        return None
    return Window(max(observed.first_day, add_months(min(days), 0)), max(days) + timedelta(days=1))


def load_observed_window(connection: Connection, observed: ObservedTable, window: Window, select: str) -> ObservedLoad:
    """Replace `window` in DATASET by `select` over the valid rows. The other rows go to SOURCE_REJECTED.

    One transaction does both, and every row of the window is accounted for.

    Raises:
        FeedError, WarehouseError: see `prepare_observed`.
        RawSessionsDeleted: the window has a day whose raw sessions are not kept. Nothing was changed.
        RuntimeError: accepted + rejected differs from received. Nothing was changed.
    """
    prepare_observed(connection, observed)
    connection.execute(_read(observed, window), **window.bounds)
    days = _days(connection, observed, "OBSERVED", window)
    received = sum(state.rows for state in days.values())
    with connection.transaction():
        delete_window(connection, SOURCE_REJECTED, window, "FEED = :feed", feed=observed.name)
        rejected = connection.execute(
            _REJECT, undated=observed.first_day, feed=observed.name, origin=observed.title, at=wall_clock(now())
        )
        accepted = refill_window(connection, DATASET, window, _VALID + select)
        require_kept(connection, window, observed.raw_days)
        if accepted + rejected != received:
            raise RuntimeError(f"{received} rows received, but {accepted} accepted and {rejected} rejected")
    return ObservedLoad(LoadCounts(received, accepted, rejected), days)


def _read(observed: ObservedTable, window: Window) -> str:
    """The one statement that reads the table. Others may write meanwhile, and all later steps use what it copied.

    Among valid rows with the same key, in any case, number 1 is the row that was loaded last.
    """
    return f"""
        CREATE OR REPLACE TEMPORARY TABLE OBSERVED AS
        WITH ARRIVED AS (SELECT {", ".join(_CELLS)} FROM {observed.table.name} WHERE {in_days(observed, window)}),
        JUDGED AS (SELECT *, COALESCE({", ".join(_OBJECTIONS)}) IS NOT NULL AS BROKEN FROM ARRIVED)
        SELECT *, ROW_NUMBER() OVER (
            PARTITION BY LOWER(UID), SESSION_DATE, BROKEN ORDER BY LOADED_AT DESC, {", ".join(_SESSION)}
        ) AS NTH
        FROM JUDGED
    """


def _days(connection: Connection, observed: ObservedTable, relation: str, window: Window) -> dict[date, DayState]:
    held = connection.fetch(
        "SELECT COALESCE(SESSION_DATE, :undated) AS DAY, COUNT(*) AS COUNTED, "
        "MAX(CAST(LOADED_AT AS TIMESTAMP_NTZ(6))) AS NEWEST "
        f"FROM {relation} WHERE {in_days(observed, window)} GROUP BY 1",
        undated=observed.first_day,
        **window.bounds,
    )
    return {row["DAY"]: DayState(row["COUNTED"], row["NEWEST"]) for row in held.to_pylist()}
