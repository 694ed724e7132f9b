"""The decision about a challenger: which reasons lead to which outcome."""

import json
from datetime import date
from functools import cache
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from intent_platform.modelling.metrics import measure
from intent_platform.modelling.promotion import Decision, HeadToHead, ReasonCode, decide
from intent_platform.partitions import Window
from intent_platform.settings.evaluation import GateSettings
from intent_platform_tests.builders.scores import scored_rows
from intent_platform_tests.modelling.contests import (
    FEBRUARY_TO_APRIL,
    GREATER,
    MARCH_TO_MAY,
    POLICY,
    STRICT,
    changed,
    head_to_head,
    with_scores,
    without_champion,
)

NO_SCORES = np.array([])
LABELS, _, CHAMPION = scored_rows(600, 0.0, 0)
REVERSED = 1.0 - CHAMPION
OVERCONFIDENT = CHAMPION**0.2
#: For each code: a head-to-head that reaches it, under which policy, and the outcome.
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
    "empty_test_window": (with_scores(np.array([], dtype=int), NO_SCORES, NO_SCORES), POLICY, "insufficient"),
    "one_class": (with_scores([0] * 50, [0.1] * 50, [0.2] * 50), POLICY, "insufficient"),
    "too_few_positives": (with_scores([1] * 9 + [0] * 50, [0.9] * 59, [0.2] * 59), POLICY, "insufficient"),
    "identical_scores": (head_to_head(challenger_scores=CHAMPION), POLICY, "hold"),
    "worse_than_prevalence": (head_to_head(challenger_scores=REVERSED), POLICY, "hold"),
    "guardrail_roc_auc": (head_to_head(challenger_scores=REVERSED), POLICY, "hold"),
    "guardrail_brier": (head_to_head(challenger_scores=OVERCONFIDENT), POLICY, "hold"),
    "guardrail_log_loss": (head_to_head(challenger_scores=OVERCONFIDENT), POLICY, "hold"),
    "guardrail_calibration_error": (head_to_head(challenger_scores=OVERCONFIDENT), POLICY, "hold"),
    "slice_worse": (head_to_head(challenger_scores=REVERSED), POLICY, "hold"),
    "superior": (head_to_head(edge=2), POLICY, "promote"),
    "fresher_and_not_worse": (head_to_head(challenger_scores=CHAMPION * 0.999), POLICY, "promote"),
    "not_shown_better": (head_to_head(), STRICT, "hold"),
    "higher_pr_auc": (head_to_head(edge=0.2), GREATER, "promote"),
    "not_higher_pr_auc": (head_to_head(edge=-0.2), GREATER, "hold"),
    "no_champion": (without_champion(edge=1), POLICY, "promote"),
    "not_above_chance": (with_scores(LABELS, REVERSED), POLICY, "hold"),
}


def codes(decision: Decision) -> list[str]:
    return [reason.code for reason in decision.reasons]


@pytest.mark.parametrize("code", get_args(ReasonCode))
class TestEveryReason:
    @staticmethod
    @cache
    def expected_decision(code: str) -> Decision:
        made, policy, _ = EXPECTED[code]
        return decide(made, policy)

    def test_is_reached_with_its_outcome(self, code):
        decision = self.expected_decision(code)
        assert decision.outcome == EXPECTED[code][2]
        assert code in codes(decision)

    def test_is_a_sentence_with_all_its_numbers(self, code):
        sentences = [reason.sentence for reason in self.expected_decision(code).reasons if reason.code == code]
        assert sentences
        assert all("\n" not in sentence and "None" not in sentence and "nan" not in sentence for sentence in sentences)

    def test_is_stored_as_json(self, code):
        stored = json.dumps(self.expected_decision(code).as_dict(), allow_nan=False)
        assert json.loads(stored)["outcome"] == EXPECTED[code][2]


class TestDecision:
    @given(st.integers(20, 200), st.floats(-1, 1), st.integers(0, 1_000), st.sampled_from([POLICY, STRICT, GREATER]))
    @hypothesis_settings(max_examples=40, deadline=None)
    def test_is_repeatable_and_has_a_reason(self, rows, edge, seed, policy):
        made = head_to_head(rows, edge, seed)
        decision = decide(made, policy)
        assert decision == decide(made, policy)
        assert decision.reasons

    @given(st.integers(20, 200), st.floats(-1, 1), st.integers(0, 1_000), st.sampled_from([POLICY, STRICT, GREATER]))
    @hypothesis_settings(max_examples=40, deadline=None)
    def test_never_finds_each_of_two_models_better(self, rows, edge, seed, policy):
        made = head_to_head(rows, edge, seed)
        assert made.champion is not None
        swapped = changed(made, challenger_scores=made.champion.scores, champion_scores=made.challenger.scores)
        one_way, other_way = ({*codes(decide(contest, policy))} for contest in (made, swapped))
        assert not {"superior", "higher_pr_auc"} & one_way & other_way


