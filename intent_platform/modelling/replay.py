"""Promotion policies played over history: what would each one's champion have delivered?

Pure: sessions and the scores that every version gives them go in, courses come out. Training the versions and
showing the courses is the business of the command `replay`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from intent_platform.modelling.head_to_head import Contender, HeadToHead, windows_to_pool
from intent_platform.modelling.metrics import Labels, measure
from intent_platform.modelling.promotion import decide
from intent_platform.partitions import Window, add_months, evaluation_window, unseen_months
from intent_platform.settings.evaluation import GateSettings

Policy = Callable[[HeadToHead], bool]


def policies(gate: GateSettings) -> Mapping[str, Policy]:
    """The policies to choose from, by name: whether a challenger replaces the champion it meets.

    The first champion is the gate's under each of them, so that all serve the same months.
    """

    def promotes(policy: Literal["evidence", "greater"], head_to_head: HeadToHead) -> bool:
        return decide(head_to_head, gate.model_copy(update={"policy": policy})).outcome == "promote"

    def promotes_later(answer: bool, head_to_head: HeadToHead) -> bool:
        return promotes("evidence", head_to_head) if head_to_head.champion is None else answer

    return {
        "evidence": partial(promotes, "evidence"),
        "greater": partial(promotes, "greater"),
        "always": partial(promotes_later, True),
        "never": partial(promotes_later, False),
    }


@dataclass(frozen=True)
class History:
    """All sessions, by rising day, and the challenger of each month that has one, with its scores of all of them.

    `labels` (0 or 1), `days`, `slices` (VISITORTYPE) and the scores of every contender have shape (rows,).
    """

    labels: Labels
    days: npt.NDArray[np.datetime64]
    slices: npt.NDArray[np.generic]
    challengers: Mapping[date, Contender]

    def rows(self, window: Window) -> slice:
        """Where the sessions of a window are."""
        start, end = np.searchsorted(self.days, [np.datetime64(window.start), np.datetime64(window.end)])
        return slice(int(start), int(end))

    def purchases(self, window: Window) -> int:
        """How many sessions of a window are purchases."""
        return int(self.labels[self.rows(window)].sum())

    def pr_auc(self, version: Contender, window: Window) -> float | None:
        """What a version delivers in a window; None where that has no PR-AUC."""
        rows = self.rows(window)
        return measure(self.labels[rows], version.scores[rows]).pr_auc

    def head_to_head(self, month: date, champion: Contender | None, days: int, gate: GateSettings) -> HeadToHead:
        """The challenger of a month and a champion, on the rows that an evaluation would test them on."""
        challenger, key = self.challengers[month], month.isoformat()
        test = evaluation_window(key, days)
        trained = [side.training_window for side in (challenger, champion) if side is not None]
        earlier = unseen_months(key, gate.pool_months, trained) if champion else []
        pooled = windows_to_pool(test, earlier, self.purchases, gate.pool_below_purchases)
        rows = np.concatenate([np.arange(len(self.labels))[self.rows(window)] for window in (test, *pooled)])
        sides = [
            None
            if side is None
            else Contender(side.name, side.scores[rows], side.training_window, side.out_of_fold, side.quarantine)
            for side in (challenger, champion)
        ]
        assert sides[0] is not None, "the challenger is there"  # noqa: S101  for the type checker
        return HeadToHead(sides[0], sides[1], test, self.labels[rows], self.days[rows], self.slices[rows], pooled)


@dataclass(frozen=True)
class ServiceMonth:
    """A month of service, from one evaluation to the next: who was champion, and the PR-AUC it delivered.

    `best` is that of the best version there was by then, known in hindsight only.
    """

    window: Window
    champion: str
    pr_auc: float
    best: float


@dataclass(frozen=True)
class Course:
    """What a policy made of history. Months whose sessions define no PR-AUC are left out of `service_month`."""

    policy: str
    service_months: tuple[ServiceMonth, ...]
    moves: int

    @property
    def pr_auc(self) -> float:
        """Mean over the months served; NaN when there are none."""
        return (
            float(np.mean([service_month.pr_auc for service_month in self.service_months]))
            if self.service_months
            else float("nan")
        )

    @property
    def regret(self) -> float:
        """Mean distance to the best in hindsight, 0 at best."""
        return (
            float(np.mean([service_month.best - service_month.pr_auc for service_month in self.service_months]))
            if self.service_months
            else float("nan")
        )


def play(history: History, months: Sequence[date], name: str, policy: Policy, days: int, gate: GateSettings) -> Course:
    """Let the challenger of each month meet the champion that the policy has made so far.

    Args:
        history: sessions and challengers.
        months: first days of the months to play, in order.
        name: what to call the policy.
        policy: says whether the challenger takes over.
        days: length of the test window; a champion serves from its end to the end of the next one.
        gate: for the pooling of windows.
    """
    champion: Contender | None = None
    moves, service_months = 0, []
    for month in months:
        if month in history.challengers and policy(history.head_to_head(month, champion, days, gate)):
            champion, moves = history.challengers[month], moves + 1
        window = Window(
            evaluation_window(month.isoformat(), days).end,
            evaluation_window(add_months(month, 1).isoformat(), days).end,
        )
        delivered = history.pr_auc(champion, window) if champion else None
        if champion is not None and delivered is not None:
            versions = [version for of, version in history.challengers.items() if of <= month]
            best = max(history.pr_auc(version, window) or 0.0 for version in versions)
            service_months.append(ServiceMonth(window, champion.name, delivered, best))
    return Course(name, tuple(service_months), moves)
