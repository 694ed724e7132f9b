"""Asset checks that follow from a table's contract, and the days that a check looks at.

In a run over daily partitions a check looks at what the run wrote; executed by itself, at the whole table.
"""

from collections.abc import Callable, Sequence
from datetime import date

import dagster as dg

from intent_platform.assets.presentation import markdown_table
from intent_platform.partitions import Window, days_window
from intent_platform.platforms.contract_sql import empty, forbidden
from intent_platform.platforms.loading import in_window
from intent_platform.platforms.ports import Connection, Warehouse
from intent_platform.tables import Table

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


def table_checks(
    asset: str,
    table: Table,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    prepare: Callable[[Connection], None] = lambda _: None,
) -> Sequence[dg.AssetChecksDefinition]:
    """Keys unique, nothing empty that must not be, values as the contract allows; after `prepare` of the session."""

    def table_check(
        name: str, description: str, find: Callable[[Connection, Table, Window], Findings]
    ) -> dg.AssetChecksDefinition:
        @dg.asset_check(asset=asset, name=name, description=description)
        def check(
            context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
        ) -> dg.AssetCheckResult:
            with warehouse.connect() as connection:
                prepare(connection)
                findings = find(connection, table, checked_window(context))
            return verdict(findings, severity)

        return check

    return [
        table_check("keys_are_unique", f"No two rows share {', '.join(table.key)}.", _repeated_keys),
        table_check("nothing_is_empty", "Mandatory columns hold a value in every row.", _empty_cells),
        table_check("values_are_allowed", "Values keep the limits of tables.py.", _forbidden_values),
    ]


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


def _repeated_keys(connection: Connection, table: Table, window: Window) -> Findings:
    repeated = connection.fetch(
        f"SELECT COUNT(*) AS COUNTED FROM (SELECT {', '.join(table.key)} FROM {table.name} "  # noqa: S608
        f"WHERE {in_window(table)} GROUP BY {', '.join(table.key)} HAVING COUNT(*) > 1) REPEATED",
        start=window.start,
        end=window.end,
    )
    return [(f"repeated {', '.join(table.key)}", repeated["COUNTED"][0].as_py())]


def _empty_cells(connection: Connection, table: Table, window: Window) -> Findings:
    return _count_each(connection, table, window, [empty(column) for column in table.columns if not column.nullable])


def _forbidden_values(connection: Connection, table: Table, window: Window) -> Findings:
    return _count_each(connection, table, window, [rule for column in table.columns for rule in forbidden(column)])


def _count_each(
    connection: Connection, table: Table, window: Window, conditions: Sequence[tuple[str, str]]
) -> Findings:
    counters = ", ".join(f"COUNT_IF({condition}) AS C{number}" for number, (_, condition) in enumerate(conditions))
    counted = connection.fetch(
        f"SELECT {counters} FROM {table.name} WHERE {in_window(table)}",  # noqa: S608
        start=window.start,
        end=window.end,
    ).to_pylist()[0]
    return [(what, int(counted[f"C{number}"] or 0)) for number, (what, _) in enumerate(conditions)]


def unmatched_rows(connection: Connection, upstream: Table, downstream: Table, window: Window) -> Findings:
    """How many sessions of `window` are in one of the two tables only."""

    def only_in(table: Table, other: Table) -> tuple[str, int]:
        rows = connection.fetch(
            f"SELECT COUNT(*) AS COUNTED FROM (SELECT UID, SESSION_DATE FROM {table.name} WHERE {in_window(table)} "  # noqa: S608
            f"EXCEPT SELECT UID, SESSION_DATE FROM {other.name} WHERE {in_window(other)}) LONELY",
            start=window.start,
            end=window.end,
        )
        return f"in {table.name}, not in {other.name}", rows["COUNTED"][0].as_py()

    return [only_in(upstream, downstream), only_in(downstream, upstream)]