class TestForbiddenPromotion:
    @pytest.mark.parametrize("policy", [POLICY, GREATER], ids=["evidence", "greater"])
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
    def test_holds_under_every_policy_however_good_the_challenger(self, code, policy):
        decision = decide(EXPECTED[code][0], policy)
        assert codes(decision) == [code]
        assert decision.outcome == "hold"

    @pytest.mark.parametrize(
        "forbidden",
        [
            {"challenger_quarantine": "rolled back"},
            {"challenger_training_window": Window(date(2024, 6, 1), date(2024, 7, 1))},
        ],
        ids=["quarantined", "saw the test window"],
    )
    def test_holds_for_a_first_champion(self, forbidden):
        assert decide(without_champion(edge=2, **forbidden), POLICY).outcome == "hold"

    def test_pooled_windows_count_as_test_windows(self):
        march = Window(date(2024, 3, 1), date(2024, 4, 1))
        decision = decide(head_to_head(edge=2, pooled=(march,)), POLICY)
        assert {*codes(decision)} == {"challenger_saw_the_test_window", "champion_saw_the_test_window"}

    def test_pooled_windows_before_all_training_are_allowed(self):
        january = Window(date(2024, 1, 1), date(2024, 2, 1))
        decision = decide(head_to_head(edge=2, pooled=(january,)), POLICY)
        assert (decision.outcome, decision.pooled) == ("promote", (january,))

    def test_training_may_end_where_the_test_begins(self):
        made = head_to_head(edge=2, challenger_training_window=MARCH_TO_MAY, champion_training_window=MARCH_TO_MAY)
        assert codes(decide(made, POLICY)) == ["superior"]


class TestFresherMargin:
    equally_good = EXPECTED["fresher_and_not_worse"][0]

    def test_does_not_help_a_challenger_that_is_not_fresher(self):
        not_fresher = changed(self.equally_good, challenger_training_window=FEBRUARY_TO_APRIL)
        decision = decide(not_fresher, POLICY)
        assert (decision.outcome, decision.reasons[0].code) == ("hold", "not_shown_better")

    def test_does_not_apply_where_the_policy_has_none(self):
        decision = decide(self.equally_good, STRICT)
        assert (decision.outcome, decision.reasons[0].code) == ("hold", "not_shown_better")


class TestFirstChampionWithoutTestSessions:
    def decision(self, **changes) -> Decision:
        no_sessions = {
            "labels": np.array([], dtype=int),
            "days": np.array([], dtype="datetime64[D]"),
            "challenger_scores": NO_SCORES,
            "slices": NO_SCORES,
        }
        return decide(without_champion(**no_sessions, **changes), POLICY)

    def test_is_promoted_for_its_out_of_fold_skill(self):
        decision = self.decision()
        assert (decision.outcome, decision.reasons[0].code) == ("promote", "no_champion")
        assert (decision.difference, decision.chance) == (None, None)

    def test_is_held_without_out_of_fold_skill(self):
        decision = self.decision(challenger_out_of_fold=measure(LABELS, np.full(600, 0.2)))
        assert (decision.outcome, decision.reasons[0].code) == ("hold", "not_above_chance")


class TestResamplingByDay:
    @pytest.fixture(scope="class")
    @classmethod
    def lucky_on_every_other_day(cls) -> HeadToHead:
        """Equally good models on 14 days; the challenger is lucky and unlucky in turn."""
        day_of_row = np.arange(1_400) // 100
        made = head_to_head(rows=1_400, edge=0.0, noise=0.2, days=np.datetime64("2024-06-01") + day_of_row)
        assert made.champion is not None
        is_lucky = day_of_row % 2 == 0
        scores = np.where(is_lucky, made.challenger.scores, made.champion.scores[::-1])
        return changed(made, challenger_scores=scores)

    def test_enough_days_are_resampled_whole(self, lucky_on_every_other_day):
        assert decide(lucky_on_every_other_day, POLICY).clustered

    def test_an_effect_that_a_day_shares_widens_the_interval(self, lucky_on_every_other_day):
        """Sessions of one day that share their luck say less than as many independent sessions."""
        by_row, by_day = (
            decide(lucky_on_every_other_day, POLICY.model_copy(update={"cluster_days": days})).difference
            for days in (15, 14)
        )
        assert by_row is not None
        assert by_day is not None
        assert by_day.high - by_day.low > 1.2 * (by_row.high - by_row.low)
