"""Asset checks that follow from a table's contract, and the days that a check looks at.

In a run over daily partitions a check looks at what the run wrote; executed by itself, at the whole table.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date

import dagster as dg

from intent_platform.assets.presentation import markdown_table
from intent_platform.partitions import Window, days_window
from intent_platform.platforms.ports import Session, Warehouse
from intent_platform.platforms.publish import in_window
from intent_platform.tables import Column, Table

ALL_DAYS = Window(date.min, date.max)
_PARTITION = "dagster/partition"
_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"

Findings = list[tuple[str, int]]


def checked_window(context: dg.AssetCheckExecutionContext) -> Window:
    """The days that the run covers; all days when it has no partition."""
    tags = context.run.tags
    first, last = tags.get(_RANGE_START, tags.get(_PARTITION)), tags.get(_RANGE_END, tags.get(_PARTITION))
    if first is None or last is None:
        return ALL_DAYS
    return Window(days_window([first]).start, days_window([last]).end)


def table_checks(asset: str, table: Table) -> Sequence[dg.AssetChecksDefinition]:
    """Keys unique, nothing empty that must not be, values as the contract allows."""
    return [
        _table_check(asset, table, "keys_are_unique", f"No two rows share {', '.join(table.key)}.", _repeated_keys),
        _table_check(asset, table, "nothing_is_empty", "Mandatory columns hold a value in every row.", _empty_cells),
        _table_check(asset, table, "values_are_allowed", "Values keep the limits of tables.py.", _forbidden_values),
    ]


def _table_check(
    asset: str, table: Table, name: str, description: str, find: Callable[[Session, Table, Window], Findings]
) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=asset, name=name, description=description)
    def check(context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
        with warehouse.session() as session:
            findings = find(session, table, checked_window(context))
        return verdict(findings)

    return check


def verdict(findings: Findings, severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR) -> dg.AssetCheckResult:
    """Passed when every count is zero; otherwise the counts that are not."""
    broken = [(what, rows) for what, rows in findings if rows]
    if not broken:
        return dg.AssetCheckResult(passed=True, severity=severity)
    return dg.AssetCheckResult(
        passed=False,
        severity=severity,
        description="; ".join(f"{what}: {rows:,} rows" for what, rows in broken),
        metadata={"findings": markdown_table(("what", "rows"), broken)},
    )


def _repeated_keys(session: Session, table: Table, window: Window) -> Findings:
    repeated = session.fetch(
        f"SELECT COUNT(*) AS COUNTED FROM (SELECT {', '.join(table.key)} FROM {table.name} "  # noqa: S608
        f"WHERE {in_window(table)} GROUP BY {', '.join(table.key)} HAVING COUNT(*) > 1) REPEATED",
        start=window.start,
        end=window.end,
    )
    return [(f"repeated {', '.join(table.key)}", repeated["COUNTED"][0].as_py())]


def _empty_cells(session: Session, table: Table, window: Window) -> Findings:
    def empty(column: Column) -> str:
        # NaN is a value to SQL and an empty cell to everybody else.
        nan = f" OR {column.name} = CAST('NaN' AS DOUBLE)" if column.type == "DOUBLE" else ""
        return f"{column.name} IS NULL{nan}"

    conditions = [(f"{c.name} is empty", empty(c)) for c in table.columns if not c.nullable]
    return _count_each(session, table, window, conditions)


def _forbidden_values(session: Session, table: Table, window: Window) -> Findings:
    return _count_each(session, table, window, [rule for column in table.columns for rule in _rules(column)])


def _rules(column: Column) -> Iterator[tuple[str, str]]:
    if column.minimum is not None:
        yield f"{column.name} below {column.minimum:g}", f"{column.name} < {column.minimum}"
    if column.maximum is not None:
        yield f"{column.name} above {column.maximum:g}", f"{column.name} > {column.maximum}"
    if column.allowed is not None:
        allowed = ", ".join(f"'{value}'" for value in column.allowed)
        yield f"{column.name} none of the allowed", f"{column.name} NOT IN ({allowed})"


def _count_each(session: Session, table: Table, window: Window, conditions: Sequence[tuple[str, str]]) -> Findings:
    counters = ", ".join(f"COUNT_IF({condition}) AS C{number}" for number, (_, condition) in enumerate(conditions))
    counted = session.fetch(
        f"SELECT {counters} FROM {table.name} WHERE {in_window(table)}",  # noqa: S608
        start=window.start,
        end=window.end,
    ).to_pylist()[0]
    return [(what, int(counted[f"C{number}"] or 0)) for number, (what, _) in enumerate(conditions)]


def unmatched_rows(session: Session, upstream: Table, downstream: Table, window: Window) -> Findings:
    """How many sessions of `window` are in one of the two tables only."""

    def only_in(table: Table, other: Table) -> tuple[str, int]:
        rows = session.fetch(
            f"SELECT COUNT(*) AS COUNTED FROM (SELECT UID, SESSION_DATE FROM {table.name} WHERE {in_window(table)} "  # noqa: S608
            f"EXCEPT SELECT UID, SESSION_DATE FROM {other.name} WHERE {in_window(other)}) LONELY",
            start=window.start,
            end=window.end,
        )
        return f"in {table.name}, not in {other.name}", rows["COUNTED"][0].as_py()

    return [only_in(upstream, downstream), only_in(downstream, upstream)]
