"""The promotion gate: decides whether a challenger replaces the champion, and why.

Pure. The rulebooks below are short lists of the rules in `gate_rules`. `head_to_head` measures what the rules look at,
and `platforms.champion` moves the champion.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from intent_platform.modelling import gate_rules
from intent_platform.modelling.gate_rules import Reason, ReasonCode
from intent_platform.modelling.head_to_head import Comparison, Contender, Guardrail, HeadToHead
from intent_platform.modelling.intervals import Interval
from intent_platform.modelling.metrics import Metrics
from intent_platform.partitions import Window
from intent_platform.settings.evaluation import GateSettings

__all__ = ["Contender", "Decision", "HeadToHead", "Outcome", "Reason", "ReasonCode", "decide"]

Outcome = Literal["promote", "hold", "insufficient"]

_Rule = Callable[[Comparison], Iterator[Reason]]
# Stages in order, each with its outcome and rules. The first stage that gives a reason decides. The last stage of a
# rulebook always gives one.
_Rulebook = tuple[tuple[Outcome, tuple[_Rule, ...]], ...]

_FORBIDDEN: tuple[_Rule, ...] = (
    gate_rules.quarantined,
    gate_rules.same_version,
    gate_rules.challenger_saw_the_test_window,
    gate_rules.champion_saw_the_test_window,
    gate_rules.champion_knows_later_days,
)
_OBJECTIONS: tuple[_Rule, ...] = (
    gate_rules.identical_scores,
    gate_rules.worse_than_prevalence,
    gate_rules.guardrails,
    gate_rules.not_shown_better,
)

_EVIDENCE: _Rulebook = (
    ("hold", _FORBIDDEN),
    ("insufficient", (gate_rules.empty_test_window, gate_rules.one_class, gate_rules.too_few_positives)),
    ("hold", _OBJECTIONS),
    ("promote", (gate_rules.superior, gate_rules.fresher_and_not_worse)),
)
_GREATER: _Rulebook = (
    ("hold", _FORBIDDEN),
    ("insufficient", (gate_rules.empty_test_window, gate_rules.one_class)),
    ("promote", (gate_rules.higher_pr_auc,)),
    ("hold", (gate_rules.not_higher_pr_auc,)),
)
_FIRST_CHAMPION: _Rulebook = (
    ("hold", _FORBIDDEN),
    ("hold", (gate_rules.first_without_skill,)),
    ("promote", (gate_rules.first_with_skill,)),
)


@dataclass(frozen=True)
class Decision:
    """The outcome, its reasons, and every measurement behind it.

    Attributes:
        outcome: `promote`, `hold` or `insufficient`. The champion stays unless the outcome is `promote`.
        reasons: all reasons of the stage that decided.
        policy: the setting `gate.policy`.
        challenger, champion: their metrics on the tested rows. `champion` is None without a champion.
        difference: the challenger's PR-AUC minus the champion's. It is None without a champion, or where the rows do
            not define a PR-AUC.
        roc_auc_difference: the same for ROC-AUC by DeLong's method, as a second opinion.
        chance: the PR-AUC that a first champion has to exceed. It is None if there is a champion, or where the rows do
            not define a PR-AUC.
        guardrails: the tests that the challenger is not worse in other respects.
        clustered: whether whole days were resampled instead of single sessions.
        pooled: the earlier windows that were added to the test window.
    """

    outcome: Outcome
    reasons: tuple[Reason, ...]
    policy: Literal["evidence", "greater"]
    challenger: Metrics
    champion: Metrics | None
    difference: Interval | None
    roc_auc_difference: Interval | None
    chance: float | None
    guardrails: tuple[Guardrail, ...]
    clustered: bool
    pooled: tuple[Window, ...]

    def as_dict(self) -> dict[str, object]:
        """Return the whole decision as a dictionary, ready for JSON."""
        return {
            **asdict(self),
            "reasons": [asdict(reason) for reason in self.reasons],
            "guardrails": [{**asdict(guardrail), "holds": guardrail.holds} for guardrail in self.guardrails],
            "pooled": [str(window) for window in self.pooled],
        }


def decide(head_to_head: HeadToHead, policy: GateSettings) -> Decision:
    """Decide by the first stage of the rulebook that gives a reason, and keep all reasons of that stage.

    The same head-to-head and policy always give the same decision, including its intervals.
    """
    comparison = Comparison(head_to_head, policy)
    if head_to_head.champion is None:
        rulebook = _FIRST_CHAMPION
    elif policy.policy == "greater":
        rulebook = _GREATER
    else:
        rulebook = _EVIDENCE
    for outcome, stage in rulebook:
        reasons = tuple(reason for rule in stage for reason in rule(comparison))
        if reasons:
            return Decision(
                outcome=outcome,
                reasons=reasons,
                policy=policy.policy,
                challenger=comparison.challenger,
                champion=comparison.champion,
                difference=comparison.difference,
                roc_auc_difference=comparison.roc_auc_difference,
                chance=comparison.chance,
                guardrails=comparison.guardrails,
                clustered=comparison.clusters is not None,
                pooled=head_to_head.pooled,
            )
    raise AssertionError("the last stage of a rulebook gave no reason, but it always must")
