"""What a check is: an asset, a name, a description, and a function from a context to a verdict."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from intent_platform.partitions import Window
from intent_platform.platforms.ports import Platform
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.settings import Settings

ALL_DAYS = Window(date.min, date.max)

#: An error is announced, a warning is only shown.
Severity = Literal["error", "warning"]
#: What may be wrong, and the number of rows that it is wrong for.
Findings = Sequence[tuple[str, int]]


@dataclass(frozen=True)
class CheckContext:
    """What a check may look at. `window` holds the days to check: those of a run, or `ALL_DAYS`.

    `last_load` gives what the last load of `source` recorded about itself; None before the first load.
    """

    platform: Platform
    settings: Settings
    source: Feed | ObservedTable
    window: Window = ALL_DAYS
    last_load: Callable[[], Mapping[str, Any] | None] = lambda: None


@dataclass(frozen=True)
class Verdict:
    """The result of a check. `findings` lists what is wrong and for how many rows, `measures` the numbers behind it."""

    passed: bool
    severity: Severity = "error"
    description: str | None = None
    measures: Mapping[str, Any] = field(default_factory=dict)
    findings: Findings = ()


Judge = Callable[[CheckContext], Verdict]


@dataclass(frozen=True)
class Check:
    """A check of an asset. `description` may name settings: `{settings.monitoring.volume_days}`."""

    asset: str
    name: str
    description: str
    judge: Judge

    def description_for(self, settings: Settings) -> str:
        """The description with the values of these settings."""
        return self.description.format(settings=settings)


def check(asset: str, description: str) -> Callable[[Judge], Check]:
    """Make the decorated function a check of `asset`, named like the function."""

    def declared(judge: Judge) -> Check:
        return Check(asset, judge.__name__, description, judge)

    return declared


def verdict_of(findings: Findings, severity: Severity = "error") -> Verdict:
    """Passed when every count is zero; otherwise the counts that are not."""
    wrong = [(what, rows) for what, rows in findings if rows]
    return Verdict(
        passed=not wrong,
        severity=severity,
        description="; ".join(f"{what}: {rows:,} rows" for what, rows in wrong) or None,
        findings=wrong,
    )


def not_yet(what: str) -> Verdict:
    """The verdict before there is anything to check: a warning."""
    return Verdict(passed=False, severity="warning", description=what)
