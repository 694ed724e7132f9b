"""The checks of an observed table. What they find is a warning: `dataset` does not take such rows."""

from intent_platform.partitions import now
from intent_platform.pipeline.checks.check import Check, CheckContext, Verdict, check, verdict_of
from intent_platform.pipeline.checks.contract import contract_checks
from intent_platform.pipeline.observation import prepare_observed
from intent_platform.sessions.observed_table import ObservedTable


def contract_checks_of(observed: ObservedTable) -> tuple[Check, ...]:
    """The contract of SOURCE, checked where the rows are."""
    return contract_checks(
        "source", observed.table, "warning", lambda connection: prepare_observed(connection, observed)
    )


@check("source", "Every row has a day, neither before the first partition nor in the future.")
def no_row_is_left_out(context: CheckContext) -> Verdict:
    """Rows that belong to no partition of `dataset`, by the reason."""
    observed, first_day = context.source, context.settings.first_day
    if not isinstance(observed, ObservedTable):
        raise TypeError(f"the feed {observed.name} is loaded, not observed")
    with context.platform.warehouse.connect() as connection:
        prepare_observed(connection, observed)
        beyond = connection.row(
            "SELECT COUNT_IF(SESSION_DATE IS NULL) AS UNDATED, COUNT_IF(SESSION_DATE < :first_day) AS EARLIER, "
            f"COUNT_IF(SESSION_DATE > :today) AS LATER FROM {observed.table.name}",
            first_day=first_day,
            today=now().date(),
        )
    findings = [
        (f"without a day, rejected with {first_day}", int(beyond["UNDATED"] or 0)),
        (f"before first_day {first_day}", int(beyond["EARLIER"] or 0)),
        ("in the future", int(beyond["LATER"] or 0)),
    ]
    return verdict_of(findings, "warning")


CHECKS = (no_row_is_left_out,)
