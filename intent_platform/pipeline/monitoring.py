"""How the scores performed: ranking, calibration and drift of each day, and whether the last promotion was right.

The warehouse counts by day and bin. `modelling.live` and `modelling.drift` compute the measures from these counts.
A session's purchase is known as soon as the session ends, so a day can be measured as soon as it is scored.
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
BRIER = "brier"
DRIFT = "drift."  # prefix of a feature's name
_STAGED = "MEASURED"
_DIGITS = 9


@dataclass(frozen=True)
class Measurement:
    """One row of MONITORING: `metric` of the scores of the days up to and including `day`."""

    day: date
    version: str
    metric: str
    value: float
    low: float | None
    high: float | None
    flagged: bool
    sentence: str
    sessions: int

    @classmethod
    def point(
        cls, day: date, version: str, metric: str, value: float, sessions: int, sentence: str, *, flagged: bool = False
    ) -> "Measurement":
        """A measure without an interval."""
        return cls(
            day, version, metric, value, low=None, high=None, flagged=flagged, sentence=sentence, sessions=sessions
        )

    @classmethod
    def interval(
        cls, day: date, version: str, metric: str, interval: Interval, sessions: int, sentence: str, *, flagged: bool
    ) -> "Measurement":
        """A measure with its confidence interval."""
        low, high = interval.low, interval.high
        return cls(day, version, metric, interval.estimate, low, high, flagged, sentence, sessions)


def monitor(platform: Platform, window: Window, settings: Settings) -> list[Measurement]:
    """Measure the scored days of `window` and replace their rows in MONITORING, in one transaction."""
    rounded = map(_rounded, _measured(platform, window, settings))
    measured = sorted(rounded, key=lambda m: (m.day, m.version, m.metric))
    at = wall_clock(now())
    with platform.warehouse.connect(writing=True) as connection:
        connection.stage(_STAGED, _as_rows(measured))
        select = f"SELECT {', '.join(MONITORING.column_names[:-1])}, :at FROM {_STAGED} WHERE {in_window(MONITORING)}"
        replace_window(connection, MONITORING, window, select, at=at)
    return measured


def flagged(connection: Connection, day: date, metric: str) -> dict[str, str]:
    """The sentences of a day's flagged measures whose names begin with `metric`, by measure."""
    rows = connection.fetch(
        f"SELECT METRIC, SENTENCE FROM MONITORING WHERE {in_window(MONITORING)} AND FLAGGED ORDER BY METRIC",
        start=day,
        end=day + timedelta(days=1),
    )
    return {row["METRIC"]: row["SENTENCE"] for row in rows.to_pylist() if row["METRIC"].startswith(metric)}


def ranking_on(connection: Connection, day: date) -> dict[str, dict[str, float]]:
    """PR-AUC and ROC-AUC of the days up to `day`, by version and metric."""
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
                continue  # the version scored only days before the window
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
    out_of_fold = version.provenance.metrics.get("roc_auc")
    for day in days:
        seen = live.of(_positions(trailing_window(day, policy.days), wide))
        enough = seen.positives >= policy.minimum_purchases
        ratio = seen.purchases_per_expected(policy.confidence)
        off = ratio.low > policy.calibration_factor or ratio.high < 1 / policy.calibration_factor
        yield Measurement.interval(
            day,
            version.name,
            CALIBRATION,
            ratio,
            seen.rows,
            flagged=enough and off,
            sentence=f"{seen.positives:,} purchases; the scores of {version.name} expected {seen.expected.sum():,.0f}",
        )
        yield Measurement.point(day, version.name, BRIER, seen.brier, seen.rows, "mean squared error")
        if not seen.has_both_classes:
            continue
        yield Measurement.point(day, version.name, PR_AUC, seen.pr_auc, seen.rows, "average precision")
        area = seen.roc_auc(policy.confidence)
        yield Measurement.interval(
            day,
            version.name,
            ROC_AUC,
            area,
            seen.rows,
            flagged=enough and out_of_fold is not None and area.high < out_of_fold - policy.roc_auc_margin,
            sentence=f"{version.name} has ROC-AUC {area.estimate:.3f}; out of fold it had {out_of_fold or 0:.3f}",
        )


