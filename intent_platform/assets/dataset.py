"""`dataset`: sessions with model features, one SQL select over `source`, replaced day by day."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from intent_platform.assets.checks import checked_window, table_checks, unmatched_rows, verdict
from intent_platform.assets.data_versions import dataset_version
from intent_platform.assets.observed_source import observations, unaccounted_rows
from intent_platform.assets.presentation import WRITER_POOL, record_row_counts, rows_by_day, table_metadata
from intent_platform.partitions import daily_partitions, days_window, fresh_after
from intent_platform.pipeline.dataset import CODE_VERSION, build_dataset
from intent_platform.pipeline.observation import observed_table
from intent_platform.platforms.loading import in_window
from intent_platform.platforms.ports import Warehouse
from intent_platform.settings import Settings
from intent_platform.tables import DATASET, SOURCE


def dataset(settings: Settings) -> Sequence[dg.AssetsDefinition | dg.AssetChecksDefinition]:
    """The asset and its checks."""
    observed = observed_table(settings)

    @dg.asset(
        description=DATASET.meaning + ".",
        group_name="data",
        kinds={"sql", "table"},
        owners=[settings.owner],
        tags={"domain": "sessions"},
        code_version=CODE_VERSION,
        deps=["source"],
        partitions_def=daily_partitions(settings.first_day),
        backfill_policy=dg.BackfillPolicy.single_run(),
        freshness_policy=fresh_after(settings.schedules.sessions_hour),
        metadata=table_metadata(DATASET),
        pool=WRITER_POOL,
    )
    def dataset(
        context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.MaterializeResult[None]:
        window = days_window(context.partition_keys)
        with warehouse.connect(writing=True) as connection:
            taken = build_dataset(connection, window, observed)
            rows = taken.counts.accepted
            record_row_counts(context, rows_by_day(connection, DATASET, window))
            purchases = connection.fetch(
                f"SELECT SUM(REVENUE) AS PURCHASES FROM DATASET WHERE {in_window(DATASET)}",  # noqa: S608
                start=window.start,
                end=window.end,
            )["PURCHASES"][0].as_py()
        metadata: dict[str, Any] = {
            "rows_written": rows,
            "window": str(window),
            "share_of_purchases": float(purchases) / rows if rows else 0.0,
        }
        if observed is not None:
            # What was read is what was seen: said before dataset's own event, it does not ask for the day again.
            for observation in observations(context.instance, taken.days, window):
                context.log_event(observation)
            metadata |= {"received": taken.counts.received, "rejected": taken.counts.rejected}
        return dg.MaterializeResult(metadata=metadata, data_version=dataset_version(context.run.run_id))

    @dg.asset_check(
        asset="dataset", name="rows_match_source", description="Every session of source is in dataset, and no other."
    )
    def rows_match_source(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.AssetCheckResult:
        window = checked_window(context)
        with warehouse.connect() as connection:
            if observed is not None:
                return verdict(unaccounted_rows(connection, observed, window), dg.AssetCheckSeverity.WARN)
            return verdict(unmatched_rows(connection, SOURCE, DATASET, window))

    return [dataset, *table_checks("dataset", DATASET), rows_match_source]
