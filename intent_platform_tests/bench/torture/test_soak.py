"""The verdicts of a soak: what lacks after the mornings, and what grew with the history."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from bench.torture.soak import Diary, Month, compared, evenings_of_rollbacks, grown, missing
from bench.torture.state import Day, HomeState, MoveRow
from intent_platform.partitions import Window
from intent_platform.settings import load_settings

#: Has one training and one evaluation.
DAYS = Window(date(2025, 5, 1), date(2025, 5, 16))
RUNS = Counter(
    retention_schedule=15, sessions_schedule=15, scores_schedule=15, training_schedule=1, evaluation_schedule=1
)
ROLLBACK = MoveRow(1, "2025-05-08 20:00", "v_2", "v_1", "rollback", "soak", "run")
WHOLE = {(day - timedelta(days=1)).isoformat(): Day(40, "content") for day in DAYS}
STATE = HomeState(days=dict.fromkeys(("SOURCE", "DATASET", "SCORES"), WHOLE), ledger=(ROLLBACK,))
SETTINGS = load_settings(retention={"raw_days": 1_000})
MONTH = Month(300.0, 3.0, 0.2, {"warehouse.duckdb": 4.0, "mlflow.db": 1.0, "mlartifacts": 1.0, "dagster": 30.0})


def months(count: int, **last: Any) -> list[Month]:
    """Equal months in which every part grows by 10 MiB. The last three have other values."""
    made = [replace(MONTH, sizes={part: mib + 10 * n for part, mib in MONTH.sizes.items()}) for n in range(count)]
    return [replace(month, **last) if n >= count - 3 else month for n, month in enumerate(made)]


class TestMissing:
    def test_is_nothing_after_all_mornings(self):
        assert missing(Diary(RUNS), STATE, DAYS, SETTINGS) == []

    @pytest.mark.parametrize("schedule", RUNS)
    def test_names_a_schedule_that_did_not_run(self, schedule):
        runs = RUNS - Counter([schedule])
        assert missing(Diary(runs), STATE, DAYS, SETTINGS) == [
            f"{schedule} started {runs[schedule]} runs instead of {RUNS[schedule]}"
        ]

    def test_names_a_day_without_scores(self):
        scores = {day: rows for day, rows in WHOLE.items() if day != "2025-05-03"}
        state = replace(STATE, days={**STATE.days, "SCORES": scores})
        assert missing(Diary(RUNS), state, DAYS, SETTINGS) == ["SCORES lacks 1 days, the first is 2025-05-03"]

    def test_names_raw_sessions_that_are_too_old(self):
        source = {**WHOLE, "2025-01-01": Day(40, "content")}
        (sentence,) = missing(Diary(RUNS), replace(STATE, days={**STATE.days, "SOURCE": source}), DAYS, SETTINGS)
        assert sentence == "1 days before 2025-02-28 still have raw sessions"

    def test_counts_the_rollbacks(self):
        assert missing(Diary(RUNS), replace(STATE, ledger=()), DAYS, SETTINGS) == [
            "the ledger has 0 rollbacks instead of 1"
        ]


class TestEveningsOfRollbacks:
    @pytest.mark.parametrize(("days", "rollbacks"), [(2, 1), (146, 2), (365, 5)])
    def test_are_inside_the_days(self, days, rollbacks):
        window = Window(DAYS.start, DAYS.start + timedelta(days=days))
        evenings = evenings_of_rollbacks(window)
        assert len(evenings) == rollbacks
        assert evenings <= set(window)


class TestGrown:
    def test_is_nothing_in_equal_months(self):
        assert grown(months(12)) == []

    @pytest.mark.parametrize("measure", ["memory", "morning", "tick"])
    def test_names_a_cost_that_grew(self, measure):
        (sentence,) = grown(months(12, **{measure: 2 * getattr(MONTH, measure) + 1}))
        assert "in months 2 to 4, but" in sentence

    def test_names_a_part_that_grows_ever_faster(self):
        made = [replace(month, sizes={**month.sizes, "dagster": 2.0**n}) for n, month in enumerate(months(12))]
        (sentence,) = grown(made)
        assert sentence.startswith("growth of dagster")

    def test_is_not_judged_before_seven_months(self):
        assert [*compared(months(6))] == []
        assert len([*compared(months(7))]) == 7
