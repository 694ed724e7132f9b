"""What the scripts that write docs/quality.md are told on the command line."""

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
    """Settings with the file to read, the document to fill, the results at hand, and whether only to try it out."""

    settings: Settings
    document: Path
    store: Store
    quick: bool
    parts: tuple[str, ...]


def read(name: str, purpose: str | None, parts: tuple[str, ...], given: Sequence[str] | None) -> Arguments:
    """The arguments of script `name`, which has `parts` that can be run alone."""
    parser = argparse.ArgumentParser(prog=f"python -m bench.{name}", description=purpose)
    parser.add_argument("--csv", type=Path, help="online_shoppers_intention.csv; default: INTENT_PLATFORM_UCI_CSV")
    parser.add_argument("--document", type=Path, default=_ROOT / "docs" / "quality.md")
    parser.add_argument("--store", type=Path, default=_ROOT / ".bench", help="where results are kept and found again")
    parser.add_argument("--quick", action="store_true", help="few trials and splits: whether it runs, not what it says")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    chosen = parser.parse_args(given)
    settings = bench_settings(chosen.csv)
    return Arguments(settings, chosen.document, Store(chosen.store), chosen.quick, tuple(chosen.only))