def _drift(
    connection: Connection, version: ModelVersion, days: Sequence[date], settings: Settings
) -> Iterator[Measurement]:
    """The distance of each feature's distribution, up to each of `days`, from the version's training rows."""
    policy = settings.monitoring
    profiles = version.provenance.profiles
    if not profiles:
        return
    wide = Window(days[0] - timedelta(days=policy.days - 1), days[-1] + timedelta(days=1))
    rows, counts = counts_up_to_edges(connection, profiles, version.name, wide)
    for day in days:
        at = _positions(trailing_window(day, policy.days), wide)
        sessions = int(rows[at].sum())
        whole = 2 * int((rows[at] > 0).sum()) > policy.days  # a weekend alone does not represent a week
        for name, profile in profiles.items():
            observed = shares_of(counts[name][at].sum(axis=0).tolist(), sessions)
            index = population_stability_index(profile.shares, observed)
            unseen = f"; {observed[-1]:.1%} lie outside of its training range" if observed[-1] else ""
            yield Measurement.point(
                day,
                version.name,
                DRIFT + name,
                index,
                sessions,
                f"{name} has drifted (index {index:.2f}) from the training data of {version.name}{unseen}",
                flagged=whole and index > policy.drift_limit,
            )


@dataclass(frozen=True)
class _Succession:
    """A champion, the version it replaced, and the days on which to compare them: those scored since `since`."""

    champion: str
    previous: str
    since: date
    days: tuple[date, ...]


def _successions(ledger: Ledger, scored: Mapping[str, Sequence[date]]) -> Iterator[_Succession]:
    """For each promotion or force in the ledger, the scored days on which its version was champion.

    A rollback needs no comparison, because the version it replaced is quarantined.
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
    """The PR-AUC of the champion minus that of the version it replaced, on the days since the promotion."""
    days = [d for d in succession.days if (d - succession.since).days + 1 >= settings.gate.cluster_days]
    if not days:
        return
    replaced = platform.registry.scoring_model(platform.registry.version(succession.previous))
    with platform.warehouse.connect() as connection:
        previous = would_be_scores(connection, wide, replaced)
    for day in days:
        since = max(succession.since, trailing_window(day, settings.evaluation.days).start)
        at = _positions(Window(since, day + timedelta(days=1)), wide)
        ours, theirs = champion.of(at), previous.of(at)
        if ours.positives < settings.monitoring.minimum_purchases or not ours.has_both_classes:
            continue
        policy = settings.monitoring
        better = pr_auc_over(ours, theirs, resamples=policy.resamples, confidence=policy.confidence, seed=policy.seed)
        yield Measurement.interval(
            day,
            succession.champion,
            OVER_PREVIOUS,
            better,
            ours.rows,
            flagged=better.high < 0,
            sentence=(
                f"since {since} {succession.champion} has PR-AUC {ours.pr_auc:.3f}; {succession.previous}, which it "
                f"replaced, would have {theirs.pr_auc:.3f}. Consider a rollback"
            ),
        )


def _rounded(measured: Measurement) -> Measurement:
    """Rounded to `_DIGITS`. An engine adds in any order, so the last digits would differ in a second run."""
    low, high = (None if end is None else round(end, _DIGITS) for end in (measured.low, measured.high))
    return replace(measured, value=round(measured.value, _DIGITS), low=low, high=high)


def _positions(window: Window, within: Window) -> slice:
    """The positions of the days of `window` among those of `within`, which ends on the same day or later."""
    return slice(max(0, (window.start - within.start).days), (window.end - within.start).days)


def _as_rows(measured: Sequence[Measurement]) -> pa.Table:
    names = MONITORING.column_names[:-1]
    types = (pa.date32(), *[pa.string()] * 2, *[pa.float64()] * 3, pa.bool_(), pa.string(), pa.int64())
    rows = [dict(zip(names, astuple(measurement), strict=True)) for measurement in measured]
    return pa.Table.from_pylist(rows, pa.schema(list(zip(names, types, strict=True))))
