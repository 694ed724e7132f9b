"""Scoring: which version scores a window, the scores themselves, and which of them are out of date."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from intent_platform.errors import NoChampion
from intent_platform.partitions import Window, now, wall_clock
from intent_platform.pipeline.counts import rows_by_day, score_histogram
from intent_platform.platforms.ledger import Move, read_ledger
from intent_platform.platforms.loading import in_window, replace_window
from intent_platform.platforms.ports import PREDICT_FUNCTION, Connection, Platform, ScoringModel
from intent_platform.platforms.sql import statement_beside
from intent_platform.platforms.versions import MODEL_NAME, ModelVersion
from intent_platform.tables import SCORES

CHAMPION, AT_THE_TIME = "champion", "at_the_time"
HISTOGRAM_BINS = 20
_SELECT = statement_beside(__file__, "scores.sql")


@dataclass(frozen=True)
class ScoredWindow:
    """The scores of a window as they are now: rows of each day, sessions by bin of the score, versions in order."""

    rows: int
    rows_by_day: Mapping[date, int]
    histogram: Mapping[int, int]
    versions: tuple[str, ...]


def score(platform: Platform, model: str, window: Window) -> ScoredWindow:
    """Replace the scores of `window` by those of `model`; see `resolve_model`.

    Raises:
        NoChampion, InvalidVersionName, UnknownVersion, VersionUnfit: nothing can score; no row was changed.
    """
    spans = scoring_models(platform, model, window)
    with platform.warehouse.connect(writing=True) as connection:
        rows = sum(score_window(connection, span, scoring_model) for span, scoring_model in spans)
        return ScoredWindow(
            rows=rows,
            rows_by_day=rows_by_day(connection, SCORES, window),
            histogram=score_histogram(connection, window, HISTOGRAM_BINS),
            versions=tuple(scoring_model.version for _, scoring_model in spans),
        )


def resolve_model(platform: Platform, model: str, window: Window) -> list[tuple[Window, ModelVersion]]:
    """The version that scores each part of `window`, resolved before the first row.

    `model` is `champion` (of now), `at_the_time` (of each day, by the ledger), or a version name.

    Raises:
        NoChampion: no version is champion, or none was on a day of the window.
        InvalidVersionName, UnknownVersion: the named version does not exist.
    """
    registry = platform.registry
    if model == AT_THE_TIME:
        with platform.warehouse.connect() as connection:
            spans = read_ledger(connection).champions_of(window)
        versions = {name: registry.version(name) for name in dict.fromkeys(name for _, name in spans)}
        return [(span, versions[name]) for span, name in spans]
    if model != CHAMPION:
        return [(window, registry.version(model))]
    champion = registry.champion()
    if champion is None:
        raise NoChampion(
            "no version is champion yet: materialize challenger_model and evaluation of a month, then champion_alias"
        )
    return [(window, champion)]


def scoring_models(platform: Platform, model: str, window: Window) -> list[tuple[Window, ScoringModel]]:
    """The loaded model for each part of `window`; see `resolve_model`. No connection is open when it returns."""
    spans = resolve_model(platform, model, window)
    versions = {version.name: version for _, version in spans}
    models = {name: platform.registry.scoring_model(version) for name, version in versions.items()}
    return [(span, models[version.name]) for span, version in spans]


def score_window(connection: Connection, window: Window, scoring_model: ScoringModel) -> int:
    """Replace the scores of `window` by those of one version, in one transaction, and return their number."""
    connection.use_model(scoring_model)
    select = _SELECT.format(predict=f"{PREDICT_FUNCTION}({', '.join(scoring_model.features)})")
    return replace_window(
        connection,
        SCORES,
        window,
        select,
        model_name=MODEL_NAME,
        model_version=scoring_model.version,
        scored_at=wall_clock(now()),
    )


def outdated_scores(connection: Connection, window: Window, move: Move) -> Window | None:
    """The days of `window`, first to last, that another version scored before the champion's last move.

    Somebody chose the scores that were given after the move. None when there are no such days.
    """
    found = connection.row(
        "SELECT MIN(SESSION_DATE) AS FIRST_DAY, MAX(SESSION_DATE) AS LAST_DAY FROM SCORES "
        f"WHERE {in_window(SCORES)} AND MODEL_VERSION <> :champion AND SCORED_AT < :moved_at",
        **window.bounds,
        champion=move.to_version,
        moved_at=move.moved_at,
    )
    return None if found["FIRST_DAY"] is None else Window(found["FIRST_DAY"], found["LAST_DAY"] + timedelta(days=1))
