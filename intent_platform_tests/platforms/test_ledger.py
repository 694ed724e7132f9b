"""The champions that the ledger names: the previous one, and the one of each day."""

from datetime import date, datetime

import pytest

from intent_platform.errors import NoChampion
from intent_platform.partitions import Window
from intent_platform.platforms.ledger import Ledger, Move


def ledger_of(*moves: tuple[str, str | None, str]) -> Ledger:
    """A ledger of moves, each with its effective date, the replaced version and the new one."""
    at = datetime(2024, 7, 1)  # noqa: DTZ001  wall clock
    return Ledger(
        tuple(
            Move(number, at, date.fromisoformat(day), before, after, "promotion", "", "r")
            for number, (day, before, after) in enumerate(moves, start=1)
        )
    )


class TestPreviousChampion:
    ledger = ledger_of(("2024-04-15", None, "a"), ("2024-05-15", "a", "b"), ("2024-06-15", "b", "c"))

    def test_is_the_last_other_champion(self):
        assert self.ledger.previous_champion("c", unfit=[]) == "b"

    def test_is_never_an_unfit_version(self):
        assert self.ledger.previous_champion("c", unfit=["b"]) == "a"
        assert self.ledger.previous_champion("b", unfit=["c"]) == "a"

    def test_is_missing_if_all_others_are_unfit(self):
        with pytest.raises(NoChampion, match="no earlier champion than c"):
            self.ledger.previous_champion("c", unfit=["a", "b"])


class TestChampionsOfAWindow:
    """Two moves take effect on the 15th of May."""

    ledger = ledger_of(("2024-04-15", None, "a"), ("2024-05-15", "a", "b"), ("2024-05-15", "b", "c"))

    def test_cover_it_without_gap_or_overlap(self):
        champions = self.ledger.champions_of(Window(date(2024, 5, 1), date(2024, 6, 1)))
        assert [window for window, _ in champions] == [
            Window(date(2024, 5, 1), date(2024, 5, 15)),
            Window(date(2024, 5, 15), date(2024, 6, 1)),
        ]

    def test_are_those_of_the_last_move_of_a_day(self):
        champions = self.ledger.champions_of(Window(date(2024, 5, 1), date(2024, 6, 1)))
        assert [version for _, version in champions] == ["a", "c"]

    def test_must_exist_on_every_day(self):
        with pytest.raises(NoChampion, match="2024-04-14"):
            self.ledger.champions_of(Window(date(2024, 4, 14), date(2024, 4, 16)))
