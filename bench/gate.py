"""`python -m bench.gate`: how often the gate decides correctly. Writes the tables of docs/gate.md.

`simulation` makes test windows with a known truth, and `seeds` takes real ones. The gate is the product's own, with the
default settings except for the number of resamples.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from time import perf_counter, process_time
from zlib import crc32

from bench.document import fill
from bench.seeds import measure_seeds
from bench.simulation import PURCHASES, World, edge_for
from intent_platform.modelling.head_to_head import Comparison
from intent_platform.modelling.promotion import decide
from intent_platform.settings import load_settings
from intent_platform.settings.evaluation import GateSettings

DOCUMENT = Path(__file__).parents[1] / "docs" / "gate.md"
_Table = tuple[Sequence[str], Sequence[Sequence[object]]]
_DAYS = 14
_PROCESSES = 2
#: Simulated windows for each row of a table. Error rates need more windows than the power does.
_WINDOWS = {"equal": 1_000, "fresher": 500, "power": 300, "guardrails": 300}
_REAL = "seeds"
#: Large windows take long, so only a share of that number is simulated. The key is the purchases in a window.
_PART_OF_WINDOWS = {1_000: 0.5}
_RESAMPLES = 1_000
#: The size of the problem on which the bootstrap is timed.
_SPEED = "speed"
_TIMED_RESAMPLES, _TIMED_SESSIONS = 10_000, 10_000


@dataclass(frozen=True)
class Rates:
    """The results of many windows of one kind.

    Attributes:
        windows: the number of windows.
        covered: share of windows in which the interval of the PR-AUC difference contains the true difference.
        superior: share of windows in which that interval is above zero.
        promoted: share of windows in which the gate promotes the challenger.
        stopped: for each reason code, the number of windows in which it kept the challenger from promotion.
    """

    windows: int
    covered: float
    superior: float
    promoted: float
    stopped: Counter[str]


def rates(
    world: World,
    purchases: int,
    policy: GateSettings,
    *,
    windows: int,
    fresher: bool = False,
    days: int = _DAYS,
    processes: int = _PROCESSES,
) -> Rates:
    """Let the gate decide on `windows` test windows of a world, or on fewer where windows are large.

    Windows of different worlds or sizes share no random draws, so one lucky draw cannot affect every row of a table.
    """
    windows = max(1, round(windows * _PART_OF_WINDOWS.get(purchases, 1.0)))
    family = crc32(repr((world, purchases, days, fresher)).encode())
    one = partial(_decided, world, purchases, policy, days, fresher, family)
    if processes == 1:
        decided = list(map(one, range(windows)))
    else:
        with ProcessPoolExecutor(processes) as pool:
            decided = list(pool.map(one, range(windows), chunksize=max(1, windows // (8 * processes))))
    truth = world.truth
    return Rates(
        windows,
        covered=sum(low <= truth <= high for low, high, _, _ in decided) / windows,
        superior=sum(low > 0 for low, _, _, _ in decided) / windows,
        promoted=sum(promoted for _, _, promoted, _ in decided) / windows,
        stopped=Counter(code for _, _, _, codes in decided for code in codes),
    )


def _decided(
    world: World, purchases: int, policy: GateSettings, days: int, fresher: bool, family: int, number: int
) -> tuple[float, float, bool, frozenset[str]]:
    decision = decide(world.head_to_head(purchases, days, [family, number], fresher=fresher), policy)
    assert decision.difference is not None, "simulated windows have both classes and a champion"  # noqa: S101
    against = frozenset(reason.code for reason in decision.reasons if decision.outcome != "promote")
    return decision.difference.low, decision.difference.high, decision.outcome == "promote", against


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the requested tables and write them into the document."""
    parser = argparse.ArgumentParser(prog="python -m bench.gate", description=__doc__)
    names = [*_WINDOWS, _REAL, _SPEED]
    parser.add_argument("tables", nargs="*", default=names, help=f"which of {', '.join(names)}; all by default")
    parser.add_argument("--csv", type=Path, help="online_shoppers_intention.csv; default: INTENT_PLATFORM_UCI_CSV")
    parser.add_argument("--windows", type=int, help="simulated windows for each row of a table")
    parser.add_argument("--document", type=Path, default=DOCUMENT)
    chosen = parser.parse_args(arguments)
    policy = load_settings().gate.model_copy(update={"resamples": _RESAMPLES})
    tables: dict[str, Callable[[Callable[..., Rates]], _Table]] = {
        "equal": partial(_equal, policy=policy),
        "fresher": partial(_fresher, margin=policy.fresher_margin or 0.0),
        "power": _power,
        "guardrails": _guardrails,
    }
    for name in chosen.tables:
        if name == _REAL:
            fill(chosen.document, name, *measure_seeds(chosen.csv, policy))
            continue
        if name == _SPEED:
            fill(chosen.document, name, *_speed(policy))
            continue
        simulate = partial(rates, policy=policy, windows=chosen.windows or _WINDOWS[name])
        fill(chosen.document, name, *tables[name](simulate))


