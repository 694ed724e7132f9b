"""`scores`: one calibrated probability for each session, computed where the data is, replaced day by day."""

import dagster as dg

from intent_platform.assets.config import TextConfig
from intent_platform.assets.failures import fails_with_its_message
from intent_platform.assets.figures import score_histogram
from intent_platform.assets.pools import WRITER_POOL
from intent_platform.assets.presentation import record_row_counts, table_metadata
from intent_platform.partitions import daily_partitions, days_window, fresh_after
from intent_platform.pipeline.scoring import CHAMPION, HISTOGRAM_BINS, score
from intent_platform.platforms.ports import Platform
from intent_platform.settings import Settings
from intent_platform.tables import SCORES


class ScoresConfig(TextConfig):
    """Which model scores: `champion` (of now), `at_the_time` (of each day, by the ledger), or a version name."""

    model: str = CHAMPION


def define_scores(settings: Settings) -> dg.AssetsDefinition:
    """The asset."""

    @dg.asset(
        description=SCORES.meaning + ". Scoring a day again replaces its scores, with the new version and time.",
        group_name="serving",
        kinds={"sql", "catboost", "table"},
        tags={"domain": "marketing"},
        code_version="1",
        deps=["dataset", "champion_alias"],
        partitions_def=daily_partitions(settings.first_day),
        backfill_policy=dg.BackfillPolicy.single_run(),
        freshness_policy=fresh_after(settings.schedules.scores_hour),
        metadata=table_metadata(SCORES),
        pool=WRITER_POOL,
    )
    @fails_with_its_message
    def scores(
        context: dg.AssetExecutionContext, config: ScoresConfig, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult[None]:
        window = days_window(context.partition_keys)
        scored = score(platform, config.model, window)
        record_row_counts(context, scored.rows_by_day)
        # Once for a range, on its last day: a copy on every day's event would only fill the store.
        histogram = score_histogram(scored.histogram, HISTOGRAM_BINS)
        context.add_asset_metadata({"histogram": histogram}, partition_key=window.keys[-1])
        return dg.MaterializeResult(
            metadata={
                "rows_written": scored.rows,
                "window": str(window),
                "model": config.model,
                "model_version": ", ".join(scored.versions),
            }
        )

    return scores
