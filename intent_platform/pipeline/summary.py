"""Summaries of a deployment's tables: their row counts, their feed, and the results of each month."""

from collections.abc import Sequence
from dataclasses import dataclass

from intent_platform.partitions import day_of, month_window
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.ports import Connection
from intent_platform.tables import SOURCE, SOURCE_REJECTED, Table


@dataclass(frozen=True)
class MonthSummary:
    """One month: its last evaluation, the champion at its end, and the number of sessions with scores.

    A field is None when the month lacks it.
    """

    key: str
    challenger: str | None
    decision: str | None
    challenger_pr_auc: float | None
    champion_pr_auc: float | None
    champion: str | None
    scored: int


def row_counts(connection: Connection, tables: Sequence[Table] = (SOURCE, SOURCE_REJECTED)) -> dict[str, int]:
    """How many rows each of `tables` has."""
    return {table.name: connection.value(f"SELECT COUNT(*) AS COUNTED FROM {table.name}") for table in tables}


def other_feed(connection: Connection, feed: str, among: Sequence[str]) -> str | None:
    """A feed of `among` other than `feed` whose sessions are in SOURCE; None when there is none."""
    found: str | None = connection.value(
        "SELECT MIN(FEED) AS OTHER FROM SOURCE WHERE FEED IN :among AND FEED <> :feed", among=tuple(among), feed=feed
    )
    return found


def month_summaries(connection: Connection, months: Sequence[str]) -> list[MonthSummary]:
    """The summary of each monthly key, in the order of `months`."""
    evaluations = {
        row["MONTH"]: row
        for row in connection.fetch(
            "SELECT MONTH, CHALLENGER, DECISION, CHALLENGER_PR_AUC, CHAMPION_PR_AUC FROM EVALUATIONS "
            "ORDER BY DECIDED_AT"
        ).to_pylist()
    }
    scored = {
        row["MONTH"]: row["COUNTED"]
        for row in connection.fetch(
            "SELECT CAST(DATE_TRUNC('MONTH', SESSION_DATE) AS DATE) AS MONTH, COUNT(*) AS COUNTED "
            "FROM SCORES GROUP BY 1"
        ).to_pylist()
    }
    ledger = read_ledger(connection)
    summaries = []
    for key in months:
        row = evaluations.get(day_of(key), {})
        moves = [move for move in ledger.moves if move.effective_date < month_window(key).end]
        summaries.append(
            MonthSummary(
                key=key,
                challenger=row.get("CHALLENGER"),
                decision=row.get("DECISION"),
                challenger_pr_auc=row.get("CHALLENGER_PR_AUC"),
                champion_pr_auc=row.get("CHAMPION_PR_AUC"),
                champion=moves[-1].to_version if moves else None,
                scored=scored.get(day_of(key), 0),
            )
        )
    return summaries