def _equal(simulate: Callable[..., Rates], policy: GateSettings) -> _Table:
    header = (
        "purchases",
        "models err by day",
        *("covered", "superior", "promoted"),
        "covered (sessions)",
        "superior (sessions)",
    )
    rows = []
    for purchases, day_error in product((40, 100, 350), (0.0, 0.9)):
        world = World(day_error=day_error)
        by_day = simulate(world, purchases)
        by_row = simulate(world, purchases, policy=policy.model_copy(update={"cluster_days": 10_000}))
        shares = (by_day.covered, by_day.superior, by_day.promoted, by_row.covered, by_row.superior)
        rows.append((purchases, "yes" if day_error else "no", *map(_percent, shares)))
    return header, rows


def _fresher(simulate: Callable[..., Rates], margin: float) -> _Table:
    differences = (-2 * margin, -margin, 0.0, margin)
    rows = [
        (purchases, *(_percent(simulate(_better(true), purchases, fresher=True).promoted) for true in differences))
        for purchases in (40, 100, 350, 1_000)
    ]
    return ("purchases", *(f"truly {true:+.2f}" for true in differences)), rows


def _power(simulate: Callable[..., Rates]) -> _Table:
    rows = []
    for true, purchases in product((0.02, 0.05, 0.10), (40, 100, 350, 1_000)):
        found = simulate(_better(true), purchases)
        rows.append((f"{true:+.2f}", purchases, *map(_percent, (found.superior, found.promoted, found.covered))))
    return ("truly better by", "purchases", "superior", "promoted", "covered"), rows


def _guardrails(simulate: Callable[..., Rates]) -> _Table:
    codes = {
        "ROC-AUC": "guardrail_roc_auc",
        "Brier": "guardrail_brier",
        "log loss": "guardrail_log_loss",
        "calibration": "guardrail_calibration_error",
        "a slice": "slice_worse",
    }
    rows = []
    for purchases, overconfidence in product((40, 100, 350), (1.0, 1.5, 2.0)):
        found = simulate(World(overconfidence=overconfidence), purchases, fresher=True)
        rows.append(
            (purchases, overconfidence, *(_percent(found.stopped[code] / found.windows) for code in codes.values()))
        )
    return ("purchases", "log-odds times", *codes), rows


def _speed(policy: GateSettings) -> _Table:
    head_to_head = World().head_to_head(round(_TIMED_SESSIONS * PURCHASES), _DAYS, seed=0)
    rows = []
    for drawn, days in (("sessions", _DAYS + 1), ("days", _DAYS)):
        timed = policy.model_copy(update={"resamples": _TIMED_RESAMPLES, "cluster_days": days})
        comparison = Comparison(head_to_head, timed)
        began, wall = process_time(), perf_counter()
        found = comparison.difference
        spent, elapsed = process_time() - began, perf_counter() - wall
        assert found is not None, "simulated windows have both classes and a champion"  # noqa: S101
        rows.append((drawn, f"{len(head_to_head.labels):,}", f"{found.resamples:,}", f"{elapsed:.1f}", f"{spent:.1f}"))
    return ("drawn", "sessions", "resamples", "seconds", "processor seconds"), rows


def _better(true: float) -> World:
    return World(edge_for(true) if true else 0.0)


def _percent(share: float) -> str:
    return f"{share:.1%}"


if __name__ == "__main__":
    main()
