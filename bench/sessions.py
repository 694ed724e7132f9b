"""The UCI sessions as rows of the product's DATASET, and the same rows with other dates.

The product's feed, contract, load and feature SQL make the rows, in a local warehouse in a temporary home. A session's
features do not depend on its date, so other dates are set on the finished rows.
"""

import tempfile
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid5

import pyarrow as pa
import pyarrow.compute as pc

from intent_platform.partitions import now, wall_clock
from intent_platform.pipeline.dataset import refill_dataset
from intent_platform.platforms.loading import load_sessions
from intent_platform.platforms.local.warehouse import DuckDBWarehouse
from intent_platform.sessions.contract import validate
from intent_platform.sessions.uci import UciFeed, session_day
from intent_platform.settings import Settings, load_settings
from intent_platform.tables import DATASET, MONTH_NAMES

_YEAR = 2024


@dataclass(frozen=True)
class Calendar:
    """An order of UCI's months: `first_month` and later ones are in one year, and earlier ones in the next year."""

    first_month: int

    def month(self, number: int) -> date:
        """The first day of month `number` (January is 1)."""
        return date(_YEAR if number >= self.first_month else _YEAR + 1, number, 1)

    def __str__(self) -> str:
        return f"year from {MONTH_NAMES[self.first_month - 1]}"


#: UCI's own order, February to December, and an order that starts in August, so February follows December.
CALENDARS = (Calendar(1), Calendar(8))


def bench_settings(csv: Path | None) -> Settings:
    """The product's settings for the UCI feed. Without `csv`, `INTENT_PLATFORM_UCI_CSV` names the file."""
    given = {"year": _YEAR, "session_dates": "month_start"}
    return load_settings(feed="uci", uci=given if csv is None else given | {"csv": csv})


def dataset_rows(settings: Settings) -> pa.Table:
    """All rows of DATASET in order of UID, with one more column: MONTH, the number of the session's month.

    The order is fixed, so folds by row number are the same every time.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        feed = UciFeed(settings.model_copy(update={"home": home, "first_day": date(_YEAR, 1, 1)}))
        warehouse = DuckDBWarehouse(
            path=str(home / "warehouse.duckdb"),
            timeout_seconds=settings.warehouse.timeout_seconds,
            memory_gb=settings.warehouse.memory_gb,
        )
        window = feed.extent()
        with warehouse.connect(writing=True) as connection:
            with feed.deliver(window) as batches:
                load_sessions(
                    connection,
                    window,
                    (validate(batch, window) for batch in batches),
                    feed=feed.name,
                    replacing=True,
                    undated=window.start,
                    at=wall_clock(now()),
                )
            refill_dataset(connection, window, feed)
            rows = connection.fetch(f"SELECT * FROM {DATASET.name}").sort_by("UID")
    return rows.append_column("MONTH", pc.cast(pc.month(rows["SESSION_DATE"]), pa.int64()))


def placed(rows: pa.Table, calendar: Calendar, spread: int) -> pa.Table:
    """The same rows with SESSION_DATE in `calendar`, on a day of the month that the seed `spread` picks.

    Spread 0 gives the same days as the product's setting `uci.session_dates: spread`. Sessions of a weekend get
    weekend days, and the others get weekdays.
    """
    dates = []
    for text, month, weekend in zip(*(rows[name].to_pylist() for name in ("UID", "MONTH", "WEEKEND")), strict=True):
        uid = UUID(text) if spread == 0 else uuid5(UUID(text), str(spread))
        dates.append(session_day(calendar.month(month), "spread", uid, is_weekend=bool(weekend)))
    position = rows.schema.get_field_index("SESSION_DATE")
    return rows.set_column(position, "SESSION_DATE", pa.array(dates, pa.date32()))


def fingerprint(rows: pa.Table) -> str:
    """A hash of the rows without their dates, which identifies them in stored results."""
    content = rows.drop_columns(["SESSION_DATE"]).combine_chunks()
    digest = sha256()
    for batch in content.to_batches():
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            digest.update(name.encode())
            digest.update(repr(column.to_pylist()).encode())
    return digest.hexdigest()[:16]
