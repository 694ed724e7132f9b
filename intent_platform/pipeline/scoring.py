"""Scoring: which version scores a window, and the scores themselves. `rescoring` finds scores that are out of date."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from intent_platform.errors import ChampionMoved, NoChampion
from intent_platform.partitions import Window, now, wall_clock
from intent_platform.pipeline.counts import rows_by_day, score_histogram
from intent_platform.platforms.champion import settle
from intent_platform.platforms.ledger import Ledger, read_ledger
from intent_platform.platforms.loading import refill_window
from intent_platform.platforms.ports import PREDICT_FUNCTION, Connection, Platform, ScoringModel
from intent_platform.platforms.sql import statement_beside
from intent_platform.platforms.versions import MODEL_NAME, ModelVersion
from intent_platform.tables import SCORES

#: How a version is chosen: the champion of now, the champion of each day, or by name.
CHAMPION, AT_THE_TIME, VERSION = "champion", "at_the_time", "version"
HISTOGRAM_BINS = 20
_ATTEMPTS = 5
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

    If the champion moves before the scores are written, the model is resolved again.

    Raises:
        NoChampion, InvalidVersionName, UnknownVersion, VersionUnfit: nothing can score; no row was changed.
        ChampionMoved: the champion moved again and again.
    """
    for _ in range(_ATTEMPTS - 1):
        with suppress(ChampionMoved):
            return _score_once(platform, model, window)
        settle(platform)  # if nobody moved the champion, a killed move left the ledger behind the pointer
    return _score_once(platform, model, window)


def _score_once(platform: Platform, model: str, window: Window) -> ScoredWindow:
    spans = scoring_models(platform, model, window)
    with platform.warehouse.connect(writing=True) as connection:
        rows = sum(score_window(connection, span, scoring_model, model) for span, scoring_model in spans)
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


def score_window(connection: Connection, window: Window, scoring_model: ScoringModel, model: str) -> int:
    """Replace the scores of `window` by those of one version, in one transaction, and return their number.

    Args:
        connection: a connection that can write, outside a transaction.
        window: the days to score.
        scoring_model: the version that scores them.
        model: how the version was chosen; see `resolve_model`. The scores keep it, and the number of the last move.

    Raises:
        ChampionMoved: the ledger no longer names this version for these days. Nothing was changed.
    """
    chosen_as = model if model in (CHAMPION, AT_THE_TIME) else VERSION
    connection.use_model(scoring_model)
    select = _SELECT.format(predict=f"{PREDICT_FUNCTION}({', '.join(scoring_model.features)})")
    with connection.transaction():
        ledger = read_ledger(connection)
        if chosen_as != VERSION and chosen_versions(ledger, chosen_as, window) != {scoring_model.version}:
            raise ChampionMoved(
                f"{scoring_model.version} is no longer the champion of {window}: score these days again"
            )
        return refill_window(
            connection,
            SCORES,
            window,
            select,
            model_name=MODEL_NAME,
            model_version=scoring_model.version,
            scored_at=wall_clock(now()),
            chosen_as=chosen_as,
            move=ledger.latest.number if ledger.latest else None,
        )


def chosen_versions(ledger: Ledger, model: str, window: Window) -> set[str]:
    """The versions that the ledger names for `window`: the champion of now, or those at the time.

    Empty if a day had no champion.
    """
    if ledger.latest is None:
        return set()
    if model == CHAMPION:
        return {ledger.latest.to_version}
    with suppress(NoChampion):
        return {version for _, version in ledger.champions_of(window)}
    return set()
