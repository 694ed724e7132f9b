"""`monitoring`: what became of each day's scores, measured as soon as they are there; its checks are what alerts.

What is measured, and when it is flagged, is in `pipeline.monitoring`; nothing here moves the champion.
"""

from collections.abc import Sequence

import dagster as dg

from intent_platform.assets.checks import checked_window, table_checks
from intent_platform.assets.presentation import WRITER_POOL, markdown_table, table_metadata
from intent_platform.partitions import daily_partitions, days_window
from intent_platform.pipeline.monitoring import CALIBRATION, DRIFT, OVER_PREVIOUS, ROC_AUC, flagged, monitor
from intent_platform.platforms.loading import in_window
from intent_platform.platforms.ports import ModelRegistry, Platform, Warehouse
from intent_platform.settings import Settings
from intent_platform.tables import MONITORING


def monitoring(settings: Settings) -> Sequence[dg.AssetsDefinition | dg.AssetChecksDefinition]:
    """The asset and its checks."""
    days = settings.monitoring.days

    @dg.asset(
        description=MONITORING.meaning + f". A day is measured together with the {days - 1} before it.",
        group_name="serving",
        kinds={"sql", "table"},
        owners=[settings.owner],
        tags={"domain": "model"},
        code_version="1",
        deps=["scores"],
        partitions_def=daily_partitions(settings.first_day),
        backfill_policy=dg.BackfillPolicy.single_run(),
        metadata=table_metadata(MONITORING),
        pool=WRITER_POOL,
    )
    def monitoring(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        registry: dg.ResourceParam[ModelRegistry],
    ) -> dg.MaterializeResult[None]:
        window = days_window(context.partition_keys)
        measured = monitor(Platform(warehouse, registry), window, settings)
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

    warning, error = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
    return [
        monitoring,
        *table_checks("monitoring", MONITORING),
        _flag_check("features_are_as_trained", DRIFT, warning, "Sessions are like those that the champion knows."),
        _flag_check("scores_are_calibrated", CALIBRATION, warning, "As many buy as the scores say."),
        _flag_check("ranking_holds", ROC_AUC, error, "Scores rank about as well as they did out of fold."),
        _flag_check("promotion_was_right", OVER_PREVIOUS, error, "The champion is not worse than the one it replaced."),
    ]


def _flag_check(name: str, metric: str, severity: dg.AssetCheckSeverity, description: str) -> dg.AssetChecksDefinition:
    """Whether a measure is flagged on the last measured day that the run covers."""

    @dg.asset_check(asset="monitoring", name=name, description=f"{description} On the newest day of the run.")
    def check(context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
        window = checked_window(context)
        with warehouse.connect() as connection:
            day = connection.fetch(
                f"SELECT MAX(SESSION_DATE) AS DAY FROM MONITORING WHERE {in_window(MONITORING)}",  # noqa: S608
                start=window.start,
                end=window.end,
            )["DAY"][0].as_py()
            sentences = [] if day is None else list(flagged(connection, day, metric).values())
        return dg.AssetCheckResult(
            passed=not sentences,
            severity=severity,
            description=None if not sentences else f"{day}: {'; '.join(sentences)}",
        )

    return check
