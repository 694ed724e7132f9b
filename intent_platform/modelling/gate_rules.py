"""The rules of the gate: each looks at a comparison and says nothing, or why it speaks for or against.

Which rules apply, in which order, and what follows is in `promotion`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from intent_platform.modelling.head_to_head import Comparison, GuardrailMetric
from intent_platform.modelling.intervals import Interval
from intent_platform.modelling.metrics import Metrics

ReasonCode = Literal[
    "quarantined",
    "same_version",
    "challenger_saw_the_test_window",
    "champion_saw_the_test_window",
    "champion_knows_later_days",
    "empty_test_window",
    "one_class",
    "too_few_positives",
    "identical_scores",
    "worse_than_prevalence",
    "guardrail_roc_auc",
    "guardrail_brier",
    "guardrail_log_loss",
    "guardrail_calibration_error",
    "slice_worse",
    "superior",
    "fresher_and_not_worse",
    "not_shown_better",
    "higher_pr_auc",
    "not_higher_pr_auc",
    "no_champion",
    "not_above_chance",
]

_GUARDRAIL_CODES: dict[GuardrailMetric, ReasonCode] = {
    "roc_auc": "guardrail_roc_auc",
    "brier": "guardrail_brier",
    "log_loss": "guardrail_log_loss",
    "calibration_error": "guardrail_calibration_error",
    "pr_auc": "slice_worse",
}


@dataclass(frozen=True)
class Reason:
    """A stable `code` for programs, and a `sentence` with the numbers for people."""

    code: ReasonCode
    sentence: str


# --- What forbids a comparison ---


def quarantined(c: Comparison) -> Iterator[Reason]:
    """A version that was rolled back from does not come back by itself."""
    challenger = c.head_to_head.challenger
    if challenger.quarantine is not None:
        yield Reason("quarantined", f"{challenger.name} is quarantined: {challenger.quarantine}")


def same_version(c: Comparison) -> Iterator[Reason]:
    """The champion cannot replace itself."""
    challenger, champion = c.head_to_head.challenger, c.head_to_head.champion
    if champion is not None and challenger.name == champion.name:
        yield Reason("same_version", f"{challenger.name} is the champion already")


def challenger_saw_the_test_window(c: Comparison) -> Iterator[Reason]:
    """An exam that was seen before proves nothing."""
    challenger = c.head_to_head.challenger
    for tested in c.head_to_head.windows:
        if challenger.training_window.overlaps(tested):
            yield Reason(
                "challenger_saw_the_test_window",
                f"{challenger.name} was trained on {challenger.training_window}, which overlaps the test window "
                f"{tested}",
            )


def champion_saw_the_test_window(c: Comparison) -> Iterator[Reason]:
    """The same for the champion, which would be flattered."""
    champion = c.head_to_head.champion
    for tested in c.head_to_head.windows:
        if champion is not None and champion.training_window.overlaps(tested):
            yield Reason(
                "champion_saw_the_test_window",
                f"the champion {champion.name} was trained on {champion.training_window}, which overlaps the test "
                f"window {tested}",
            )


def champion_knows_later_days(c: Comparison) -> Iterator[Reason]:
    """A past month evaluated again is no reason to leave a champion that was trained after it."""
    champion, tested = c.head_to_head.champion, c.head_to_head.test_window
    if champion is not None and champion.training_window.start >= tested.end:
        yield Reason(
            "champion_knows_later_days",
            f"the champion {champion.name} was trained on {champion.training_window}, after the test window {tested}: "
            "an evaluation of the past does not replace it",
        )


# --- What leaves it undecided ---


def empty_test_window(c: Comparison) -> Iterator[Reason]:
    """Nothing happened."""
    if c.challenger.sessions == 0:
        yield Reason("empty_test_window", f"{_tested(c)} has no sessions")


def one_class(c: Comparison) -> Iterator[Reason]:
    """PR-AUC needs purchases and others."""
    sessions, positives = c.challenger.sessions, c.challenger.positives
    if sessions and not c.has_both_classes:
        yield Reason("one_class", f"{positives} of {sessions} sessions are purchases, which defines no PR-AUC")


def too_few_positives(c: Comparison) -> Iterator[Reason]:
    """Fewer purchases than the policy asks for decide nothing."""
    positives, needed = c.challenger.positives, c.policy.minimum_purchases
    if c.has_both_classes and positives < needed:
        yield Reason("too_few_positives", f"{_tested(c)} has {positives} purchases, at least {needed} are needed")


# --- What speaks against the challenger ---


def identical_scores(c: Comparison) -> Iterator[Reason]:
    """There is nothing to choose between."""
    champion = c.head_to_head.champion
    if champion is not None and np.array_equal(c.head_to_head.challenger.scores, champion.scores):
        yield Reason("identical_scores", "both versions give every session the same score")


def worse_than_prevalence(c: Comparison) -> Iterator[Reason]:
    """A model must have skill, whatever the champion has."""
    pr_auc, prevalence = _pr_auc(c.challenger), c.challenger.prevalence or 0.0
    if pr_auc <= prevalence:
        yield Reason(
            "worse_than_prevalence",
            f"PR-AUC {pr_auc:.4f} is not above the prevalence {prevalence:.4f}, which a model without skill reaches",
        )


def guardrails(c: Comparison) -> Iterator[Reason]:
    """No other metric, and no kind of visitor, may be served worse by more than the margin."""
    for guardrail in c.guardrails:
        if not guardrail.holds:
            served = f" for {guardrail.slice} ({guardrail.purchases} purchases)" if guardrail.slice else ""
            yield Reason(
                _GUARDRAIL_CODES[guardrail.metric],
                f"{guardrail.metric}{served} {guardrail.challenger:.4f} against the champion's "
                f"{guardrail.champion:.4f} may be worse by {guardrail.at_worst:.4f} "
                f"({(1 + c.policy.confidence) / 2:.0%} bound), more than {guardrail.margin:g}",
            )


def not_shown_better(c: Comparison) -> Iterator[Reason]:
    """Without a merit the champion stays: the burden of proof is the challenger's."""
    if not any(reason for merit in (superior, fresher_and_not_worse) for reason in merit(c)):
        yield Reason("not_shown_better", f"{_shown(c)} does not show the challenger to be better")


