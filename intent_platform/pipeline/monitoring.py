"""What became of the scores: quality, calibration and drift of each day, and whether the last promotion was right.

The warehouse counts by day and bin; the measures are `modelling.live` and `modelling.drift`. A session's purchase is
known when the session is, so that a day can be measured as soon as it is scored.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import date, timedelta

import pyarrow as pa

from intent_platform.modelling.drift import population_stability_index, shares_of
from intent_platform.modelling.intervals import Interval
from intent_platform.modelling.live import LiveScores, pr_auc_over
from intent_platform.partitions import Window, now, trailing_window, wall_clock
from intent_platform.pipeline.live_counts import counts_up_to_edges, live_scores, would_be_scores
from intent_platform.platforms.ledger import Ledger, read_ledger
from intent_platform.platforms.loading import in_window, replace_window
from intent_platform.platforms.ports import Connection, Platform
from intent_platform.platforms.versions import ModelVersion
from intent_platform.settings import Settings
from intent_platform.tables import MONITORING

PR_AUC, ROC_AUC, CALIBRATION, OVER_PREVIOUS = "pr_auc", "roc_auc", "purchases_per_expected", "pr_auc_over_previous"
DRIFT = "drift."  # before the name of the feature
_STAGED = "MEASURED"
_DIGITS = 9


@dataclass(frozen=True)
class Measurement:
    """One row of MONITORING: `metric` of a day's scores, and of the days before it that were measured with it."""

    day: date
    version: str
    metric: str
    value: float
    low: float | None
    high: float | None
    flagged: bool
    sentence: str
    sessions: int


def monitor(platform: Platform, window: Window, settings: Settings) -> list[Measurement]:
    """Measure the scored days of `window`, and replace what MONITORING holds of them, in one transaction."""
    found = map(_rounded, _measured(platform, window, settings))
    measured = sorted(found, key=lambda m: (m.day, m.version, m.metric))
    at = wall_clock(now())
    with platform.warehouse.connect(writing=True) as connection:
        connection.stage(_STAGED, _as_rows(measured))
        select = f"SELECT {', '.join(MONITORING.column_names[:-1])}, :at FROM {_STAGED} WHERE {in_window(MONITORING)}"  # noqa: S608
        replace_window(connection, MONITORING, window, select, at=at)
    return measured


def flagged(connection: Connection, day: date, metric: str) -> dict[str, str]:
    """A day's flagged measures whose names begin with `metric`, and their sentences."""
    rows = connection.fetch(
        f"SELECT METRIC, SENTENCE FROM MONITORING WHERE {in_window(MONITORING)} AND FLAGGED ORDER BY METRIC",  # noqa: S608
        start=day,
        end=day + timedelta(days=1),
    )
    return {row["METRIC"]: row["SENTENCE"] for row in rows.to_pylist() if row["METRIC"].startswith(metric)}


def ranking_on(connection: Connection, day: date) -> dict[str, dict[str, float]]:
    """PR-AUC and ROC-AUC of the days up to `day`, for each version that scored them: what MONITORING has of them."""
    rows = connection.fetch(
        "SELECT MODEL_VERSION, METRIC, VALUE FROM MONITORING WHERE SESSION_DATE = :day AND METRIC IN :metrics",
        day=day,
        metrics=(PR_AUC, ROC_AUC),
    ).to_pylist()
    found: dict[str, dict[str, float]] = {}
    for row in sorted(rows, key=lambda row: (row["MODEL_VERSION"], row["METRIC"])):
        found.setdefault(row["MODEL_VERSION"], {})[row["METRIC"]] = row["VALUE"]
    return found


def _measured(platform: Platform, window: Window, settings: Settings) -> Iterator[Measurement]:
    reach = max(settings.monitoring.days, settings.evaluation.days)
    wide = Window(window.start - timedelta(days=reach - 1), window.end)
    with platform.warehouse.connect() as connection:
        live = live_scores(connection, wide)
        ledger = read_ledger(connection)
        scored = {version: [day for day in live[version].days if day in window] for version in live}
        for name, days in scored.items():
            if not days:
                continue  # it scored the days before
            version = platform.registry.version(name)
            yield from _quality(version, days, live[name].scores, wide, settings)
            yield from _drift(connection, version, days, settings)
    for succession in _successions(ledger, scored):
        yield from _over_previous(platform, succession, live[succession.champion].scores, wide, settings)


def _quality(
    version: ModelVersion, days: Sequence[date], live: LiveScores, wide: Window, settings: Settings
) -> Iterator[Measurement]:
    """Ranking and calibration of a version's scores, on the days up to each of `days`."""
    policy = settings.monitoring
    promised = version.provenance.metrics.get("roc_auc")
    for day in days:
        seen = live.of(_positions(trailing_window(day, policy.days), wide))
        enough = seen.positives >= policy.minimum_purchases
        ratio = seen.purchases_per_expected(policy.confidence)
        off = ratio.low > policy.calibration_factor or ratio.high < 1 / policy.calibration_factor
        yield _measurement(
            day,
            version.name,
            CALIBRATION,
            ratio,
            seen.rows,
            flagged=enough and off,
            sentence=f"{seen.positives:,} purchases, {seen.expected.sum():,.0f} by the scores of {version.name}",
        )
        yield Measurement(day, version.name, "brier", seen.brier, None, None, False, "mean squared error", seen.rows)
        if not seen.has_both_classes:
            continue
        yield Measurement(day, version.name, PR_AUC, seen.pr_auc, None, None, False, "average precision", seen.rows)
        area = seen.roc_auc(policy.confidence)
        yield _measurement(
            day,
            version.name,
            ROC_AUC,
            area,
            seen.rows,
            flagged=enough and promised is not None and area.high < promised - policy.roc_auc_margin,
            sentence=f"{version.name} ranks with ROC-AUC {area.estimate:.3f}, out of fold it was {promised or 0:.3f}",
        )


