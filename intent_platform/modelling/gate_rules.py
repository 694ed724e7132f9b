"""The rules of the gate. Each rule looks at a comparison and yields a reason for every case in which it applies.

`promotion` says which rules are asked, in which order, and with which outcome.
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
    "pr_auc": "slice_worse",  # only slices have a guardrail on PR-AUC
}


@dataclass(frozen=True)
class Reason:
    """A stable `code` for programs, and a `sentence` with the numbers for people."""

    code: ReasonCode
    sentence: str


# --- Forbidden comparisons ---


def quarantined(c: Comparison) -> Iterator[Reason]:
    """No evaluation promotes a version that was rolled back from."""
    challenger = c.head_to_head.challenger
    if challenger.quarantine is not None:
        yield Reason("quarantined", f"{challenger.name} is quarantined: {challenger.quarantine}")


def same_version(c: Comparison) -> Iterator[Reason]:
    """The champion cannot replace itself."""
    challenger, champion = c.head_to_head.challenger, c.head_to_head.champion
    if champion is not None and challenger.name == champion.name:
        yield Reason("same_version", f"{challenger.name} is already the champion")


def challenger_saw_the_test_window(c: Comparison) -> Iterator[Reason]:
    """A challenger that was trained on tested sessions would look better than it is."""
    challenger = c.head_to_head.challenger
    for window in c.head_to_head.windows:
        if challenger.training_window.overlaps(window):
            yield Reason(
                "challenger_saw_the_test_window",
                f"{challenger.name} was trained on {challenger.training_window}, which overlaps the test window "
                f"{window}",
            )


def champion_saw_the_test_window(c: Comparison) -> Iterator[Reason]:
    """The same holds for the champion."""
    champion = c.head_to_head.champion
    for window in c.head_to_head.windows:
        if champion is not None and champion.training_window.overlaps(window):
            yield Reason(
                "champion_saw_the_test_window",
                f"the champion {champion.name} was trained on {champion.training_window}, which overlaps the test "
                f"window {window}",
            )


def champion_knows_later_days(c: Comparison) -> Iterator[Reason]:
    """An evaluation of a past month must not replace a champion that was trained on later days."""
    champion, window = c.head_to_head.champion, c.head_to_head.test_window
    if champion is not None and champion.training_window.start >= window.end:
        yield Reason(
            "champion_knows_later_days",
            f"the champion {champion.name} was trained on {champion.training_window}, after the test window {window}: "
            "an evaluation of the past does not replace it",
        )


# --- Too little evidence ---


def empty_test_window(c: Comparison) -> Iterator[Reason]:
    """Without sessions there is nothing to compare."""
    if c.challenger.sessions == 0:
        yield Reason("empty_test_window", f"{_tested(c)} has no sessions")


def one_class(c: Comparison) -> Iterator[Reason]:
    """PR-AUC needs purchases and other sessions."""
    sessions, positives = c.challenger.sessions, c.challenger.positives
    if sessions and not c.has_both_classes:
        yield Reason("one_class", f"{positives} of {sessions} sessions are purchases, so PR-AUC is not defined")


def too_few_positives(c: Comparison) -> Iterator[Reason]:
    """The gate does not decide with fewer purchases than `gate.minimum_purchases`."""
    positives, needed = c.challenger.positives, c.policy.minimum_purchases
    if c.has_both_classes and positives < needed:
        yield Reason("too_few_positives", f"{_tested(c)} has {positives} purchases, but the gate needs {needed}")


# --- Objections to the challenger ---


def identical_scores(c: Comparison) -> Iterator[Reason]:
    """Identical scores give no reason to move the champion."""
    champion = c.head_to_head.champion
    if champion is not None and np.array_equal(c.head_to_head.challenger.scores, champion.scores):
        yield Reason("identical_scores", "both versions give every session the same score")


def worse_than_prevalence(c: Comparison) -> Iterator[Reason]:
    """A challenger must rank better than a model without skill, even if the champion does not."""
    pr_auc, prevalence = _pr_auc(c.challenger), c.challenger.prevalence or 0.0
    if pr_auc <= prevalence:
        yield Reason(
            "worse_than_prevalence",
            f"PR-AUC {pr_auc:.4f} is not above the prevalence {prevalence:.4f}, which a model without skill reaches",
        )


def guardrails(c: Comparison) -> Iterator[Reason]:
    """The challenger must stay within its margins, in the other metrics and in PR-AUC for each slice of visitors."""
    for guardrail in c.guardrails:
        if not guardrail.holds:
            of_slice = f" for {guardrail.slice} ({guardrail.purchases} purchases)" if guardrail.slice else ""
            yield Reason(
                _GUARDRAIL_CODES[guardrail.metric],
                f"{guardrail.metric}{of_slice} is {guardrail.challenger:.4f}, and {guardrail.champion:.4f} for the "
                f"champion: it may be worse by {guardrail.at_worst:.4f} ({(1 + c.policy.confidence) / 2:.0%} bound), "
                f"which is more than the margin {guardrail.margin:g}",
            )


def not_shown_better(c: Comparison) -> Iterator[Reason]:
    """The challenger has to prove a merit. Without one, the champion stays."""
    if not any(reason for merit in (superior, fresher_and_not_worse) for reason in merit(c)):
        yield Reason("not_shown_better", f"{_shown(c)} does not show the challenger to be better")


# --- Merits of the challenger ---


def superior(c: Comparison) -> Iterator[Reason]:
    """The challenger is better on the test window: the whole interval lies above zero."""
    if _interval(c).low > 0:
        yield Reason("superior", f"{_shown(c)} lies above zero")


def fresher_and_not_worse(c: Comparison) -> Iterator[Reason]:
    """The challenger was trained on later days, and it is not worse by the margin or more.

    The margin makes this a non-inferiority test on the interval that `superior` uses.
    """
    margin, champion = c.policy.fresher_margin, c.head_to_head.champion
    if margin is None or champion is None:
        return
    challenger_window, champion_window = c.head_to_head.challenger.training_window, champion.training_window
    if challenger_window.end <= champion_window.end:
        return
    if _interval(c).low > -margin:
        yield Reason(
            "fresher_and_not_worse",
            f"{_shown(c)} lies above -{margin:g}, and the challenger was trained on later days "
            f"(until {challenger_window.end}, the champion until {champion_window.end})",
        )


# --- The plain rule of `gate.policy: greater` ---


def higher_pr_auc(c: Comparison) -> Iterator[Reason]:
    """The challenger is promoted if its PR-AUC is higher, without a test."""
    if c.champion is not None and _pr_auc(c.challenger) > _pr_auc(c.champion):
        yield Reason("higher_pr_auc", f"{_both(c)}: the challenger's is higher")


def not_higher_pr_auc(c: Comparison) -> Iterator[Reason]:
    """Otherwise the champion stays. This rule always gives a reason, as the last one of its rulebook must."""
    yield Reason("not_higher_pr_auc", f"{_both(c)}: the challenger's is not higher")


# --- The first champion ---


def first_without_skill(c: Comparison) -> Iterator[Reason]:
    """A first champion must rank better than chance."""
    beats, sentence = _against_chance(c)
    if not beats:
        yield Reason("not_above_chance", f"there is no champion yet, but {sentence}")


def first_with_skill(c: Comparison) -> Iterator[Reason]:
    """A challenger with skill becomes the first champion.

    This rule always gives a reason, because `first_without_skill` was asked before it.
    """
    _, sentence = _against_chance(c)
    yield Reason("no_champion", f"there is no champion yet, and {sentence}")


def _against_chance(c: Comparison) -> tuple[bool, str]:
    """Return whether the challenger has skill, and a sentence with the numbers.

    The test window shows it if it has enough evidence, otherwise the out-of-fold metrics of the training.
    """
    if c.has_evidence and c.chance is not None:
        beats = _pr_auc(c.challenger) > c.chance
        return beats, (
            f"the challenger's PR-AUC {_pr_auc(c.challenger):.4f} on {c.challenger.positives} purchases of the test "
            f"window is {'' if beats else 'not '}above {c.chance:.4f}, which {(1 + c.policy.confidence) / 2:.1%} of "
            "random rankings do not exceed"
        )
    out_of_fold = c.head_to_head.challenger.out_of_fold
    pr_auc, prevalence = _pr_auc(out_of_fold), out_of_fold.prevalence or 0.0
    beats = pr_auc > prevalence
    return beats, (
        f"the challenger's out-of-fold PR-AUC {pr_auc:.4f} is {'' if beats else 'not '}above the prevalence "
        f"{prevalence:.4f} (the test window has too little evidence: {c.challenger.positives} purchases in "
        f"{c.challenger.sessions} sessions)"
    )


def _tested(c: Comparison) -> str:
    pooled = f" with {len(c.head_to_head.pooled)} earlier windows" if c.head_to_head.pooled else ""
    return f"the test window {c.head_to_head.test_window}{pooled}"


def _interval(c: Comparison) -> Interval:
    if c.difference is None:
        raise AssertionError("a rule on the difference was asked without a champion or without both classes")
    return c.difference


def _pr_auc(metrics: Metrics) -> float:
    return metrics.pr_auc if metrics.pr_auc is not None else 0.0


def _shown(c: Comparison) -> str:
    i = _interval(c)
    return f"the PR-AUC difference {i.estimate:+.4f} [{i.low:+.4f}, {i.high:+.4f}] at {i.confidence:.0%} confidence"


def _both(c: Comparison) -> str:
    champion = 0.0 if c.champion is None else _pr_auc(c.champion)
    return f"PR-AUC {_pr_auc(c.challenger):.4f} against the champion's {champion:.4f}"
