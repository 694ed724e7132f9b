import json
from dataclasses import replace
from datetime import date
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from intent_platform.modelling.metrics import measure
from intent_platform.modelling.promotion import Contender, HeadToHead, ReasonCode, decide
from intent_platform.partitions import Window
from intent_platform.settings import load_settings
from intent_platform.settings.evaluation import GateSettings
from intent_platform_tests.builders.scores import scored_rows

POLICY = load_settings().gate.model_copy(update={"resamples": 400})
STRICT = POLICY.model_copy(update={"fresher_margin": None})
GREATER = POLICY.model_copy(update={"policy": "greater"})
NOTHING = np.array([])


SPRING = Window(date(2024, 2, 1), date(2024, 5, 1))
JUNE = Window(date(2024, 6, 1), date(2024, 6, 15))


def head_to_head(rows: int = 600, edge: float = 0.0, seed: int = 0, noise: float = 0.5, **changes: Any) -> HeadToHead:
    """A contest on made rows. `challenger_…` and `champion_…` change that side, other names the contest."""
    labels, challenger, champion = scored_rows(rows, edge, seed, noise)
    made = HeadToHead(
        challenger=Contender(
            "v_240601_100000", challenger, Window(date(2024, 3, 1), date(2024, 6, 1)), measure(labels, challenger)
        ),
        champion=Contender("v_240501_100000", champion, SPRING, measure(labels, champion)),
        test_window=JUNE,
        labels=labels,
        days=np.full(rows, np.datetime64("2024-06-01")),
        slices=np.where(np.arange(rows) % 6 == 0, "New_Visitor", "Returning_Visitor"),
    )
    return changed(made, **changes)


def changed(made: HeadToHead, **changes: Any) -> HeadToHead:
    for side in ("challenger", "champion"):
        own = {name.removeprefix(f"{side}_"): changes.pop(name) for name in [*changes] if name.startswith(f"{side}_")}
        if own:
            changes[side] = replace(getattr(made, side), **own)
    return replace(made, **changes)


def first(**changes: Any) -> HeadToHead:
    return head_to_head(**{"champion": None, **changes})


def scored(labels: ArrayLike, challenger: ArrayLike, champion: ArrayLike | None = None) -> HeadToHead:
    known = np.asarray(labels)
    arrays: Any = {
        "labels": known,
        "days": np.full(len(known), np.datetime64("2024-06-01")),
        "slices": np.full(len(known), "Returning_Visitor"),
        "challenger_scores": np.asarray(challenger, dtype=float),
    }
    if champion is None:
        return first(**arrays)
    return head_to_head(**arrays, champion_scores=np.asarray(champion, dtype=float))


LABELS, _, CHAMPION = scored_rows(600, 0.0, 0)
USELESS = 1.0 - CHAMPION
#: For each code: a contest that reaches it, under which policy, and the outcome.
EXPECTED: dict[str, tuple[HeadToHead, GateSettings, str]] = {
    "quarantined": (head_to_head(edge=2, challenger_quarantine="rolled back on 2024-05-20"), POLICY, "hold"),
    "same_version": (head_to_head(edge=2, challenger_name="v_240501_100000"), POLICY, "hold"),
    "challenger_saw_the_test_window": (
        head_to_head(edge=2, challenger_training_window=Window(date(2024, 3, 1), date(2024, 6, 2))),
        POLICY,
        "hold",
    ),
    "champion_saw_the_test_window": (
        head_to_head(edge=2, champion_training_window=Window(date(2024, 6, 14), date(2024, 7, 1))),
        POLICY,
        "hold",
    ),
    "champion_knows_later_days": (
        head_to_head(edge=2, champion_training_window=Window(date(2024, 6, 15), date(2024, 9, 1))),
        POLICY,
        "hold",
    ),
    "empty_test_window": (scored(np.array([], dtype=int), NOTHING, NOTHING), POLICY, "insufficient"),
    "one_class": (scored([0] * 50, [0.1] * 50, [0.2] * 50), POLICY, "insufficient"),
    "too_few_positives": (scored([1] * 9 + [0] * 50, [0.9] * 59, [0.2] * 59), POLICY, "insufficient"),
    "identical_scores": (head_to_head(challenger_scores=CHAMPION), POLICY, "hold"),
    "worse_than_prevalence": (head_to_head(challenger_scores=USELESS), POLICY, "hold"),
    "guardrail_roc_auc": (head_to_head(challenger_scores=USELESS), POLICY, "hold"),
    "guardrail_brier": (head_to_head(challenger_scores=CHAMPION**0.2), POLICY, "hold"),
    "guardrail_log_loss": (head_to_head(challenger_scores=CHAMPION**0.2), POLICY, "hold"),
    "guardrail_calibration_error": (head_to_head(challenger_scores=CHAMPION**0.2), POLICY, "hold"),
    "slice_worse": (head_to_head(challenger_scores=USELESS), POLICY, "hold"),
    "superior": (head_to_head(edge=2), POLICY, "promote"),
    "fresher_and_not_worse": (head_to_head(challenger_scores=CHAMPION * 0.999), POLICY, "promote"),
    "not_shown_better": (head_to_head(), STRICT, "hold"),
    "higher_pr_auc": (head_to_head(edge=0.2), GREATER, "promote"),
    "not_higher_pr_auc": (head_to_head(edge=-0.2), GREATER, "hold"),
    "no_champion": (first(edge=1), POLICY, "promote"),
    "not_above_chance": (scored(LABELS, USELESS), POLICY, "hold"),
}


