"""`dataset`: sessions with model features, one SQL select over `source`, replaced day by day."""

from typing import Any

import dagster as dg

from intent_platform.assets.data_versions import dataset_version
from intent_platform.assets.failures import fails_with_its_message
from intent_platform.assets.observed_source import observations
from intent_platform.assets.pools import WRITER_POOL
from intent_platform.assets.presentation import record_row_counts, table_metadata
from intent_platform.partitions import daily_partitions, days_window, fresh_after
from intent_platform.pipeline.dataset import CODE_VERSION, build_dataset
from intent_platform.platforms.ports import Platform
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.settings import Settings
from intent_platform.tables import DATASET


def define_dataset(settings: Settings, sessions: Feed | ObservedTable) -> dg.AssetsDefinition:
    """The asset over the sessions of this source."""

    @dg.asset(
        description=DATASET.meaning + ".",
        group_name="data",
        kinds={"sql", "table"},
        tags={"domain": "sessions"},
        code_version=CODE_VERSION,
        deps=["source"],
        partitions_def=daily_partitions(settings.first_day),
        backfill_policy=dg.BackfillPolicy.single_run(),
        freshness_policy=fresh_after(settings.schedules.sessions_hour),
        metadata=table_metadata(DATASET),
        pool=WRITER_POOL,
    )
    @fails_with_its_message
    def dataset(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult[None]:
        window = days_window(context.partition_keys)
        build = build_dataset(platform, window, sessions)
        record_row_counts(context, build.rows_by_day)
        rows = build.counts.accepted
        metadata: dict[str, Any] = {
            "rows_written": rows,
            "window": str(window),
            "share_of_purchases": build.purchases / rows if rows else 0.0,
        }
        if isinstance(sessions, ObservedTable):
            # Recorded before dataset's own event: only a change after this read makes the day stale.
            for observation in observations(context.instance, build.days_read, window):
                context.log_event(observation)
            metadata |= {"received": build.counts.received, "rejected": build.counts.rejected}
        return dg.MaterializeResult(metadata=metadata, data_version=dataset_version(context.run.run_id))

    return dataset
