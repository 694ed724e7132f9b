"""Head-to-heads on made rows, and the policies that decide them."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from intent_platform.modelling.metrics import measure
from intent_platform.modelling.promotion import Contender, HeadToHead
from intent_platform.partitions import Window
from intent_platform.settings import load_settings
from intent_platform_tests.builders.scores import scored_rows

POLICY = load_settings().gate.model_copy(update={"resamples": 400})
STRICT = POLICY.model_copy(update={"fresher_margin": None})
GREATER = POLICY.model_copy(update={"policy": "greater"})

FEBRUARY_TO_APRIL = Window(date(2024, 2, 1), date(2024, 5, 1))
MARCH_TO_MAY = Window(date(2024, 3, 1), date(2024, 6, 1))
FIRST_HALF_OF_JUNE = Window(date(2024, 6, 1), date(2024, 6, 15))


def head_to_head(rows: int = 600, edge: float = 0.0, seed: int = 0, noise: float = 0.5, **changes: Any) -> HeadToHead:
    """A challenger trained on March to May and a champion trained one month earlier, tested in June.

    `edge` is the advantage of the challenger. `changes` are those of `changed`.
    """
    labels, challenger, champion = scored_rows(rows, edge, seed, noise)
    made = HeadToHead(
        challenger=Contender("v_240601_100000", challenger, MARCH_TO_MAY, measure(labels, challenger)),
        champion=Contender("v_240501_100000", champion, FEBRUARY_TO_APRIL, measure(labels, champion)),
        test_window=FIRST_HALF_OF_JUNE,
        labels=labels,
        days=np.full(rows, np.datetime64("2024-06-01")),
        slices=np.where(np.arange(rows) % 6 == 0, "New_Visitor", "Returning_Visitor"),
    )
    return changed(made, **changes)


def changed(made: HeadToHead, **changes: Any) -> HeadToHead:
    """A copy with changes: `challenger_…` and `champion_…` change that side, other names the head-to-head."""
    for side in ("challenger", "champion"):
        own = {name.removeprefix(f"{side}_"): changes.pop(name) for name in [*changes] if name.startswith(f"{side}_")}
        if own:
            changes[side] = replace(getattr(made, side), **own)
    return replace(made, **changes)


def without_champion(**changes: Any) -> HeadToHead:
    """A challenger that would be the first champion."""
    return head_to_head(**{"champion": None, **changes})


def with_scores(labels: ArrayLike, challenger: ArrayLike, champion: ArrayLike | None = None) -> HeadToHead:
    """A head-to-head on given labels and scores; without the champion's scores there is no champion."""
    known = np.asarray(labels)
    arrays: Any = {
        "labels": known,
        "days": np.full(len(known), np.datetime64("2024-06-01")),
        "slices": np.full(len(known), "Returning_Visitor"),
        "challenger_scores": np.asarray(challenger, dtype=float),
    }
    if champion is None:
        return without_champion(**arrays)
    return head_to_head(**arrays, champion_scores=np.asarray(champion, dtype=float))
