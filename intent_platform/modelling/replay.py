"""Replay of promotion policies over past months: how well would the champions of each policy have ranked sessions?

Pure. It takes sessions with the scores of every version, and returns the course of each policy. `pipeline.replay`
gathers the history, and the command `replay` shows the courses.
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
    """Return the promotion policies by name. A policy says whether a challenger replaces the champion it meets.

    Every policy lets the gate's `evidence` rules choose the first champion, so all policies serve the same months.
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
    """All sessions, sorted by day, and the challenger of each month that has one.

    `labels` (0 or 1), `days`, `slices` (VISITORTYPE) and the scores of every challenger have shape (rows,).
    """

    labels: Labels
    days: npt.NDArray[np.datetime64]
    slices: npt.NDArray[np.generic]
    challengers: Mapping[date, Contender]

    def rows(self, window: Window) -> slice:
        """Return the rows of the sessions in a window."""
        start, end = np.searchsorted(self.days, [np.datetime64(window.start), np.datetime64(window.end)])
        return slice(int(start), int(end))

    def purchases(self, window: Window) -> int:
        """Return the number of purchases in a window."""
        return int(self.labels[self.rows(window)].sum())

    def pr_auc(self, version: Contender, window: Window) -> float | None:
        """Return the PR-AUC of a version in a window; None where the sessions do not define it."""
        rows = self.rows(window)
        return measure(self.labels[rows], version.scores[rows]).pr_auc

    def head_to_head(self, month: date, champion: Contender | None, days: int, gate: GateSettings) -> HeadToHead:
        """Return the challenger of a month and the champion, on the rows that the month's evaluation would test."""
        challenger, key = self.challengers[month], month.isoformat()
        test = evaluation_window(key, days)
        training_windows = [side.training_window for side in (challenger, champion) if side is not None]
        # As in an evaluation: a first champion is compared with chance, on the test window alone.
        earlier = unseen_months(key, gate.pool_months, training_windows) if champion else []
        pooled = windows_to_pool(test, earlier, self.purchases, gate.pool_below_purchases)
        rows = np.concatenate([np.arange(len(self.labels))[self.rows(window)] for window in (test, *pooled)])
        sides = [
            None
            if side is None
            else Contender(side.name, side.scores[rows], side.training_window, side.out_of_fold, side.quarantine)
            for side in (challenger, champion)
        ]
        assert sides[0] is not None, "a challenger is never None"  # noqa: S101  for the type checker
        return HeadToHead(sides[0], sides[1], test, self.labels[rows], self.days[rows], self.slices[rows], pooled)


@dataclass(frozen=True)
class ServiceMonth:
    """A month of service, from one evaluation to the next: the champion and the PR-AUC that it reached.

    `best` is the highest PR-AUC among all versions that existed by then. It is known only in hindsight.
    """

    window: Window
    champion: str
    pr_auc: float
    best: float


@dataclass(frozen=True)
class Course:
    """The champions that a policy would have chosen over the history, and how well they ranked.

    `service_months` leaves out months whose sessions do not define a PR-AUC. `moves` counts the promotions, the first
    champion included.
    """

    policy: str
    service_months: tuple[ServiceMonth, ...]
    moves: int

    @property
    def pr_auc(self) -> float:
        """The mean PR-AUC of the service months; NaN without any."""
        return (
            float(np.mean([service_month.pr_auc for service_month in self.service_months]))
            if self.service_months
            else float("nan")
        )

    @property
    def regret(self) -> float:
        """The mean distance to the best PR-AUC in hindsight, 0 at best; NaN without service months."""
        return (
            float(np.mean([service_month.best - service_month.pr_auc for service_month in self.service_months]))
            if self.service_months
            else float("nan")
        )


def play(history: History, months: Sequence[date], name: str, policy: Policy, days: int, gate: GateSettings) -> Course:
    """Play one policy: the challenger of each month meets the champion that the policy chose before.

    Args:
        history: sessions and challengers.
        months: first days of the months to play, in order.
        name: the name of the policy.
        policy: says whether the challenger replaces the champion.
        days: length of the test window. A champion serves from the end of one test window to the end of the next.
        gate: says how earlier windows are pooled.
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
        pr_auc = history.pr_auc(champion, window) if champion else None
        if champion is not None and pr_auc is not None:
            # A version of a later month could not have served this one.
            versions = [version for trained_for, version in history.challengers.items() if trained_for <= month]
            best = max(history.pr_auc(version, window) or 0.0 for version in versions)
            service_months.append(ServiceMonth(window, champion.name, pr_auc, best))
    return Course(name, tuple(service_months), moves)
