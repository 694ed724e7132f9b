"""`scores`: one calibrated probability for each session, computed where the data is, replaced day by day."""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from intent_platform.assets.checks import checked_window, table_checks, unmatched_rows, verdict
from intent_platform.assets.presentation import (
    WRITER_POOL,
    rows_by_day,
    say_rows,
    score_histogram,
    table_metadata,
)
from intent_platform.errors import NoChampion
from intent_platform.modelling.model import IntentModel
from intent_platform.partitions import (
    Window,
    daily_partitions,
    days_window,
    fresh_after,
    now,
    wall_clock,
)
from intent_platform.platforms.ledger import Move, read_ledger
from intent_platform.platforms.ports import (
    PREDICT_FUNCTION,
    ModelRegistry,
    Session,
    Warehouse,
)
from intent_platform.platforms.publish import in_window, replace_window
from intent_platform.platforms.sql import statement_beside
from intent_platform.platforms.versions import MODEL_NAME, validated_version_name
from intent_platform.settings import Settings
from intent_platform.tables import DATASET, SCORES

CHAMPION, AT_THE_TIME = "champion", "at_the_time"
_HISTOGRAM_BINS = 20
_SELECT = "scores.sql"


class ScoresConfig(dg.Config):
    """Which model scores: `champion` (of now), `at_the_time` (of each day, by the ledger), or a version name."""

    model: str = CHAMPION


def resolve_model(model: str, window: Window, session: Session, registry: ModelRegistry) -> list[tuple[Window, str]]:
    """The version that scores each part of `window`, settled once before the first row (D11).

    Raises:
        NoChampion: nobody is, or was, champion.
        InvalidVersionName, UnknownVersion: a version was named that is none.
    """
    if model == AT_THE_TIME:
        return read_ledger(session).champions_of(window)
    if model != CHAMPION:
        return [(window, registry.version(validated_version_name(model)).name)]
    champion = registry.champion()
    if champion is None:
        raise NoChampion(
            "no version is champion yet: materialize challenger_model and evaluation of a month, then champion_alias"
        )
    return [(window, champion)]


def score_window(session: Session, window: Window, version: str, model: IntentModel) -> int:
    """Replace the scores of `window` by those of `version`, in one transaction; how many."""
    session.use_model(version, model)
    select = statement_beside(__file__, _SELECT).format(predict=f"{PREDICT_FUNCTION}({', '.join(model.features)})")
    return replace_window(
        session, SCORES, window, select, model_name=MODEL_NAME, model_version=version, scored_at=wall_clock(now())
    )


def outdated_scores(session: Session, window: Window, move: Move) -> Window | None:
    """The days of `window` from the first to the last that another version scored before the champion's last move.

    Scores given after the move are somebody's choice. None when there are no such days.
    """
    found = session.fetch(
        "SELECT MIN(SESSION_DATE) AS FIRST_DAY, MAX(SESSION_DATE) AS LAST_DAY FROM SCORES "  # noqa: S608
        f"WHERE {in_window(SCORES)} AND MODEL_VERSION <> :champion AND SCORED_AT < :moved_at",
        start=window.start,
        end=window.end,
        champion=move.to_version,
        moved_at=move.moved_at,
    ).to_pylist()[0]
    return None if found["FIRST_DAY"] is None else Window(found["FIRST_DAY"], found["LAST_DAY"] + timedelta(days=1))


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
        with warehouse.session() as session:
            spans = resolve_model(config.model, window, session, registry)
        models = {version: registry.load(version) for _, version in spans}
        with warehouse.session(writing=True) as session:
            rows = sum(score_window(session, span, version, models[version]) for span, version in spans)
            say_rows(context, rows_by_day(session, SCORES, window))
            # Once for a range, on its last day: a copy on every day's event would only fill the store.
            histogram = score_histogram(_histogram(session, window), _HISTOGRAM_BINS)
            context.add_asset_metadata({"histogram": histogram}, partition_key=window.keys[-1])
        return dg.MaterializeResult(
            metadata={
                "rows_written": rows,
                "window": str(window),
                "model": config.model,
                "model_version": ", ".join(version for _, version in spans),
            }
        )

    @dg.asset_check(
        asset="scores", name="rows_match_dataset", description="Every session of dataset has its score, and no other."
    )
    def rows_match_dataset(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.AssetCheckResult:
        window = checked_window(context)
        with warehouse.session() as session:
            return verdict(unmatched_rows(session, DATASET, SCORES, window))

    return [scores, *table_checks("scores", SCORES), rows_match_dataset]


def _histogram(session: Session, window: Window) -> dict[int, int]:
    """How many scores of `window` fall into each bin, counted in the engine."""
    counted = session.fetch(
        f"SELECT LEAST(FLOOR(SCORE * {_HISTOGRAM_BINS}), {_HISTOGRAM_BINS - 1}) AS BIN, COUNT(*) AS COUNTED "  # noqa: S608
        f"FROM SCORES WHERE {in_window(SCORES)} GROUP BY 1 ORDER BY 1",
        start=window.start,
        end=window.end,
    )
    return {int(row["BIN"]): row["COUNTED"] for row in counted.to_pylist()}
