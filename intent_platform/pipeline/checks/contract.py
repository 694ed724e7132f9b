"""The checks that every table gets from its contract in `tables`."""

from collections.abc import Callable, Sequence

from intent_platform.partitions import Window
from intent_platform.pipeline.checks.check import Check, CheckContext, Findings, Severity, Verdict, verdict_of
from intent_platform.platforms.contract_sql import empty, forbidden
from intent_platform.platforms.loading import in_window
from intent_platform.platforms.ports import Connection
from intent_platform.tables import Table


def contract_checks(
    asset: str, table: Table, severity: Severity = "error", prepare: Callable[[Connection], None] = lambda _: None
) -> tuple[Check, ...]:
    """Keys are unique, mandatory cells are filled, values keep their limits. `prepare` runs before the statements."""

    def table_check(name: str, description: str, find: Callable[[Connection, Table, Window], Findings]) -> Check:
        def judge(context: CheckContext) -> Verdict:
            with context.platform.warehouse.connect() as connection:
                prepare(connection)
                return verdict_of(find(connection, table, context.window), severity)

        return Check(asset, name, description, judge)

    return (
        table_check("keys_are_unique", f"No two rows share {', '.join(table.key)}.", _repeated_keys),
        table_check("nothing_is_empty", "Mandatory columns hold a value in every row.", _empty_cells),
        table_check("values_are_allowed", "Values keep the limits of the contract.", _forbidden_values),
    )


def _repeated_keys(connection: Connection, table: Table, window: Window) -> Findings:
    key = ", ".join(table.key)
    repeated = connection.value(
        f"SELECT COUNT(*) AS COUNTED FROM (SELECT {key} FROM {table.name} "
        f"WHERE {in_window(table)} GROUP BY {key} HAVING COUNT(*) > 1) REPEATED",
        **window.bounds,
    )
    return [(f"repeated {key}", repeated)]


def _empty_cells(connection: Connection, table: Table, window: Window) -> Findings:
    return _count_each(connection, table, window, [empty(column) for column in table.columns if not column.nullable])


def _forbidden_values(connection: Connection, table: Table, window: Window) -> Findings:
    return _count_each(connection, table, window, [rule for column in table.columns for rule in forbidden(column)])


def _count_each(
    connection: Connection, table: Table, window: Window, conditions: Sequence[tuple[str, str]]
) -> Findings:
    counters = ", ".join(f"COUNT_IF({condition}) AS C{number}" for number, (_, condition) in enumerate(conditions))
    counted = connection.row(f"SELECT {counters} FROM {table.name} WHERE {in_window(table)}", **window.bounds)
    return [(what, int(counted[f"C{number}"] or 0)) for number, (what, _) in enumerate(conditions)]
