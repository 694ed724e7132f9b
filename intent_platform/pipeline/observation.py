"""The table of the feed `table`, which somebody else fills: what its days hold, and taking its rows into DATASET.

It is read and never written. No row of it leaves the warehouse.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from intent_platform.errors import FeedError
from intent_platform.partitions import Window, add_months, now, wall_clock
from intent_platform.platforms.contract_sql import objection
from intent_platform.platforms.loading import LoadCounts, delete_window, in_window, refill_window
from intent_platform.platforms.ports import Connection
from intent_platform.sessions.observed_table import COLUMNS, ObservedTable
from intent_platform.tables import DATASET, SOURCE, SOURCE_REJECTED

_NAMES = [column.name for column in COLUMNS]
_SESSION = [name for name in _NAMES if name != "LOADED_AT"]
_CELLS = [f"CAST({c.name} AS VARCHAR) AS {c.name}" if c.type == "VARCHAR" else c.name for c in COLUMNS]
_OBJECTIONS = [objection(column) for column in COLUMNS]
_REPEATED = f"{', '.join(SOURCE.key)} come again, loaded later"
#: Gives the SELECT of dataset.sql the rows taken under the name that it reads.
_TAKEN = f"""
    WITH SOURCE AS (
        SELECT LOWER(UID) AS UID, {", ".join(name for name in _NAMES if name != "UID")} FROM OBSERVED
        WHERE NOT BROKEN AND NTH = 1
    )
"""  # noqa: S608
_HELD_AGAINST = [*_OBJECTIONS, f"CASE WHEN NOT BROKEN THEN '{_REPEATED}' END"]
#: A JSON array of sentences without quotes in them: what sqlglot makes of ARRAY_CONSTRUCT_COMPACT, DuckDB 2 refuses.
_REASONS = " || ".join(f"COALESCE(', \"' || {said} || '\"', '')" for said in _HELD_AGAINST)
#: JSON has neither NaN nor infinity; the reason tells of them.
_FINITE = "NULLIF(NULLIF(NULLIF({0}, CAST('NaN' AS DOUBLE)), CAST('inf' AS DOUBLE)), CAST('-inf' AS DOUBLE))"
_PAIRS = ", ".join(f"'{c.name}', {_FINITE.format(c.name) if c.type == 'DOUBLE' else c.name}" for c in COLUMNS)
_REJECT = f"""
    INSERT INTO SOURCE_REJECTED ({", ".join(SOURCE_REJECTED.column_names)})
    SELECT COALESCE(SESSION_DATE, :undated), TO_JSON(OBJECT_CONSTRUCT_KEEP_NULL({_PAIRS})),
        '[' || SUBSTR({_REASONS}, 3) || ']', :feed, :origin, :at
    FROM OBSERVED WHERE BROKEN OR NTH > 1
"""  # noqa: S608


@dataclass(frozen=True)
class DayState:
    """What a day of the table holds; `newest` is its latest LOADED_AT, Asia/Tokyo wall clock."""

    rows: int
    newest: datetime | None = None

    @property
    def version(self) -> str:
        """Equal for equal states; another one when rows came, went, or were loaded again."""
        return f"{self.rows} rows, {self.newest.isoformat(sep=' ') if self.newest else 'no time'}"


@dataclass(frozen=True)
class ObservedLoad:
    """What became of the rows of a window, and the state that its days were read in."""

    counts: LoadCounts
    days: Mapping[date, DayState]


def in_days(observed: ObservedTable, window: Window) -> str:
    """The condition that a row belongs to the days `:start <= day < :end` of `window`."""
    undated = " OR SESSION_DATE IS NULL" if observed.first_day in window else ""
    return f"({in_window(observed.table)}{undated})"


def prepare_observed(connection: Connection, observed: ObservedTable) -> None:
    """Bring the table to hand, and hold its columns to the contract.

    Raises:
        FeedError: it is missing, may not be read, lacks columns or has them of other types; the text names them.
        WarehouseError: another process holds it.
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
    """The days of `window` that the table has rows of.

    Raises:
        FeedError, WarehouseError: see `prepare_observed`.
    """
    prepare_observed(connection, observed)
    return _days(connection, observed, observed.table.name, window)


def observed_extent(connection: Connection, observed: ObservedTable) -> Window | None:
    """The partitions from the month of the first day with rows to the last such day; None when there is none.

    Raises:
        FeedError, WarehouseError: see `prepare_observed`.
    """
    days = days_held(connection, observed, Window(observed.first_day, max(observed.first_day, now().date())))
    if not days:
        return None
    return Window(max(observed.first_day, add_months(min(days), 0)), max(days) + timedelta(days=1))


def load_observed_window(connection: Connection, observed: ObservedTable, window: Window, select: str) -> ObservedLoad:
    """Replace `window` in DATASET by `select` over the rows that keep the contract; the others go to SOURCE_REJECTED.

    In one transaction. Every row of the window is accounted for.

    Raises:
        FeedError, WarehouseError: see `prepare_observed`.
        RuntimeError: accepted + rejected is not received; nothing was changed.
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
        accepted = refill_window(connection, DATASET, window, _TAKEN + select)
        if accepted + rejected != received:
            raise RuntimeError(f"{received} rows received, but {accepted} accepted and {rejected} rejected")
    return ObservedLoad(LoadCounts(received, accepted, rejected), days)


def _read(observed: ObservedTable, window: Window) -> str:
    """One statement reads the table, so that what is counted, taken and rejected is the same while others write it.

    Of the rows with one key (which is the same in capitals) that keep the contract, the first is the one loaded last.
    """
    return f"""
        CREATE OR REPLACE TEMPORARY TABLE OBSERVED AS
        WITH ARRIVED AS (SELECT {", ".join(_CELLS)} FROM {observed.table.name} WHERE {in_days(observed, window)}),
        JUDGED AS (SELECT *, COALESCE({", ".join(_OBJECTIONS)}) IS NOT NULL AS BROKEN FROM ARRIVED)
        SELECT *, ROW_NUMBER() OVER (
            PARTITION BY LOWER(UID), SESSION_DATE, BROKEN ORDER BY LOADED_AT DESC, {", ".join(_SESSION)}
        ) AS NTH
        FROM JUDGED
    """  # noqa: S608


def _days(connection: Connection, observed: ObservedTable, relation: str, window: Window) -> dict[date, DayState]:
    held = connection.fetch(
        "SELECT COALESCE(SESSION_DATE, :undated) AS DAY, COUNT(*) AS COUNTED, "  # noqa: S608
        "MAX(CAST(LOADED_AT AS TIMESTAMP_NTZ(6))) AS NEWEST "
        f"FROM {relation} WHERE {in_days(observed, window)} GROUP BY 1",
        undated=observed.first_day,
        **window.bounds,
    )
    return {row["DAY"]: DayState(row["COUNTED"], row["NEWEST"]) for row in held.to_pylist()}
