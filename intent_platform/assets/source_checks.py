"""The checks of `source` that look at a load: all rows accounted for, few rejected, about as many as usual.

What holds for every table is in `checks`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import sqrt
from statistics import median
from typing import Any

import dagster as dg

from intent_platform.assets.checks import ALL_DAYS, checked_window
from intent_platform.assets.presentation import rows_by_day
from intent_platform.partitions import trailing_window
from intent_platform.platforms.ports import Warehouse
from intent_platform.sessions.feed import open_feed
from intent_platform.sessions.uci import PUBLISHED_PURCHASES, PUBLISHED_SESSIONS
from intent_platform.settings import Settings
from intent_platform.tables import SOURCE, SOURCE_REJECTED

_WARNING = dg.AssetCheckSeverity.WARN
_BY_CHANCE = 5  # standard deviations of a Poisson count


def load_checks(settings: Settings) -> Sequence[dg.AssetChecksDefinition]:
    """All of them for the feed that is set."""
    return [
        _rows_accounted_for(),
        _few_are_rejected(settings.monitoring.rejected_share),
        _volume_is_usual(settings.monitoring.volume_days, settings.monitoring.volume_factor),
        _nothing_is_deferred(settings),
        _feed_is_readable(settings),
        *([_published_counts()] if settings.feed == "uci" else []),
    ]


def _last_load(context: dg.AssetCheckExecutionContext) -> Mapping[str, Any] | None:
    """What the last load said of itself."""
    event = context.instance.get_latest_materialization_event(dg.AssetKey("source"))
    return event.asset_materialization.metadata if event and event.asset_materialization else None


def _nothing_loaded() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, severity=_WARNING, description="nothing was loaded yet")


def _rows_accounted_for() -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="source",
        name="rows_accounted_for",
        description="What the last load received is in the tables: accepted + rejected = received.",
    )
    def rows_accounted_for(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.AssetCheckResult:
        load = _last_load(context)
        if load is None:
            return _nothing_loaded()
        received = load["received"].value
        with warehouse.connect() as connection:
            counts = connection.fetch(
                "SELECT (SELECT COUNT(*) FROM SOURCE WHERE LOADED_AT = :at) AS ACCEPTED, "
                "(SELECT COUNT(*) FROM SOURCE_REJECTED WHERE REJECTED_AT = :at) AS REJECTED",
                at=datetime.fromisoformat(str(load["loaded_at"].value)),
            ).to_pylist()[0]
        return dg.AssetCheckResult(
            passed=counts["ACCEPTED"] + counts["REJECTED"] == received,
            metadata={"received": received, "accepted": counts["ACCEPTED"], "rejected": counts["REJECTED"]},
        )

    return rows_accounted_for


def _few_are_rejected(share: float) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="source",
        name="few_are_rejected",
        description=f"At most {share:.0%} of what the last load received broke the contract.",
    )
    def few_are_rejected(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        load = _last_load(context)
        if load is None:
            return _nothing_loaded()
        received, rejected = (int(str(load[name].value)) for name in ("received", "rejected"))
        return dg.AssetCheckResult(
            passed=rejected <= share * received,
            description=f"{rejected:,} of {received:,} rows were rejected; {SOURCE_REJECTED.name} says why",
            metadata={"received": received, "rejected": rejected},
        )

    return few_are_rejected


def _volume_is_usual(days: int, factor: float) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="source",
        name="volume_is_usual",
        description=(
            f"The newest day of the run has about as many sessions as the {days} days before: not {factor:g} times "
            "their median, nor so small a fraction of it."
        ),
    )
    def volume_is_usual(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.AssetCheckResult:
        window = checked_window(context)
        with warehouse.connect() as connection:
            newest = (
                window.end - timedelta(days=1)
                if window != ALL_DAYS
                else connection.fetch("SELECT MAX(SESSION_DATE) AS DAY FROM SOURCE")["DAY"][0].as_py()
            )
            if newest is None:
                return _nothing_loaded()
            *before, sessions = rows_by_day(connection, SOURCE, trailing_window(newest, days + 1)).values()
        usual = median(before)
        within = usual / factor <= sessions <= usual * factor or abs(sessions - usual) <= _BY_CHANCE * sqrt(usual)
        return dg.AssetCheckResult(
            passed=within or usual == 0,  # nothing to compare with yet, or a feed without sessions on most days
            severity=_WARNING,
            description=f"{newest} has {sessions:,} sessions; the median of the {days} days before is {usual:,.0f}",
            metadata={"sessions": sessions, "usual": usual},
        )

    return volume_is_usual


def _nothing_is_deferred(settings: Settings) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="source",
        name="nothing_is_deferred",
        description="The feed has delivered the days of the run whole, as far as it knows.",
    )
    def nothing_is_deferred(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        window = checked_window(context)
        waiting = [] if window == ALL_DAYS else open_feed(settings).deferred(window)
        return dg.AssetCheckResult(passed=not waiting, severity=_WARNING, description="; ".join(waiting) or None)

    return nothing_is_deferred


def _feed_is_readable(settings: Settings) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="source",
        name="feed_is_readable",
        description="Nothing that the feed holds is unreadable. What is holds up nothing else, and waits to be mended.",
    )
    def feed_is_readable() -> dg.AssetCheckResult:
        faults = open_feed(settings).unreadable()
        return dg.AssetCheckResult(
            passed=not faults, description="; ".join(faults) or None, metadata={"faults": len(faults)}
        )

    return feed_is_readable


def _published_counts() -> dg.AssetChecksDefinition:
    """The UCI file has published counts. People bring subsets and variants, so another count is a warning."""

    @dg.asset_check(
        asset="source",
        name="published_counts",
        description=f"The published {PUBLISHED_SESSIONS:,} sessions and {PUBLISHED_PURCHASES:,} purchases are in.",
    )
    def published_counts(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
        with warehouse.connect() as connection:
            found = connection.fetch(
                "SELECT COUNT(*) AS SESSIONS, COUNT_IF(REVENUE) AS PURCHASES FROM SOURCE WHERE FEED = 'uci'"
            ).to_pylist()[0]
        sessions, purchases = int(found["SESSIONS"]), int(found["PURCHASES"] or 0)
        return dg.AssetCheckResult(
            passed=(sessions, purchases) == (PUBLISHED_SESSIONS, PUBLISHED_PURCHASES),
            severity=_WARNING,
            description=f"{sessions:,} sessions, {purchases:,} purchases are loaded",
            metadata={"sessions": sessions, "purchases": purchases},
        )

    return published_counts
