"""The table of a run, and the command that repeats a trial."""

from bench.torture.report import repeating_command, rows_of
from bench.torture.runner import Result
from bench.torture.trials import Outcome, Trial


def result(kind: str, number: int, *violations: str, kills: int = 1) -> Result:
    trial = Trial(kind, f"{kind}, call {number}", lambda room, random: Outcome([]))
    return Result(trial, Outcome(violations, kills), 1.5)


RESULTS = [
    result("kill: rollback", 1),
    result("at once: rollbacks", 1, kills=0),
    result("kill: rollback", 2, "a half day", "a lost mark"),
]


class TestTable:
    def test_has_a_row_for_each_kind_and_the_sum(self):
        assert rows_of(RESULTS) == [
            ("at once: rollbacks", 1, 0, 0, "2"),
            ("kill: rollback", 2, 2, 1, "3"),
            ("all", 3, 2, 1, "4"),
        ]


class TestRepeatingCommand:
    def test_names_the_trial(self):
        assert (
            repeating_command(RESULTS[2], "small", 7) == "make torture size=small seed=7 only='kill: rollback, call 2'"
        )
