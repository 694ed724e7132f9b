"""Checks of the tables, the versions and the champion, without Dagster.

An asset check shows a verdict in the UI, a stored procedure returns it. To add a check, write a function with the
decorator `check` in the module of its subject and add it to the tuple at the end of that module.
"""

from intent_platform.pipeline.checks import champion, lineage, load, measures, observed, versions
from intent_platform.pipeline.checks.check import ALL_DAYS, Check, CheckContext, Severity, Verdict
from intent_platform.pipeline.checks.contract import contract_checks
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.settings import Settings
from intent_platform.tables import DATASET, EVALUATIONS, MONITORING, SCORES, SOURCE

__all__ = ["ALL_DAYS", "Check", "CheckContext", "Severity", "Verdict", "all_checks", "failed_verdicts"]


def all_checks(settings: Settings, source: Feed | ObservedTable) -> tuple[Check, ...]:
    """Every check of the platform with these settings, in the order of the pipeline."""
    return (
        *_source_checks(settings, source),
        *contract_checks("dataset", DATASET),
        *lineage.CHECKS,
        *versions.CHECKS,
        *contract_checks("evaluation", EVALUATIONS),
        *champion.CHECKS,
        *contract_checks("scores", SCORES),
        *contract_checks("monitoring", MONITORING),
        *measures.CHECKS,
    )


def _source_checks(settings: Settings, source: Feed | ObservedTable) -> tuple[Check, ...]:
    match source:
        case ObservedTable():
            return (*observed.contract_checks_of(source), *observed.CHECKS)
        case Feed():
            published = (load.published_counts,) if settings.feed == "uci" else ()
            return (*contract_checks("source", SOURCE), *load.CHECKS, *published)


def failed_verdicts(asset: str, context: CheckContext) -> list[tuple[Check, Verdict]]:
    """The checks of an asset that do not pass."""
    checks = (check for check in all_checks(context.settings, context.source) if check.asset == asset)
    verdicts = ((check, check.judge(context)) for check in checks)
    return [(check, verdict) for check, verdict in verdicts if not verdict.passed]
