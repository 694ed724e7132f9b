"""The checks of `pipeline.checks` as Dagster's asset checks: the only place where a verdict takes Dagster's form.

In a run over daily partitions a check looks at the days of the run. Executed by itself, it looks at the whole table.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from intent_platform.assets.failures import fails_with_its_message
from intent_platform.assets.presentation import markdown_table
from intent_platform.partitions import tagged_window
from intent_platform.pipeline.checks import ALL_DAYS, Check, CheckContext, Severity, Verdict, all_checks
from intent_platform.platforms.ports import Platform
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.settings import Settings

_SEVERITIES: Mapping[Severity, dg.AssetCheckSeverity] = {
    "error": dg.AssetCheckSeverity.ERROR,
    "warning": dg.AssetCheckSeverity.WARN,
}


def build_checks(settings: Settings, source: Feed | ObservedTable) -> Sequence[dg.AssetChecksDefinition]:
    """All checks for these settings."""
    return [_asset_check(check, settings, source) for check in all_checks(settings, source)]


def _asset_check(check: Check, settings: Settings, source: Feed | ObservedTable) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=check.asset, name=check.name, description=check.description_for(settings))
    @fails_with_its_message
    def asset_check(
        context: dg.AssetCheckExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.AssetCheckResult:
        def last_load() -> Mapping[str, Any] | None:
            event = context.instance.get_latest_materialization_event(dg.AssetKey("source"))
            return event.asset_materialization.metadata if event and event.asset_materialization else None

        window = tagged_window(context.run.tags) or ALL_DAYS
        return check_result(check, check.judge(CheckContext(platform, settings, source, window, last_load)))

    return asset_check


def check_result(check: Check, verdict: Verdict) -> dg.AssetCheckResult:
    """A verdict as Dagster shows it."""
    metadata = dict(verdict.measures)
    if verdict.findings:
        metadata["findings"] = markdown_table(("finding", "rows"), verdict.findings)
    return dg.AssetCheckResult(
        check_name=check.name,
        passed=verdict.passed,
        severity=_SEVERITIES[verdict.severity],
        description=verdict.description,
        metadata=metadata,
    )
