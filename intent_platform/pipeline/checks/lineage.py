"""The checks that compare a table with what it follows from: no session is lost, and each score is its champion's."""

from datetime import timedelta

from intent_platform.partitions import Window
from intent_platform.pipeline.checks.check import CheckContext, Findings, Verdict, check, verdict_of
from intent_platform.pipeline.expiry import kept_days
from intent_platform.pipeline.observation import in_days, prepare_observed
from intent_platform.pipeline.rescoring import recently_outdated
from intent_platform.pipeline.scoring import VERSION, chosen_versions
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.loading import in_window
from intent_platform.platforms.ports import Connection
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.tables import DATASET, SCORES, SOURCE, SOURCE_REJECTED, Table


@check("dataset", "Every session of source is in dataset, and no other, on days whose raw sessions are kept.")
def rows_match_source(context: CheckContext) -> Verdict:
    """Rows of an observed table may also have been rejected, and may have changed since: then it is a warning."""
    with context.platform.warehouse.connect() as connection:
        window = kept_days(connection, context.window, context.source.raw_days)
        if isinstance(context.source, ObservedTable):
            return verdict_of(_unaccounted_rows(connection, context.source, window), "warning")
        return verdict_of(_unmatched_rows(connection, SOURCE, DATASET, window))


@check("scores", "Every session of dataset has its score, and no other.")
def rows_match_dataset(context: CheckContext) -> Verdict:
    """The keys of both tables are the same."""
    with context.platform.warehouse.connect() as connection:
        return verdict_of(_unmatched_rows(connection, DATASET, SCORES, context.window))


@check("scores", "Each score is that of the version that was champion when it was given.")
def scores_are_the_champions(context: CheckContext) -> Verdict:
    """Scores by a version that somebody named are left out. Scores of a replaced champion are only a warning."""
    with context.platform.warehouse.connect() as connection:
        ledger = read_ledger(connection)
        groups = connection.fetch(
            "SELECT SESSION_DATE, MODEL_VERSION, CHOSEN_AS, MOVE, COUNT(*) AS COUNTED FROM SCORES "
            f"WHERE {in_window(SCORES)} AND CHOSEN_AS <> :version "
            "GROUP BY SESSION_DATE, MODEL_VERSION, CHOSEN_AS, MOVE",
            version=VERSION,
            **context.window.bounds,
        ).to_pylist()
        outdated = []
        if ledger.latest is not None:
            recent = recently_outdated(connection, ledger.latest, context.settings)
            outdated = [window.intersection(context.window) for window in recent if window.overlaps(context.window)]
    wrong = 0
    for day, version, chosen_as, move, sessions in (group.values() for group in groups):
        then = Window(day, day + timedelta(days=1))
        if chosen_versions(ledger.until(move or 0), chosen_as, then) != {version}:
            wrong += sessions
    if wrong:
        return verdict_of([("by another version than the champion of their move", wrong)])
    days = ", ".join(map(str, outdated))
    return Verdict(
        passed=not outdated,
        severity="warning",
        description=f"an earlier champion scored {days}: champion_sensor asks for these days" if outdated else None,
    )


def _unmatched_rows(connection: Connection, upstream: Table, downstream: Table, window: Window) -> Findings:
    """How many sessions of `window` are in only one of the two tables."""

    def only_in(table: Table, other: Table) -> tuple[str, int]:
        rows = connection.value(
            f"SELECT COUNT(*) AS COUNTED FROM (SELECT UID, SESSION_DATE FROM {table.name} WHERE {in_window(table)} "
            f"EXCEPT SELECT UID, SESSION_DATE FROM {other.name} WHERE {in_window(other)}) LONELY",
            **window.bounds,
        )
        return f"in {table.name}, not in {other.name}", rows

    return [only_in(upstream, downstream), only_in(downstream, upstream)]


def _unaccounted_rows(connection: Connection, observed: ObservedTable, window: Window) -> Findings:
    """How many observed rows of `window` are in neither table, and how many rows have left the observed table.

    Rows that came or went since the day was built count too. Catch-up rebuilds their day.
    """
    prepare_observed(connection, observed)
    lacking = connection.value(
        f"SELECT (SELECT COUNT(*) FROM {observed.table.name} WHERE {in_days(observed, window)}) "
        f"- (SELECT COUNT(*) FROM DATASET WHERE {in_window(DATASET)}) "
        f"- (SELECT COUNT(*) FROM SOURCE_REJECTED WHERE {in_window(SOURCE_REJECTED)} AND FEED = :feed) AS LACKING",
        feed=observed.name,
        **window.bounds,
    )
    gone = connection.value(
        f"SELECT COUNT(*) AS COUNTED FROM (SELECT UID, SESSION_DATE FROM DATASET WHERE {in_window(DATASET)} EXCEPT "
        f"SELECT LOWER(CAST(UID AS VARCHAR)), SESSION_DATE FROM {observed.table.name} "
        f"WHERE {in_window(observed.table)}) LONELY",
        **window.bounds,
    )
    return [
        (f"neither in {DATASET.name} nor rejected", max(0, lacking)),
        (f"no longer in {observed.title}", max(gone, -lacking)),
    ]


CHECKS = (rows_match_source, rows_match_dataset, scores_are_the_champions)
