"""Guardrails: a challenger must not be worse than the champion by more than a margin, in any of several metrics."""

import numpy as np
import pytest

from intent_platform.modelling.promotion import decide
from intent_platform_tests.modelling.contests import POLICY, changed, head_to_head, with_scores


class TestBrokenGuardrail:
    def test_stops_a_superior_challenger(self):
        better = head_to_head(edge=2)
        decision = decide(changed(better, challenger_scores=better.challenger.scores**0.2), POLICY)
        assert decision.difference is not None
        assert decision.difference.low > 0
        assert decision.outcome == "hold"
        assert {"guardrail_brier", "guardrail_calibration_error"} <= {reason.code for reason in decision.reasons}

    def test_a_roc_auc_without_an_interval_disables_only_itself(self):
        """With one purchase, ROC-AUC has no variance. The other metrics are means over many sessions."""
        labels = np.array([1] + [0] * 99)
        champion = np.where(labels == 1, 0.5, 0.01)
        made = with_scores(labels, champion**0.1, champion)
        decision = decide(made, POLICY.model_copy(update={"minimum_purchases": 1}))
        assert {guardrail.metric for guardrail in decision.guardrails} == {"brier", "log_loss", "calibration_error"}
        assert decision.roc_auc_difference is None
        assert {"guardrail_brier", "guardrail_log_loss"} <= {reason.code for reason in decision.reasons}


class TestMargins:
    def test_wide_margins_let_a_superior_challenger_pass(self):
        wide = {**POLICY.guardrail_margins, **dict.fromkeys(POLICY.guardrail_margins, 1.0)}
        decision = decide(head_to_head(edge=2), POLICY.model_copy(update={"guardrail_margins": wide}))
        assert decision.outcome == "promote"

    @pytest.mark.parametrize(
        ("rows", "outcome", "code"),
        [(150, "hold", "guardrail_roc_auc"), (6_000, "promote", "fresher_and_not_worse")],
        ids=["few rows", "many rows"],
    )
    def test_the_interval_must_fit_the_margin(self, rows, outcome, code):
        """The estimate fits the margin in both cases. Few rows give a wide interval, which does not fit."""
        margins = {"guardrail_margins": {"roc_auc": 0.02}, "slice_minimum_purchases": 10_000, "fresher_margin": 0.5}
        made = head_to_head(rows=rows, edge=0.02, seed=1, noise=0.3)
        decision = decide(made, POLICY.model_copy(update=margins))
        assert decision.guardrails[0].worse_by < 0.02
        assert (decision.outcome, [reason.code for reason in decision.reasons]) == (outcome, [code])


class TestSlices:
    def test_only_slices_with_enough_purchases_are_judged(self):
        made = head_to_head(edge=1)
        purchases = {name: int(made.labels[made.slices == name].sum()) for name in np.unique(made.slices)}
        judged = {
            guardrail.slice: guardrail.purchases for guardrail in decide(made, POLICY).guardrails if guardrail.slice
        }
        assert judged == {name: count for name, count in purchases.items() if count >= POLICY.slice_minimum_purchases}
        assert 0 < len(judged) < len(purchases)
