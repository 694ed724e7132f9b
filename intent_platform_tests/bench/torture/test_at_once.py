"""Answers that differ from the ledger, and refusals that a user could not read."""

import pytest

from bench.torture.at_once import contradictions
from bench.torture.calls import RUN, Answer, answered
from bench.torture.state import HomeState, MoveRow
from intent_platform.errors import ChampionMoved


def row(number: int, run_id: str, to_version: str = "v", cause: str = "rollback") -> MoveRow:
    return MoveRow(number, "2024-05-01", "u", to_version, cause, "", run_id)


LEDGER = HomeState(ledger=(row(1, "before"), row(2, f"{RUN}a"), row(3, "0a-1b", "v_2")))
TRUE = [Answer("a", "moved", f"{RUN}a"), Answer("b", "moved", "v_2"), Answer("c", "refused", text="decide again")]


class TestAnswers:
    def test_of_the_ledger_contradict_nothing(self):
        assert contradictions(TRUE, 1, LEDGER) == []

    def test_about_a_move_that_is_not_recorded(self):
        assert len(contradictions([*TRUE, Answer("d", "moved", f"{RUN}d")], 1, LEDGER)) == 1

    def test_that_conceal_a_move(self):
        assert len(contradictions(TRUE[:1], 1, LEDGER)) == 1

    def test_of_the_demo_need_not_name_its_promotion(self):
        promoted = HomeState(ledger=(*LEDGER.ledger, row(4, "2c-3d", "v_3", "promotion")))
        assert contradictions(TRUE, 1, promoted) == []

    @pytest.mark.parametrize("text", ["two\nlines", "long " * 200])
    def test_that_refuse_at_length(self, text):
        assert len(contradictions([*TRUE, Answer("d", "refused", text=text)], 1, LEDGER)) == 1

    def test_that_are_a_traceback(self):
        assert len(contradictions([*TRUE, Answer("d", "failed", text="Traceback")], 1, LEDGER)) == 1


class TestCall:
    def test_that_moves_is_known_by_its_run(self):
        runs: list[str] = []

        def move(run: str) -> bool:
            runs.append(run)
            return True

        assert answered("a", move) == Answer("a", "moved", *runs)

    def test_that_moves_nothing(self):
        assert answered("a", lambda _: False).kind == "nothing"

    def test_that_is_refused_keeps_the_sentence(self):
        def refuse(_: str) -> None:
            raise ChampionMoved("the champion moved")

        assert answered("a", refuse) == Answer("a", "refused", text="the champion moved")

    def test_that_fails_keeps_the_traceback(self):
        assert "ZeroDivisionError" in answered("a", lambda _: 1 / 0).text
