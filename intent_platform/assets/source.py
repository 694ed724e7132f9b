"""`source`: raw sessions as the feed delivers them, each held to the contract of `tables.py`.

Rows that break it go to SOURCE_REJECTED with the reasons; accepted + rejected = received, always.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from intent_platform.assets.checks import table_checks
from intent_platform.assets.observed_source import observed_source
from intent_platform.assets.presentation import WRITER_POOL, record_row_counts, rows_by_day, table_metadata
from intent_platform.assets.source_checks import load_checks
from intent_platform.partitions import daily_partitions, days_window, now, wall_clock
from intent_platform.pipeline.observation import observed_table
from intent_platform.platforms.loading import load_sessions
from intent_platform.platforms.ports import Warehouse
from intent_platform.sessions.contract import RawBatch, validate
from intent_platform.sessions.feed import open_feed
from intent_platform.sessions.prefetch import prefetch
from intent_platform.settings import Settings
from intent_platform.tables import SOURCE, SOURCE_REJECTED


def source(settings: Settings) -> Sequence[dg.AssetsDefinition | dg.AssetSpec | dg.AssetChecksDefinition]:
    """The asset and its checks; with the feed `table` somebody else makes it."""
    observed = observed_table(settings)
    if observed is not None:
        return observed_source(settings, observed)

    @dg.asset(
        description=SOURCE.meaning + f". Feed: {settings.feed}. What breaks the contract is in {SOURCE_REJECTED.name}.",
        group_name="data",
        kinds={"python", "table"},
        owners=[settings.owner],
        tags={"domain": "sessions", "feed": settings.feed},
        code_version="1",
        partitions_def=daily_partitions(settings.first_day),
        backfill_policy=dg.BackfillPolicy.single_run(),
        metadata=table_metadata(SOURCE),
        pool=WRITER_POOL,
    )
    def source(context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult[None]:
        window = days_window(context.partition_keys)
        feed = open_feed(settings)
        for sentence in feed.deferred(window):
            context.log.warning(sentence)
        at = wall_clock(now())
        accepted_days = feed.accepted_days()
        # What is replaced by days may hold no other day's rows: that day's own load would not know of them.
        allowed = window if feed.replaces_window else accepted_days
        ignored: set[str] = set()

        def noted(batches: Iterator[RawBatch]) -> Iterator[RawBatch]:
            for batch in batches:
                ignored.update(batch.ignored_columns)
                yield batch

        with warehouse.connect(writing=True) as connection, feed.deliver(window) as given, prefetch(given) as batches:
            counts = load_sessions(
                connection,
                window,
                (validate(batch, allowed) for batch in noted(batches)),
                feed=feed.name,
                replacing=feed.replaces_window,
                undated=accepted_days.start if feed.replaces_window else window.start,
                at=at,
            )
            record_row_counts(context, rows_by_day(connection, SOURCE, window))
        return dg.MaterializeResult(
            metadata={
                "rows_written": counts.accepted,
                "received": counts.received,
                "rejected": counts.rejected,
                "window": str(window),
                "feed": feed.name,
                "columns_kept_out": ", ".join(sorted(ignored)) or "none",
                "loaded_at": at.isoformat(),
            }
        )

    return [source, *table_checks("source", SOURCE), *load_checks(settings)]
