"""`source`: raw sessions as the feed delivers them, or the table that somebody else fills.

Rows that break the contract go to SOURCE_REJECTED with the reasons: accepted + rejected = received, always.
"""

import dagster as dg

from intent_platform.assets.failures import fails_with_its_message
from intent_platform.assets.observed_source import observed_source
from intent_platform.assets.pools import WRITER_POOL
from intent_platform.assets.presentation import record_row_counts, table_metadata
from intent_platform.partitions import daily_partitions, days_window
from intent_platform.pipeline.source import load_window
from intent_platform.platforms.ports import Platform
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.settings import Settings
from intent_platform.tables import SOURCE, SOURCE_REJECTED


def define_source(settings: Settings, source: Feed | ObservedTable) -> dg.AssetsDefinition | dg.AssetSpec:
    """The asset that loads the feed, or the external asset of an observed table."""
    match source:
        case ObservedTable():
            return observed_source(settings, source)
        case Feed():
            return _loaded_source(settings, source)


def _loaded_source(settings: Settings, feed: Feed) -> dg.AssetsDefinition:
    @dg.asset(
        description=(
            f"{SOURCE.meaning}. Feed: {feed.name}. Rows that break the contract are in {SOURCE_REJECTED.name}."
        ),
        group_name="data",
        kinds={"python", "table"},
        tags={"domain": "sessions", "feed": feed.name},
        code_version="1",
        partitions_def=daily_partitions(settings.first_day),
        backfill_policy=dg.BackfillPolicy.single_run(),
        metadata=table_metadata(SOURCE),
        pool=WRITER_POOL,
    )
    @fails_with_its_message
    def source(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult[None]:
        window = days_window(context.partition_keys)
        for sentence in feed.deferred(window):
            context.log.warning(sentence)
        load = load_window(platform, feed, window)
        record_row_counts(context, load.rows_by_day)
        return dg.MaterializeResult(
            metadata={
                "rows_written": load.counts.accepted,
                "received": load.counts.received,
                "rejected": load.counts.rejected,
                "window": str(window),
                "feed": feed.name,
                "columns_ignored": ", ".join(sorted(load.ignored_columns)) or "none",
                "loaded_at": load.loaded_at.isoformat(),
            }
        )

    return source
