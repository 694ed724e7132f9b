"""The checks that compare a table with the one before it: no session is lost, and none is added."""

from intent_platform.partitions import Window
from intent_platform.pipeline.checks.check import CheckContext, Findings, Verdict, check, verdict_of
from intent_platform.pipeline.observation import in_days, prepare_observed
from intent_platform.platforms.loading import in_window
from intent_platform.platforms.ports import Connection
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.tables import DATASET, SCORES, SOURCE, SOURCE_REJECTED, Table


@check("dataset", "Every session of source is in dataset, and no other.")
def rows_match_source(context: CheckContext) -> Verdict:
    """Rows of an observed table may also have been rejected, and may have changed since: then it is a warning."""
    with context.platform.warehouse.connect() as connection:
        if isinstance(context.source, ObservedTable):
            return verdict_of(_unaccounted_rows(connection, context.source, context.window), "warning")
        return verdict_of(_unmatched_rows(connection, SOURCE, DATASET, context.window))


@check("scores", "Every session of dataset has its score, and no other.")
def rows_match_dataset(context: CheckContext) -> Verdict:
    """The keys of both tables are the same."""
    with context.platform.warehouse.connect() as connection:
        return verdict_of(_unmatched_rows(connection, DATASET, SCORES, context.window))


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


CHECKS = (rows_match_source, rows_match_dataset)