@pytest.mark.parametrize("code", get_args(ReasonCode))
def test_each_reason_is_reached_and_says_its_numbers(code):
    made, policy, outcome = EXPECTED[code]
    decision = decide(made, policy)
    assert decision.outcome == outcome
    sentences = [reason.sentence for reason in decision.reasons if reason.code == code]
    assert sentences
    assert all("\n" not in sentence and "None" not in sentence and "nan" not in sentence for sentence in sentences)
    assert json.loads(json.dumps(decision.as_dict(), allow_nan=False))["outcome"] == outcome


@given(st.integers(20, 200), st.floats(-1, 1), st.integers(0, 1_000), st.sampled_from([POLICY, STRICT, GREATER]))
@hypothesis_settings(max_examples=40, deadline=None)
def test_a_decision_is_repeatable_and_its_swap_never_agrees_that_both_are_better(rows, edge, seed, policy):
    made = head_to_head(rows, edge, seed)
    decision = decide(made, policy)
    assert decision == decide(made, policy)
    assert decision.reasons
    assert made.champion is not None
    swapped = decide(
        changed(made, challenger_scores=made.champion.scores, champion_scores=made.challenger.scores), policy
    )
    codes = [{reason.code for reason in d.reasons} for d in (decision, swapped)]
    assert not {"superior", "higher_pr_auc"} & codes[0] & codes[1]


@pytest.mark.parametrize("policy", [POLICY, GREATER])
@pytest.mark.parametrize(
    "code",
    [
        "quarantined",
        "same_version",
        "challenger_saw_the_test_window",
        "champion_saw_the_test_window",
        "champion_knows_later_days",
    ],
)
def test_no_policy_and_no_difference_overrules_what_is_forbidden(code, policy):
    decision = decide(EXPECTED[code][0], policy)
    assert [reason.code for reason in decision.reasons] == [code]
    assert decision.outcome == "hold"


@pytest.mark.parametrize(
    "forbidden",
    [
        {"challenger_quarantine": "rolled back"},
        {"challenger_training_window": Window(date(2024, 6, 1), date(2024, 7, 1))},
    ],
)
def test_what_is_forbidden_is_forbidden_to_the_first_champion_too(forbidden):
    assert decide(first(edge=2, **forbidden), POLICY).outcome == "hold"


def test_training_that_ends_where_the_test_begins_is_no_overlap():
    touching = Window(date(2024, 3, 1), date(2024, 6, 1))
    made = head_to_head(edge=2, challenger_training_window=touching, champion_training_window=touching)
    assert [reason.code for reason in decide(made, POLICY).reasons] == ["superior"]


def test_only_a_fresher_challenger_has_the_benefit_of_the_margin():
    made = EXPECTED["fresher_and_not_worse"][0]
    stale = changed(made, challenger_training_window=SPRING)
    for equally_good, policy in ((stale, POLICY), (made, STRICT)):
        decision = decide(equally_good, policy)
        assert (decision.outcome, decision.reasons[0].code) == ("hold", "not_shown_better")


def test_a_superior_challenger_does_not_pass_a_guardrail_it_breaks():
    better = head_to_head(edge=2)
    decision = decide(changed(better, challenger_scores=better.challenger.scores**0.2), POLICY)
    assert decision.difference is not None
    assert decision.difference.low > 0
    assert decision.outcome == "hold"
    assert {"guardrail_brier", "guardrail_calibration_error"} <= {reason.code for reason in decision.reasons}
    widened = {**POLICY.guardrail_margins, **dict.fromkeys(POLICY.guardrail_margins, 1.0)}
    assert decide(better, POLICY.model_copy(update={"guardrail_margins": widened})).outcome == "promote"


