"""An A/A test on real data: the product's training with two seeds on the same UCI sessions, compared on later ones.

The two models are not exactly equal, but neither is expected to be better. So each pair is compared in both roles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench.sessions import bench_settings, dataset_rows
from intent_platform.modelling.head_to_head import Contender, HeadToHead
from intent_platform.modelling.metrics import measure
from intent_platform.modelling.promotion import decide
from intent_platform.modelling.training import train
from intent_platform.partitions import evaluation_window, training_window
from intent_platform.settings.evaluation import GateSettings
from intent_platform.settings.training import TrainingSettings
from intent_platform.tables import MONTH_NAMES

#: The months to train on, and the later months from which test windows are drawn.
_SPLITS = {("Aug", "Sep", "Oct"): ("Nov", "Dec"), ("Feb", "Mar"): ("May",)}
_SEEDS = 5
_PURCHASES = 100
_WINDOWS = 15
#: The dates of these windows have no effect, as long as the test window is after the training window.
_TRAINED, _TESTED = training_window("2024-11-01", 3), evaluation_window("2024-11-01", 14)


@dataclass(frozen=True)
class Pairs:
    """The results of all pairs on all windows.

    Attributes:
        contests: the number of comparisons, one for each ordered pair and window.
        apart: mean absolute PR-AUC difference of a pair on all rows.
        superior: share of comparisons in which the challenger is superior.
        wrong: share of comparisons in which the challenger is superior but not better on all rows.
        promoted: share of comparisons in which the gate promotes the challenger.
    """

    contests: int
    apart: float
    superior: float
    wrong: float
    promoted: float


def measure_seeds(csv: Path | None, policy: GateSettings) -> tuple[Sequence[str], list[Sequence[object]]]:
    """Measure every split; return the header and the rows of the table."""
    settings = bench_settings(csv)
    rows = dataset_rows(settings)
    table: list[Sequence[object]] = []
    for trained, tested in _SPLITS.items():
        pairs = play(_months(rows, trained), _months(rows, tested), settings.training, policy)
        shares = (f"{share:.1%}" for share in (pairs.superior, pairs.wrong, pairs.promoted))
        table.append((", ".join(trained), ", ".join(tested), pairs.contests, f"{pairs.apart:.4f}", *shares))
    return ("trained on", "tested on", "contests", "PR-AUC apart", "superior", "wrongly", "promoted"), table


def play(
    trained: pa.Table,
    tested: pa.Table,
    training: TrainingSettings,
    policy: GateSettings,
    seeds: int = _SEEDS,
    windows: int = _WINDOWS,
) -> Pairs:
    """Train with each seed, and compare every ordered pair on random windows of about 100 purchases."""
    labels = tested["REVENUE"].to_numpy().astype(np.int64)
    slices = tested["VISITORTYPE"].to_numpy()
    sides = []
    for seed in range(seeds):
        found = train(trained, training.model_copy(update={"seed": seed}))
        sides.append(Contender(f"seed {seed}", found.model.predict(tested), _TRAINED, found.metrics))
    values = [measure(labels, side.scores).pr_auc or 0.0 for side in sides]
    size = min(len(labels), round(_PURCHASES * len(labels) / labels.sum()))
    generator = np.random.default_rng(0)
    superior = wrong = promoted = contests = 0
    for _ in range(windows):
        drawn = generator.choice(len(labels), size, replace=False)
        day = np.full(size, np.datetime64(_TESTED.start))
        for one, other in permutations(range(seeds), 2):
            challenger, champion = _on(sides[one], drawn), _on(sides[other], drawn)
            decision = decide(HeadToHead(challenger, champion, _TESTED, labels[drawn], day, slices[drawn]), policy)
            is_superior = decision.difference is not None and decision.difference.low > 0
            contests += 1
            superior += is_superior
            wrong += is_superior and values[one] <= values[other]
            promoted += decision.outcome == "promote"
    apart = float(np.mean([abs(one - other) for one, other in permutations(values, 2)]))
    return Pairs(contests, apart, superior / contests, wrong / contests, promoted / contests)


def _on(side: Contender, rows: np.ndarray) -> Contender:
    return Contender(side.name, side.scores[rows], side.training_window, side.out_of_fold)


def _months(rows: pa.Table, names: Sequence[str]) -> pa.Table:
    wanted = np.isin(rows["MONTH"].to_numpy(), [MONTH_NAMES.index(name) + 1 for name in names])
    return rows.filter(pa.array(wanted))
