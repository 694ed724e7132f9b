"""Raw sessions that are too old: the first day that is kept, the refusal of earlier days, and the deletion.

Raw sessions are the rows of SOURCE and SOURCE_REJECTED and the session files. What follows from them stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from intent_platform.errors import RawSessionsDeleted
from intent_platform.partitions import Window, first_kept_day, now, wall_clock
from intent_platform.platforms.local.session_copies import delete_old_copies
from intent_platform.platforms.local.warehouse import DuckDBWarehouse
from intent_platform.platforms.ports import Connection, Platform
from intent_platform.sessions.expired_files import delete_expired_files
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.tables import SOURCE, SOURCE_REJECTED, Table

_RECORD = "INSERT INTO RAW_DELETIONS SELECT :kept_from, :sessions, :rejected, :at, :run_id"


@dataclass(frozen=True)
class Expired:
    """What one run deleted.

    Attributes:
        kept_from: the first day whose raw sessions were kept.
        rows: the number of deleted rows by table.
        files: the names of the deleted session files.
        copies: the names of the deleted files and folders of the home that held copies of sessions.
    """

    kept_from: date
    rows: dict[str, int]
    files: Sequence[str]
    copies: Sequence[str]

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        rows = ", ".join(f"{count:,} rows of {table}" for table, count in self.rows.items())
        return f"Deleted raw sessions before {self.kept_from}: {rows}, {len(self.files)} accepted files."


def kept_from(connection: Connection, raw_days: int | None) -> date:
    """The first day that can be loaded or rebuilt; `date.min` if raw sessions of all days are kept.

    Deleted days stay deleted when the setting grows. A feed that delivers them again would otherwise bring them back.
    """
    deleted: date | None = connection.value("SELECT MAX(KEPT_FROM) AS DAY FROM RAW_DELETIONS")
    return max(deleted or date.min, first_kept_day(raw_days))


def require_kept(connection: Connection, window: Window, raw_days: int | None) -> None:
    """Refuse a window that has a day without raw sessions.

    Raises:
        RawSessionsDeleted: a day of `window` is before the first day that is kept.
    """
    first = kept_from(connection, raw_days)
    if window.start < first:
        raise RawSessionsDeleted(
            f"the raw sessions of {window} cannot be used: those before {first} are deleted for their age "
            f"(retention.raw_days), and what was made from them stays. Choose days from {first} on"
        )


def kept_days(connection: Connection, window: Window, raw_days: int | None) -> Window:
    """The days of `window` whose raw sessions are kept; an empty window if there are none."""
    start = min(max(window.start, kept_from(connection, raw_days)), window.end)
    return Window(start, window.end)


def delete_expired(
    platform: Platform, source: Feed | ObservedTable, raw_days: int, landing: Path, *, run_id: str
) -> Expired:
    """Delete the raw sessions of all days that are older than `raw_days` days: rows in one transaction, then files.

    A rerun finds nothing to delete and changes nothing. A run that was killed between the two is completed by the next.
    SOURCE stays if it is the observed table, which somebody else fills.

    Args:
        platform: the platform with the tables.
        source: where the sessions come from.
        raw_days: the value of the setting.
        landing: the landing folder.
        run_id: the run that deletes, for RAW_DELETIONS.

    Raises:
        WarehouseError: the warehouse is busy for too long; nothing was deleted.
        FeedError: a file cannot be deleted; the rows are.
    """
    first = first_kept_day(raw_days)
    owned = [SOURCE, SOURCE_REJECTED]
    if isinstance(source, ObservedTable) and source.may_be_own_source:
        owned.remove(SOURCE)
    with platform.warehouse.connect(writing=True) as connection, connection.transaction():
        rows = _delete_rows(connection, owned, first, run_id)
    files = delete_expired_files(landing, first)
    copies: Sequence[str] = ()
    if isinstance(platform.warehouse, DuckDBWarehouse):
        copies = delete_old_copies(Path(platform.warehouse.path), first)
    return Expired(first, rows, files, copies)


def _delete_rows(connection: Connection, tables: Sequence[Table], first: date, run_id: str) -> dict[str, int]:
    """Delete the rows of all days before `first` within the open transaction, and record it."""
    rows = {
        table.name: connection.execute(f"DELETE FROM {table.name} WHERE {table.date_column} < :first", first=first)
        for table in tables
    }
    if any(rows.values()):
        connection.execute(
            _RECORD,
            kept_from=first,
            sessions=rows.get(SOURCE.name, 0),
            rejected=rows.get(SOURCE_REJECTED.name, 0),
            at=wall_clock(now()),
            run_id=run_id,
        )
    return rows
