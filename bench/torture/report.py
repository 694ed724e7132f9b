"""What a run prints, and the table that it writes into docs/reliability.md."""

import os
import platform
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from shlex import quote

from bench.document import fill
from bench.torture.runner import Result

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
_HEADER = ("kind", "trials", "kills", "violations", "processor seconds")


def print_progress(result: Result, done: int, trials: int) -> None:
    """Print one line for a trial that has ended, and one for each violation."""
    conditions = f" ({result.outcome.conditions})" if result.outcome.conditions else ""
    state = "VIOLATED" if result.outcome.violations else "held"
    print(  # noqa: T201
        f"{done:4}/{trials} {state:8} {result.processor_seconds:6.1f} s  {result.trial.name}{conditions}", flush=True
    )
    for violation in result.outcome.violations:
        print(f"     {violation}", flush=True)  # noqa: T201


def print_report(results: Sequence[Result], trials: int, size: str, seed: int) -> None:
    """Print the table, and the command that repeats each trial in which something broke."""
    print(f"\nseed {seed}, size {size}")  # noqa: T201
    for row in (_HEADER, *rows_of(results)):
        print(f"{row[0]!s:48}" + "".join(f"{cell!s:>12}" for cell in row[1:]))  # noqa: T201
    if len(results) < trials:
        print(f"{trials - len(results)} trials did not begin, because the time of this size was over")  # noqa: T201
    for result in results:
        if result.outcome.violations:
            print(f"\n{repeating_command(result, size, seed)}")  # noqa: T201
            print(*(f"  {violation}" for violation in result.outcome.violations), sep="\n")  # noqa: T201


def repeating_command(result: Result, size: str, seed: int) -> str:
    """The command that repeats a trial alone."""
    return f"make torture size={size} seed={seed} only={quote(result.trial.name)}"


def rows_of(results: Sequence[Result]) -> list[tuple[object, ...]]:
    """One row for each kind, and the sum."""
    kinds = sorted({result.trial.kind for result in results})
    rows = [_row(kind, [result for result in results if result.trial.kind == kind]) for kind in kinds]
    return [*rows, _row("all", results)]


def _row(kind: str, results: Sequence[Result]) -> tuple[object, ...]:
    return (
        kind,
        len(results),
        sum(result.outcome.kills for result in results),
        sum(bool(result.outcome.violations) for result in results),
        f"{sum(result.processor_seconds for result in results):,.0f}",
    )


def write_table(results: Sequence[Result], size: str, seed: int) -> None:
    """Write the table and how it was made into docs/reliability.md."""
    fill(DOCUMENT, "results", _HEADER, rows_of(results))
    measured = [pair for result in results for pair in result.outcome.measured.items()]
    if measured:
        rows = [(name, f"{early:.3g}", f"{late:.3g}") for name, (early, late) in measured]
        fill(DOCUMENT, "soak", ("measure", "months 2 to 4", "months 10 to 12"), rows)
    machine = (
        f"{os.cpu_count()} processors, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )
    run = (f"`make torture size={size}`", seed, f"{date.today():%Y-%m-%d}", machine)  # noqa: DTZ011  the reader's day
    fill(DOCUMENT, "run", ("command", "seed", "date", "machine"), [run])
