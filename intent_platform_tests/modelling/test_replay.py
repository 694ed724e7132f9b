"""Policies over a made past of which the right course is known."""

from datetime import date

import numpy as np
import pytest

from intent_platform.modelling.head_to_head import Contender, HeadToHead, windows_to_pool
from intent_platform.modelling.metrics import measure
from intent_platform.modelling.replay import History, play, policies
from intent_platform.partitions import Window, training_window
from intent_platform.settings import load_settings

MONTHS = [date(2024, month, 1) for month in range(4, 9)]
GATE = load_settings().gate.model_copy(update={"resamples": 200, "pool_months": 0})


def made_history(skill: dict[int, float], seed: int = 0) -> History:
    """Sessions of every day from April to September, 40 a day; the challenger of a month sees so much of the truth."""
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


def courses(history: History):
    return {name: play(history, MONTHS, name, policy, 14, GATE) for name, policy in policies(GATE).items()}


def test_never_keeps_the_first_and_always_takes_each():
    played = courses(made_history({4: 1.0, 5: 1.0, 7: 1.0}))
    assert [service_month.champion for service_month in played["never"].service_months] == ["of April"] * 5
    assert played["never"].moves == 1
    assert [service_month.champion for service_month in played["always"].service_months] == [
        *("of April", "of May", "of May", "of July", "of July")
    ]
    assert played["always"].moves == 3


def test_all_policies_serve_the_same_months_from_the_first_challenger_with_skill_on():
    played = courses(made_history({4: 0.0, 5: 2.0, 6: 1.0}))
    for course in played.values():
        assert [service_month.window.start.month for service_month in course.service_months] == [5, 6, 7, 8]
        assert course.service_months[0].champion == "of May"


@pytest.mark.parametrize("policy", ["evidence", "greater"])
def test_a_policy_that_looks_takes_the_better_and_leaves_the_worse(policy):
    course = courses(made_history({4: 1.0, 5: 3.0, 6: 0.2, 7: 0.2}))[policy]
    assert [service_month.champion for service_month in course.service_months] == ["of April", *["of May"] * 4]
    assert (course.moves, course.regret) == (2, 0.0)


def test_regret_is_against_versions_that_were_there_by_then():
    """July's is by far the best, but nobody could have served it in May."""
    played = courses(made_history({4: 1.0, 5: 1.0, 7: 4.0}))
    for course in played.values():
        for service_month in course.service_months:
            assert service_month.best >= service_month.pr_auc
        early = [
            service_month for service_month in course.service_months if service_month.window.end <= date(2024, 7, 15)
        ]
        assert max(service_month.best for service_month in early) < 0.6 < course.service_months[-1].best
    assert played["always"].regret < played["never"].regret


def test_a_champion_serves_from_one_evaluation_to_the_next_and_is_measured_on_those_days_alone():
    history = made_history({4: 1.0})
    first = courses(history)["never"].service_months[0]
    assert first.window == Window(date(2024, 4, 15), date(2024, 5, 15))
    service_month = (history.days >= np.datetime64("2024-04-15")) & (history.days < np.datetime64("2024-05-15"))
    scores = history.challengers[date(2024, 4, 1)].scores
    assert first.pr_auc == measure(history.labels[service_month], scores[service_month]).pr_auc


def test_the_contest_is_on_the_days_that_an_evaluation_tests_on_and_pools_as_it_does():
    history = made_history({4: 1.0, 8: 1.0})
    champion = history.challengers[date(2024, 4, 1)]
    pooling = GATE.model_copy(update={"pool_months": 6, "pool_below_purchases": 10_000})
    for gate, pooled in ((GATE, ()), (pooling, (Window(date(2024, 4, 1), date(2024, 5, 1)),))):
        head_to_head: HeadToHead = history.head_to_head(date(2024, 8, 1), champion, 14, gate)
        windows = (Window(date(2024, 8, 1), date(2024, 8, 15)), *pooled)
        assert head_to_head.windows == windows
        assert len(head_to_head.labels) == sum(40 * len(window) for window in windows)
        assert {*np.unique(head_to_head.days)} == {np.datetime64(day) for window in windows for day in window}


def test_months_without_purchases_are_not_served():
    history = made_history({4: 1.0})
    history.labels[history.days >= np.datetime64("2024-06-15")] = 0
    course = courses(history)["always"]
    assert [service_month.window.start.month for service_month in course.service_months] == [4, 5]
    nothing = play(made_history({}), MONTHS, "always", policies(GATE)["always"], 14, GATE)
    assert np.isnan(nothing.pr_auc)


def test_windows_are_pooled_until_there_are_enough_purchases():
    test, *earlier = (Window(date(2024, month, 1), date(2024, month, 15)) for month in (9, 5, 4, 3, 2))
    bought = {9: 10, 5: 20, 4: 0, 3: 30, 2: 40}
    for enough, months in ((10, []), (11, [5]), (31, [5, 3]), (60, [5, 3]), (1_000, [5, 3, 2])):
        pooled = windows_to_pool(test, earlier, lambda window: bought[window.start.month], enough)
        assert [window.start.month for window in pooled] == months