def test_a_roc_auc_without_an_interval_takes_no_other_guardrail_with_it():
    """One purchase leaves ROC-AUC no variance; the others are means over sessions, which are many."""
    labels = np.array([1] + [0] * 99)
    champion = np.where(labels == 1, 0.5, 0.01)
    made = scored(labels, champion**0.1, champion)
    decision = decide(made, POLICY.model_copy(update={"minimum_purchases": 1}))
    assert {guardrail.metric for guardrail in decision.guardrails} == {"brier", "log_loss", "calibration_error"}
    assert decision.roc_auc_difference is None
    assert {"guardrail_brier", "guardrail_log_loss"} <= {reason.code for reason in decision.reasons}


def test_slices_with_few_purchases_are_not_judged():
    made = head_to_head(edge=1)
    counted = {name: int(made.labels[made.slices == name].sum()) for name in np.unique(made.slices)}
    judged = {guardrail.slice: guardrail.purchases for guardrail in decide(made, POLICY).guardrails if guardrail.slice}
    assert judged == {name: count for name, count in counted.items() if count >= POLICY.slice_minimum_purchases}
    assert 0 < len(judged) < len(counted)


def test_a_guardrail_asks_for_proof_not_for_a_lucky_estimate():
    """The same small difference passes on many rows and not on few: its interval is what has to fit the margin."""
    margins = {"guardrail_margins": {"roc_auc": 0.02}, "slice_minimum_purchases": 10_000, "fresher_margin": 0.5}
    policy = POLICY.model_copy(update=margins)
    few, many = (decide(head_to_head(rows=rows, edge=0.02, seed=1, noise=0.3), policy) for rows in (150, 6_000))
    assert all(decision.guardrails[0].worse_by < 0.02 for decision in (few, many))
    assert [reason.code for reason in few.reasons] == ["guardrail_roc_auc"]
    assert many.outcome == "promote"


def test_an_earlier_window_that_a_version_was_trained_on_is_forbidden_like_the_test_window():
    march = Window(date(2024, 3, 1), date(2024, 4, 1))
    codes = {reason.code for reason in decide(head_to_head(edge=2, pooled=(march,)), POLICY).reasons}
    assert codes == {"challenger_saw_the_test_window", "champion_saw_the_test_window"}
    january = Window(date(2024, 1, 1), date(2024, 2, 1))
    decision = decide(head_to_head(edge=2, pooled=(january,)), POLICY)
    assert (decision.outcome, decision.pooled) == ("promote", (january,))


def test_with_enough_days_whole_days_are_resampled_and_what_a_day_has_in_common_widens_the_interval():
    """Two days on which the challenger is lucky and unlucky say less than the same sessions one by one."""
    made = head_to_head(rows=1_400, edge=0.0, noise=0.2, days=np.datetime64("2024-06-01") + np.arange(1_400) // 100)
    assert made.champion is not None
    lucky = np.arange(1_400) // 100 % 2 == 0
    swung = changed(made, challenger_scores=np.where(lucky, made.challenger.scores, made.champion.scores[::-1]))
    by_row, by_day = (decide(swung, POLICY.model_copy(update={"cluster_days": days})).difference for days in (15, 14))
    assert by_row is not None
    assert by_day is not None
    assert by_day.high - by_day.low > 1.2 * (by_row.high - by_row.low)
    assert decide(swung, POLICY).clustered


def test_a_first_champion_without_a_test_window_is_taken_on_its_out_of_fold_strength():
    nothing = {
        "labels": np.array([], dtype=int),
        "days": np.array([], dtype="datetime64[D]"),
        "challenger_scores": NOTHING,
        "slices": NOTHING,
    }
    skilled = decide(first(**nothing), POLICY)
    assert (skilled.outcome, skilled.reasons[0].code) == ("promote", "no_champion")
    unskilled = decide(first(**nothing, challenger_out_of_fold=measure(LABELS, np.full(600, 0.2))), POLICY)
    assert (unskilled.outcome, unskilled.reasons[0].code) == ("hold", "not_above_chance")
    assert (skilled.difference, skilled.chance) == (None, None)


@pytest.mark.parametrize(
    "broken",
    [
        {"slices": NOTHING},
        {"days": NOTHING},
        {"challenger_scores": np.full(600, np.nan)},
        {"challenger_scores": np.full(600, 1.5)},
    ],
)
def test_a_contest_that_makes_no_sense_cannot_be_made(broken):
    with pytest.raises(ValueError, match=r"row|probabilities"):
        head_to_head(**broken)