# --- What speaks for it ---


def superior(c: Comparison) -> Iterator[Reason]:
    """Better on the test window: the whole interval is above zero."""
    if _interval(c).low > 0:
        yield Reason("superior", f"{_shown(c)} lies above zero")


def fresher_and_not_worse(c: Comparison) -> Iterator[Reason]:
    """Trained on later days, and not worse by the margin: the non-inferiority test of the same interval."""
    margin, champion = c.policy.fresher_margin, c.head_to_head.champion
    if margin is None or champion is None:
        return
    trained, against = c.head_to_head.challenger.training_window, champion.training_window
    if trained.end <= against.end:
        return
    if _interval(c).low > -margin:
        yield Reason(
            "fresher_and_not_worse",
            f"{_shown(c)} lies above -{margin:g}, and the challenger was trained on later days "
            f"(until {trained.end}, the champion until {against.end})",
        )


# --- The plain rule ---


def higher_pr_auc(c: Comparison) -> Iterator[Reason]:
    """The plain rule: the higher number wins."""
    if c.champion is not None and _pr_auc(c.challenger) > _pr_auc(c.champion):
        yield Reason("higher_pr_auc", f"{_both(c)}: the challenger's is higher")


def not_higher_pr_auc(c: Comparison) -> Iterator[Reason]:
    """The plain rule's other side. Always speaks."""
    yield Reason("not_higher_pr_auc", f"{_both(c)}: the challenger's is not higher")


# --- The first champion ---


def first_without_skill(c: Comparison) -> Iterator[Reason]:
    """Without a champion the opponent is a model without skill."""
    beats, sentence = _against_chance(c)
    if not beats:
        yield Reason("not_above_chance", f"there is no champion yet, but {sentence}")


def first_with_skill(c: Comparison) -> Iterator[Reason]:
    """Whoever has skill is better than nobody. Always speaks."""
    _, sentence = _against_chance(c)
    yield Reason("no_champion", f"there is no champion yet, and {sentence}")


def _against_chance(c: Comparison) -> tuple[bool, str]:
    """Whether the challenger has skill: shown on the test window where that suffices, else out of fold."""
    if c.has_evidence and c.chance is not None:
        beats = _pr_auc(c.challenger) > c.chance
        return beats, (
            f"on {c.challenger.positives} purchases of the test window its PR-AUC {_pr_auc(c.challenger):.4f} is "
            f"{'' if beats else 'not '}above {c.chance:.4f}, which {(1 + c.policy.confidence) / 2:.1%} of rankings by "
            "chance do not exceed"
        )
    pr_auc, prevalence = (
        _pr_auc(c.head_to_head.challenger.out_of_fold),
        c.head_to_head.challenger.out_of_fold.prevalence or 0.0,
    )
    beats = pr_auc > prevalence
    return beats, (
        f"out of fold (the test window has {c.challenger.positives} purchases, too few) its PR-AUC {pr_auc:.4f} is "
        f"{'' if beats else 'not '}above the prevalence {prevalence:.4f}"
    )


def _tested(c: Comparison) -> str:
    pooled = f" with {len(c.head_to_head.pooled)} earlier windows" if c.head_to_head.pooled else ""
    return f"the test window {c.head_to_head.test_window}{pooled}"


def _interval(c: Comparison) -> Interval:
    if c.difference is None:
        raise AssertionError("rules on the difference come after those that ask for both classes")
    return c.difference


def _pr_auc(metrics: Metrics) -> float:
    return metrics.pr_auc if metrics.pr_auc is not None else 0.0


def _shown(c: Comparison) -> str:
    i = _interval(c)
    return f"the PR-AUC difference {i.estimate:+.4f} [{i.low:+.4f}, {i.high:+.4f}] at {i.confidence:.0%} confidence"


def _both(c: Comparison) -> str:
    champion = 0.0 if c.champion is None else _pr_auc(c.champion)
    return f"PR-AUC {_pr_auc(c.challenger):.4f} against the champion's {champion:.4f}"
