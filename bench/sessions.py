"""The UCI sessions as the product's DATASET, and placed in other calendars and on other days of their month.

Feed, contract, load and feature SQL are the product's, run on its local warehouse in a temporary home. A session's
features do not depend on its date, so other dates are given to the finished rows.
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
from intent_platform.pipeline.dataset import build_dataset
from intent_platform.platforms.local.warehouse import DuckDBWarehouse
from intent_platform.platforms.publish import load_sessions
from intent_platform.sessions.contract import check
from intent_platform.sessions.uci import UciFeed, session_day
from intent_platform.settings import Settings, load_settings
from intent_platform.tables import DATASET, MONTH_NAMES

_YEAR = 2024


@dataclass(frozen=True)
class Calendar:
    """An order of UCI's months: `first_month` and those after it lie in one year, those before it in the next."""

    first_month: int

    def month(self, number: int) -> date:
        """The first day of month `number` (January is 1)."""
        return date(_YEAR if number >= self.first_month else _YEAR + 1, number, 1)

    def __str__(self) -> str:
        return f"year from {MONTH_NAMES[self.first_month - 1]}"


#: UCI's own order, February to December, and the one in which February and March follow December.
CALENDARS = (Calendar(1), Calendar(8))


def bench_settings(csv: Path | None) -> Settings:
    """The product's settings, with `csv` (else `INTENT_PLATFORM_UCI_CSV`) as the file."""
    given = {"year": _YEAR, "session_dates": "month_start"}
    return load_settings(feed="uci", uci=given if csv is None else given | {"csv": csv})


def dataset_rows(settings: Settings) -> pa.Table:
    """All rows of DATASET, by UID, and MONTH, the number of the session's month.

    The row order is fixed, whatever the engine returned, so that folds by row number are the same every time.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        feed = UciFeed(settings.model_copy(update={"home": home, "first_day": date(_YEAR, 1, 1)}))
        warehouse = DuckDBWarehouse(
            path=str(home / "warehouse.duckdb"),
            wait_seconds=settings.warehouse.wait_seconds,
            memory_gb=settings.warehouse.memory_gb,
        )
        window = feed.extent()
        with warehouse.session(writing=True) as session:
            with feed.deliver(window) as batches:
                load_sessions(
                    session,
                    window,
                    (check(batch, window) for batch in batches),
                    feed=feed.name,
                    replacing=True,
                    undated=window.start,
                    at=wall_clock(now()),
                )
            build_dataset(session, window)
            rows = session.fetch(f"SELECT * FROM {DATASET.name}").sort_by("UID")  # noqa: S608
    return rows.append_column("MONTH", pc.cast(pc.month(rows["SESSION_DATE"]), pa.int64()))


def placed(rows: pa.Table, calendar: Calendar, spread: int) -> pa.Table:
    """The same rows with SESSION_DATE in `calendar`, on a day of the month that the seed `spread` picks.

    Spread 0 is the product's own (setting `uci.session_dates: spread`); days keep to weekends as the session did.
    """
    dates = []
    for text, month, weekend in zip(*(rows[name].to_pylist() for name in ("UID", "MONTH", "WEEKEND")), strict=True):
        uid = UUID(text) if spread == 0 else uuid5(UUID(text), str(spread))
        dates.append(session_day(calendar.month(month), "spread", uid, is_weekend=bool(weekend)))
    position = rows.schema.get_field_index("SESSION_DATE")
    return rows.set_column(position, "SESSION_DATE", pa.array(dates, pa.date32()))


def fingerprint(rows: pa.Table) -> str:
    """Tells one set of rows from another, whatever their dates."""
    content = rows.drop_columns(["SESSION_DATE"]).combine_chunks()
    digest = sha256()
    for batch in content.to_batches():
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            digest.update(name.encode())
            digest.update(repr(column.to_pylist()).encode())
    return digest.hexdigest()[:16]
