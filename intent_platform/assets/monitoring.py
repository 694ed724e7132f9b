"""`monitoring`: how each day's scores performed, measured as soon as they exist. Its checks raise the alarms.

What is measured and when it is flagged is in `pipeline.monitoring`. Nothing here moves the champion.
"""

import dagster as dg

from intent_platform.assets.failures import fails_with_its_message
from intent_platform.assets.pools import WRITER_POOL
from intent_platform.assets.presentation import markdown_table, table_metadata
from intent_platform.partitions import daily_partitions, days_window
from intent_platform.pipeline.monitoring import monitor
from intent_platform.platforms.ports import Platform
from intent_platform.settings import Settings
from intent_platform.tables import MONITORING


def define_monitoring(settings: Settings) -> dg.AssetsDefinition:
    """The asset."""
    days = settings.monitoring.days

    @dg.asset(
        description=MONITORING.meaning + f". Each day is measured together with the {days - 1} days before it.",
        group_name="serving",
        kinds={"sql", "table"},
        tags={"domain": "model"},
        code_version="1",
        deps=["scores"],
        partitions_def=daily_partitions(settings.first_day),
        backfill_policy=dg.BackfillPolicy.single_run(),
        metadata=table_metadata(MONITORING),
        pool=WRITER_POOL,
    )
    @fails_with_its_message
    def monitoring(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult[None]:
        window = days_window(context.partition_keys)
        measured = monitor(platform, window, settings)
        last = [m for m in measured if m.day == measured[-1].day]
        context.add_asset_metadata(  # once for a range, on its last day
            {
                "measures": markdown_table(
                    ("measure", "value", "from", "to", "flagged"),
                    [(m.metric, m.value, m.low, m.high, "**yes**" if m.flagged else "") for m in last],
                )
            },
            partition_key=window.keys[-1],
        )
        return dg.MaterializeResult(
            metadata={
                "rows_written": len(measured),
                "window": str(window),
                "flagged": sum(m.flagged for m in measured),
            }
        )

    return monitoring
