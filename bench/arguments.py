"""Command-line arguments of the benchmarks that write docs/quality.md."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.sessions import bench_settings
from bench.store import Store
from intent_platform.settings import Settings

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Arguments:
    """The parsed arguments of a benchmark.

    Attributes:
        settings: the product's settings, with the UCI file to read.
        document: the page whose tables are written.
        store: where results are kept.
        quick: whether this is only a trial run of the benchmark, with few trials and splits.
        parts: the parts of the benchmark to run.
    """

    settings: Settings
    document: Path
    store: Store
    quick: bool
    parts: tuple[str, ...]


def read(name: str, purpose: str | None, parts: tuple[str, ...], given: Sequence[str] | None) -> Arguments:
    """Parse the arguments of benchmark `name`; each of its `parts` can be run alone."""
    parser = argparse.ArgumentParser(prog=f"python -m bench.{name}", description=purpose)
    parser.add_argument("--csv", type=Path, help="online_shoppers_intention.csv; default: INTENT_PLATFORM_UCI_CSV")
    parser.add_argument("--document", type=Path, default=_ROOT / "docs" / "quality.md")
    parser.add_argument("--store", type=Path, default=_ROOT / ".bench", help="folder that keeps the results")
    parser.add_argument("--quick", action="store_true", help="few trials and splits, to test the benchmark itself")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    chosen = parser.parse_args(given)
    settings = bench_settings(chosen.csv)
    return Arguments(settings, chosen.document, Store(chosen.store), chosen.quick, tuple(chosen.only))
