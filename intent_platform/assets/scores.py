"""`scores`: one calibrated probability for each session, computed where the data is, replaced day by day."""

from collections.abc import Sequence

import dagster as dg

from intent_platform.assets.checks import checked_window, table_checks, unmatched_rows, verdict
from intent_platform.assets.presentation import (
    WRITER_POOL,
    record_row_counts,
    rows_by_day,
    score_histogram,
    table_metadata,
)
from intent_platform.partitions import Window, daily_partitions, days_window, fresh_after
from intent_platform.pipeline.scoring import CHAMPION, score_window, scoring_models
from intent_platform.platforms.loading import in_window
from intent_platform.platforms.ports import Connection, ModelRegistry, Platform, Warehouse
from intent_platform.settings import Settings
from intent_platform.tables import DATASET, SCORES

_HISTOGRAM_BINS = 20


class ScoresConfig(dg.Config):
    """Which model scores: `champion` (of now), `at_the_time` (of each day, by the ledger), or a version name."""

    model: str = CHAMPION


def scores(settings: Settings) -> Sequence[dg.AssetsDefinition | dg.AssetChecksDefinition]:
    """The asset and its checks."""

    @dg.asset(
        description=SCORES.meaning + ". Scoring a day again replaces it and stamps version and time.",
        group_name="serving",
        kinds={"sql", "catboost", "table"},
        owners=[settings.owner],
        tags={"domain": "marketing"},
        code_version="1",
        deps=["dataset", "champion_alias"],
        partitions_def=daily_partitions(settings.first_day),
        backfill_policy=dg.BackfillPolicy.single_run(),
        freshness_policy=fresh_after(settings.schedules.scores_hour),
        metadata=table_metadata(SCORES),
        pool=WRITER_POOL,
    )
    def scores(
        context: dg.AssetExecutionContext,
        config: ScoresConfig,
        warehouse: dg.ResourceParam[Warehouse],
        registry: dg.ResourceParam[ModelRegistry],
    ) -> dg.MaterializeResult[None]:
        window = days_window(context.partition_keys)
        spans = scoring_models(Platform(warehouse, registry), config.model, window)
        with warehouse.connect(writing=True) as connection:
            rows = sum(score_window(connection, span, scoring_model) for span, scoring_model in spans)
            record_row_counts(context, rows_by_day(connection, SCORES, window))
            # Once for a range, on its last day: a copy on every day's event would only fill the store.
            histogram = score_histogram(_histogram(connection, window), _HISTOGRAM_BINS)
            context.add_asset_metadata({"histogram": histogram}, partition_key=window.keys[-1])
        return dg.MaterializeResult(
            metadata={
                "rows_written": rows,
                "window": str(window),
                "model": config.model,
                "model_version": ", ".join(scoring_model.version for _, scoring_model in spans),
            }
        )

    @dg.asset_check(
        asset="scores", name="rows_match_dataset", description="Every session of dataset has its score, and no other."
    )
    def rows_match_dataset(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.AssetCheckResult:
        window = checked_window(context)
        with warehouse.connect() as connection:
            return verdict(unmatched_rows(connection, DATASET, SCORES, window))

    return [scores, *table_checks("scores", SCORES), rows_match_dataset]


def _histogram(connection: Connection, window: Window) -> dict[int, int]:
    """How many scores of `window` fall into each bin, counted in the engine."""
    counted = connection.fetch(
        f"SELECT LEAST(FLOOR(SCORE * {_HISTOGRAM_BINS}), {_HISTOGRAM_BINS - 1}) AS BIN, COUNT(*) AS COUNTED "  # noqa: S608
        f"FROM SCORES WHERE {in_window(SCORES)} GROUP BY 1 ORDER BY 1",
        start=window.start,
        end=window.end,
    )
    return {int(row["BIN"]): row["COUNTED"] for row in counted.to_pylist()}
