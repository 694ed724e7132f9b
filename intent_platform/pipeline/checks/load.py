"""The checks of a load: every row is accounted for, few are rejected, about as many arrived as usual."""

from datetime import datetime, timedelta
from math import sqrt
from statistics import median

from intent_platform.partitions import trailing_window
from intent_platform.pipeline.checks.check import ALL_DAYS, CheckContext, Verdict, check, not_yet
from intent_platform.pipeline.counts import newest_day, rows_by_day
from intent_platform.pipeline.expiry import kept_from
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.uci import PUBLISHED_PURCHASES, PUBLISHED_SESSIONS
from intent_platform.tables import SOURCE, SOURCE_REJECTED

_BY_CHANCE = 5  # standard deviations of a Poisson count
_NOTHING_LOADED = "nothing was loaded yet"


@check("source", "The tables hold what the last load received: accepted + rejected = received.")
def rows_accounted_for(context: CheckContext) -> Verdict:
    """The rows stamped with the time of the last load add up to what it received.

    Rows that were too old may have been deleted since.
    """
    load = context.last_load()
    if load is None:
        return not_yet(_NOTHING_LOADED)
    received = load["received"].value
    with context.platform.warehouse.connect() as connection:
        counts = connection.row(
            "SELECT (SELECT COUNT(*) FROM SOURCE WHERE LOADED_AT = :at) AS ACCEPTED, "
            "(SELECT COUNT(*) FROM SOURCE_REJECTED WHERE REJECTED_AT = :at) AS REJECTED, "
            "(SELECT COALESCE(SUM(SESSIONS + REJECTED), 0) FROM RAW_DELETIONS WHERE DELETED_AT >= :at) AS DELETED",
            at=datetime.fromisoformat(str(load["loaded_at"].value)),
        )
    return Verdict(
        passed=received - int(counts["DELETED"]) <= counts["ACCEPTED"] + counts["REJECTED"] <= received,
        measures={"received": received, "accepted": counts["ACCEPTED"], "rejected": counts["REJECTED"]},
    )


@check("source", "At most {settings.monitoring.rejected_share:.0%} of the rows of the last load broke the contract.")
def few_are_rejected(context: CheckContext) -> Verdict:
    """The share of rejected rows keeps below `monitoring.rejected_share`."""
    load = context.last_load()
    if load is None:
        return not_yet(_NOTHING_LOADED)
    received, rejected = (int(str(load[name].value)) for name in ("received", "rejected"))
    return Verdict(
        passed=rejected <= context.settings.monitoring.rejected_share * received,
        description=f"{rejected:,} of {received:,} rows were rejected; {SOURCE_REJECTED.name} says why",
        measures={"received": received, "rejected": rejected},
    )


@check(
    "source",
    "The newest day of the run has about as many sessions as the {settings.monitoring.volume_days} days before: "
    "neither {settings.monitoring.volume_factor:g} times their median nor as small a fraction of it.",
)
def volume_is_usual(context: CheckContext) -> Verdict:
    """A difference that a Poisson count has by chance passes, and so does a feed without sessions on most days."""
    days, factor = context.settings.monitoring.volume_days, context.settings.monitoring.volume_factor
    with context.platform.warehouse.connect() as connection:
        whole_table = context.window == ALL_DAYS
        newest = newest_day(connection, SOURCE) if whole_table else context.window.end - timedelta(days=1)
        if newest is None:
            return not_yet(_NOTHING_LOADED)
        *before, sessions = rows_by_day(connection, SOURCE, trailing_window(newest, days + 1)).values()
    usual = median(before)
    within = usual / factor <= sessions <= usual * factor or abs(sessions - usual) <= _BY_CHANCE * sqrt(usual)
    return Verdict(
        passed=within or usual == 0,
        severity="warning",
        description=f"{newest} has {sessions:,} sessions; the median of the {days} days before is {usual:,.0f}",
        measures={"sessions": sessions, "usual": usual},
    )


@check("source", "The feed has delivered the days of the run completely, as far as it knows.")
def nothing_is_deferred(context: CheckContext) -> Verdict:
    """Nothing of the run's days waits for a later load."""
    waiting = [] if context.window == ALL_DAYS else _feed(context).deferred(context.window)
    return Verdict(passed=not waiting, severity="warning", description="; ".join(waiting) or None)


@check("source", "The feed can read everything it holds. What it cannot read blocks nothing else and waits for a fix.")
def feed_is_readable(context: CheckContext) -> Verdict:
    """The feed names nothing that it cannot read."""
    unreadable = _feed(context).unreadable()
    return Verdict(
        passed=not unreadable, description="; ".join(unreadable) or None, measures={"unreadable": len(unreadable)}
    )


@check("source", f"The published {PUBLISHED_SESSIONS:,} sessions and {PUBLISHED_PURCHASES:,} purchases are loaded.")
def published_counts(context: CheckContext) -> Verdict:
    """The counts of the published UCI file. People bring subsets and variants, hence only a warning."""
    with context.platform.warehouse.connect() as connection:
        found = connection.row(
            "SELECT COUNT(*) AS SESSIONS, COUNT_IF(REVENUE) AS PURCHASES FROM SOURCE WHERE FEED = 'uci'"
        )
        first = kept_from(connection, context.source.raw_days)
    if first > context.settings.first_day:
        return Verdict(passed=True, description=f"the raw sessions before {first} are deleted for their age")
    sessions, purchases = int(found["SESSIONS"]), int(found["PURCHASES"] or 0)
    return Verdict(
        passed=(sessions, purchases) == (PUBLISHED_SESSIONS, PUBLISHED_PURCHASES),
        severity="warning",
        description=f"{sessions:,} sessions and {purchases:,} purchases are loaded",
        measures={"sessions": sessions, "purchases": purchases},
    )


def _feed(context: CheckContext) -> Feed:
    if not isinstance(context.source, Feed):
        raise TypeError(f"the source {context.source.name} is observed, not loaded")
    return context.source


CHECKS = (rows_accounted_for, few_are_rejected, volume_is_usual, nothing_is_deferred, feed_is_readable)