def _drift(
    connection: Connection, version: ModelVersion, days: Sequence[date], settings: Settings
) -> Iterator[Measurement]:
    """How far the sessions up to each of `days` are from those that the version was trained on, feature by feature."""
    policy = settings.monitoring
    profiles = version.provenance.profiles
    if not profiles:
        return
    wide = Window(days[0] - timedelta(days=policy.days - 1), days[-1] + timedelta(days=1))
    rows, counts = counts_up_to_edges(connection, profiles, version.name, wide)
    for day in days:
        at = _positions(trailing_window(day, policy.days), wide)
        sessions = int(rows[at].sum())
        whole = 2 * int((rows[at] > 0).sum()) > policy.days  # a weekend alone is no week
        for name, profile in profiles.items():
            observed = shares_of(counts[name][at].sum(axis=0).tolist(), sessions)
            index = population_stability_index(profile.shares, observed)
            unseen = f", {observed[-1]:.1%} beyond all that it knows" if observed[-1] else ""
            yield Measurement(
                day,
                version.name,
                DRIFT + name,
                index,
                None,
                None,
                whole and index > policy.drift_limit,
                f"{name} has moved (index {index:.2f}) from what {version.name} was trained on{unseen}",
                sessions,
            )


@dataclass(frozen=True)
class _Succession:
    """A champion and the one it replaced, and the days to compare them on: those scored since, up to each of `days`."""

    champion: str
    previous: str
    since: date
    days: tuple[date, ...]


def _successions(ledger: Ledger, scored: Mapping[str, Sequence[date]]) -> Iterator[_Succession]:
    """For each promotion (or force) of the ledger, the scored days on which its version was champion.

    After a rollback there is nothing to ask: the version left is quarantined.
    """
    for move, later in zip(ledger.moves, [*ledger.moves[1:], None], strict=True):
        if move.from_version is None or move.cause == "rollback":
            continue
        end = later.effective_date if later else date.max
        days = tuple(day for day in scored.get(move.to_version, ()) if move.effective_date <= day < end)
        if days:
            yield _Succession(move.to_version, move.from_version, move.effective_date, days)


def _over_previous(
    platform: Platform, succession: _Succession, champion: LiveScores, wide: Window, settings: Settings
) -> Iterator[Measurement]:
    """By how much the champion ranks better than the one before it would have, on the days since it came."""
    days = [d for d in succession.days if (d - succession.since).days + 1 >= settings.gate.cluster_days]
    if not days:
        return
    scoring_model = platform.registry.scoring_model(platform.registry.version(succession.previous))
    with platform.warehouse.connect() as connection:
        previous = would_be_scores(connection, wide, scoring_model)
    for day in days:
        since = max(succession.since, trailing_window(day, settings.evaluation.days).start)
        at = _positions(Window(since, day + timedelta(days=1)), wide)
        ours, theirs = champion.of(at), previous.of(at)
        if ours.positives < settings.monitoring.minimum_purchases or not ours.has_both_classes:
            continue
        policy = settings.monitoring
        better = pr_auc_over(ours, theirs, resamples=policy.resamples, confidence=policy.confidence, seed=policy.seed)
        yield _measurement(
            day,
            succession.champion,
            OVER_PREVIOUS,
            better,
            ours.rows,
            flagged=better.high < 0,
            sentence=(
                f"since {since} {succession.champion} ranks with PR-AUC {ours.pr_auc:.3f}, and {succession.previous}, "
                f"which it replaced, would with {theirs.pr_auc:.3f}: roll back, unless there is a reason not to"
            ),
        )


def _measurement(
    day: date, version: str, metric: str, interval: Interval, sessions: int, *, flagged: bool, sentence: str
) -> Measurement:
    return Measurement(
        day, version, metric, interval.estimate, interval.low, interval.high, flagged, sentence, sessions
    )


def _rounded(measured: Measurement) -> Measurement:
    """An engine adds in any order: the last digits of a sum are chance, and would differ when measured again."""
    low, high = (None if end is None else round(end, _DIGITS) for end in (measured.low, measured.high))
    return replace(measured, value=round(measured.value, _DIGITS), low=low, high=high)


def _positions(window: Window, within: Window) -> slice:
    """Where the days of `window` are among those of `within`, which has its last."""
    return slice(max(0, (window.start - within.start).days), (window.end - within.start).days)


def _as_rows(measured: Sequence[Measurement]) -> pa.Table:
    names = MONITORING.column_names[:-1]
    types = (pa.date32(), *[pa.string()] * 2, *[pa.float64()] * 3, pa.bool_(), pa.string(), pa.int64())
    rows = [dict(zip(names, astuple(measurement), strict=True)) for measurement in measured]
    return pa.Table.from_pylist(rows, pa.schema(list(zip(names, types, strict=True))))
