"""Policies over a made past in which the skill of every challenger is known."""

from collections.abc import Mapping
from datetime import date

import numpy as np
import pytest

from intent_platform.modelling.head_to_head import Contender
from intent_platform.modelling.metrics import measure
from intent_platform.modelling.replay import Course, History, play, policies
from intent_platform.partitions import Window, training_window
from intent_platform.settings import load_settings

MONTHS = [date(2024, month, 1) for month in range(4, 9)]
GATE = load_settings().gate.model_copy(update={"resamples": 200, "pool_months": 0})


def made_history(skill: dict[int, float], seed: int = 0) -> History:
    """40 sessions on every day from April to September, and a challenger for each month in `skill`."""
    generator = np.random.default_rng(seed)
    days = np.repeat(np.arange("2024-04-01", "2024-10-01", dtype="datetime64[D]"), 40)
    labels = (generator.random(len(days)) < 0.15).astype(np.int64)
    challengers = {}
    for month in (month for month in MONTHS if month.month in skill):
        seen = generator.normal(size=len(days)) + skill[month.month] * labels
        scores = 1 / (1 + np.exp(3 - seen))
        window = training_window(month.isoformat(), 3)
        challengers[month] = Contender(f"of {month:%B}", scores, window, measure(labels, scores))
    return History(labels, days, np.full(len(days), "Returning_Visitor"), challengers)


def courses(history: History) -> Mapping[str, Course]:
    """The course of every policy, by its name."""
    return {name: play(history, MONTHS, name, policy, 14, GATE) for name, policy in policies(GATE).items()}


def champions(course: Course) -> list[str]:
    return [service_month.champion for service_month in course.service_months]


class TestPolicies:
    @pytest.fixture(scope="class")
    @classmethod
    def after_equal_challengers(cls) -> Mapping[str, Course]:
        """Challengers of equal skill in April, May and July."""
        return courses(made_history({4: 1.0, 5: 1.0, 7: 1.0}))

    def test_never_keeps_the_first_challenger(self, after_equal_challengers):
        course = after_equal_challengers["never"]
        assert champions(course) == ["of April"] * 5
        assert course.moves == 1

    def test_always_takes_every_challenger(self, after_equal_challengers):
        course = after_equal_challengers["always"]
        assert champions(course) == ["of April", "of May", "of May", "of July", "of July"]
        assert course.moves == 3

    @pytest.mark.parametrize("policy", ["evidence", "greater"])
    def test_comparing_policies_take_only_a_better_challenger(self, policy):
        course = courses(made_history({4: 1.0, 5: 3.0, 6: 0.2, 7: 0.2}))[policy]
        assert champions(course) == ["of April", *["of May"] * 4]
        assert (course.moves, course.regret) == (2, 0.0)

    def test_all_begin_with_the_first_challenger_with_skill(self):
        for course in courses(made_history({4: 0.0, 5: 2.0, 6: 1.0})).values():
            assert [service_month.window.start.month for service_month in course.service_months] == [5, 6, 7, 8]
            assert course.service_months[0].champion == "of May"


class TestServiceMonths:
    def test_last_from_one_evaluation_to_the_next(self):
        first = courses(made_history({4: 1.0}))["never"].service_months[0]
        assert first.window == Window(date(2024, 4, 15), date(2024, 5, 15))

    def test_are_measured_on_their_own_days_alone(self):
        history = made_history({4: 1.0})
        first = courses(history)["never"].service_months[0]
        is_served = (history.days >= np.datetime64("2024-04-15")) & (history.days < np.datetime64("2024-05-15"))
        scores = history.challengers[date(2024, 4, 1)].scores
        assert first.pr_auc == measure(history.labels[is_served], scores[is_served]).pr_auc

    def test_leave_out_months_without_purchases(self):
        history = made_history({4: 1.0})
        history.labels[history.days >= np.datetime64("2024-06-15")] = 0
        course = courses(history)["always"]
        assert [service_month.window.start.month for service_month in course.service_months] == [4, 5]

    def test_without_challengers_the_quality_is_undefined(self):
        course = play(made_history({}), MONTHS, "always", policies(GATE)["always"], 14, GATE)
        assert np.isnan(course.pr_auc)


class TestRegret:
    @pytest.fixture(scope="class")
    @classmethod
    def after_a_late_best(cls) -> Mapping[str, Course]:
        """The challenger of July is by far the best."""
        return courses(made_history({4: 1.0, 5: 1.0, 7: 4.0}))

    def test_is_never_negative(self, after_a_late_best):
        for course in after_a_late_best.values():
            for service_month in course.service_months:
                assert service_month.best >= service_month.pr_auc

    def test_compares_only_with_versions_that_existed(self, after_a_late_best):
        """The challenger of July could not have served in May."""
        for course in after_a_late_best.values():
            early = [month.best for month in course.service_months if month.window.end <= date(2024, 7, 15)]
            assert max(early) < 0.6 < course.service_months[-1].best

    def test_is_smaller_where_the_best_version_serves(self, after_a_late_best):
        assert after_a_late_best["always"].regret < after_a_late_best["never"].regret


class TestHeadToHeadOfTheHistory:
    @pytest.mark.parametrize(
        ("gate", "windows"),
        [
            (GATE, (Window(date(2024, 8, 1), date(2024, 8, 15)),)),
            (
                GATE.model_copy(update={"pool_months": 6, "pool_below_purchases": 10_000}),
                (Window(date(2024, 8, 1), date(2024, 8, 15)), Window(date(2024, 4, 1), date(2024, 5, 1))),
            ),
        ],
        ids=["test window", "pooled with April"],
    )
    def test_has_the_days_that_the_evaluation_would_test_on(self, gate, windows):
        history = made_history({4: 1.0, 8: 1.0})
        made = history.head_to_head(date(2024, 8, 1), history.challengers[date(2024, 4, 1)], 14, gate)
        assert made.windows == windows
        assert len(made.labels) == sum(40 * len(window) for window in windows)
        assert {*np.unique(made.days)} == {np.datetime64(day) for window in windows for day in window}
