"""Moving the champion: promote, roll back, refuse. The ledger and the pointer always tell one story."""

from contextlib import contextmanager
from datetime import date, datetime

import numpy as np
import pytest

from intent_platform.errors import ChampionMoved, NoChampion, UnknownVersion, VersionUnfit
from intent_platform.modelling.model import IntentModel
from intent_platform.partitions import Window
from intent_platform.platforms.champion import move_champion
from intent_platform.platforms.ledger import Ledger, Move, read_ledger
from intent_platform.platforms.ports import ScoringModel


def move(platform, to, expected, cause="promotion", **rest):
    return move_champion(
        platform, to, expected=expected, cause=cause, reason="it's better", metrics={"pr_auc": 0.7}, run_id="r", **rest
    )


def ledger(platform) -> Ledger:
    with platform.warehouse.connect() as connection:
        return read_ledger(connection)


def test_every_move_is_in_the_ledger_and_the_last_is_where_the_pointer_is(platform, log):
    one, two = log().name, log().name
    move(platform, one, None, "first")
    move(platform, two, one)
    move(platform, one, two, "rollback", effective_date=date(2024, 5, 15))
    moves = ledger(platform).moves
    assert [(m.number, m.from_version, m.to_version, m.cause) for m in moves] == [
        (1, None, one, "first"),
        (2, one, two, "promotion"),
        (3, two, one, "rollback"),
    ]
    assert moves[2].effective_date == date(2024, 5, 15)
    assert moves[0].reason == "it's better"
    assert platform.registry.champion() == one


def test_a_move_decided_against_another_champion_is_refused_whole(platform, log):
    one, two = log().name, log().name
    move(platform, one, None, "first")
    with pytest.raises(ChampionMoved):
        move(platform, two, None)
    assert platform.registry.champion() == one
    assert len(ledger(platform).moves) == 1


def test_an_unknown_version_moves_nothing(platform, log):
    one = log().name
    move(platform, one, None, "first")
    with pytest.raises(UnknownVersion):
        move(platform, "v_000101_000000", one)
    assert platform.registry.champion() == one
    assert len(ledger(platform).moves) == 1


def test_a_version_that_cannot_serve_is_refused_before_anything_moves(platform, target, log, monkeypatch):
    if target != "local":
        pytest.skip("a model that gives no probabilities cannot be put into a warehouse from here")
    one, two = log().name, log().name
    move(platform, one, None, "first")
    monkeypatch.setattr(IntentModel, "predict_columns", lambda self, columns: np.full(len(columns[0]), np.nan))
    with pytest.raises(VersionUnfit, match=two):
        move(platform, two, one)
    assert platform.registry.champion() == one
    assert len(ledger(platform).moves) == 1


def test_a_pointer_that_cannot_be_moved_leaves_no_line_in_the_ledger(platform, log, monkeypatch):
    one = log().name

    def unreachable(self, to, expected):
        raise ConnectionError("registry down")

    monkeypatch.setattr(type(platform.registry), "move_champion", unreachable)
    with pytest.raises(ConnectionError):
        move(platform, one, None, "first")
    assert ledger(platform).moves == ()


def test_a_move_may_quarantine_the_champion_left_and_frees_the_new_one(platform, log):
    one, two = log().name, log().name
    move(platform, one, None, "first")
    platform.registry.set_quarantine(two, "rolled back from: long ago")
    move(platform, two, one, "rollback", quarantine_reason="scores too high")
    assert platform.registry.version(one).quarantine == "scores too high"
    assert platform.registry.version(two).quarantine is None


@pytest.mark.parametrize("mark", [None, "marked by an interrupted rollback"])
def test_a_move_that_fails_leaves_every_mark_as_it_was(platform, log, monkeypatch, mark):
    one, two = log().name, log().name
    move(platform, one, None, "first")
    platform.registry.set_quarantine(one, mark)

    def unreachable(self, to, expected):
        raise ConnectionError("registry down")

    monkeypatch.setattr(type(platform.registry), "move_champion", unreachable)
    with pytest.raises(ConnectionError):
        move(platform, two, one, "rollback", quarantine_reason="scores too high")
    assert platform.registry.version(one).quarantine == mark


def test_a_ledger_that_cannot_be_committed_takes_the_pointer_back_and_says_why(platform, log, monkeypatch):
    one, two = log().name, log().name
    move(platform, one, None, "first")
    with platform.warehouse.connect() as connection:
        kind = type(connection)
    whole = kind.transaction

    @contextmanager
    def disk_full(self):
        with whole(self):
            yield
            raise OSError("no space left on device")

    monkeypatch.setattr(kind, "transaction", disk_full)
    with pytest.raises(OSError, match="no space left"):
        move(platform, two, one, "rollback", quarantine_reason="scores too high")
    assert platform.registry.champion() == one
    assert platform.registry.version(one).quarantine is None
    assert len(ledger(platform).moves) == 1


def test_a_version_whose_features_are_gone_is_unfit(platform, log, model, monkeypatch):
    one = log().name
    gone = IntentModel(model.classifier, (*model.features[:-1], "MOOD"))
    monkeypatch.setattr(
        type(platform.registry), "scoring_model", lambda self, name: ScoringModel(name, gone.features, gone)
    )
    with pytest.raises(VersionUnfit, match="MOOD"):
        move(platform, one, None, "first")


def written(*lines: tuple[str, str | None, str]) -> Ledger:
    """A ledger of (effective date, from, to)."""
    at = datetime(2024, 7, 1)  # noqa: DTZ001  wall clock
    return Ledger(
        tuple(
            Move(number, at, date.fromisoformat(day), before, after, "promotion", "", "r")
            for number, (day, before, after) in enumerate(lines, start=1)
        )
    )


def test_the_previous_champion_is_the_last_other_one_that_is_fit():
    moves = written(("2024-04-15", None, "a"), ("2024-05-15", "a", "b"), ("2024-06-15", "b", "c"))
    assert moves.previous_champion("c", unfit=[]) == "b"
    assert moves.previous_champion("c", unfit=["b"]) == "a"
    assert moves.previous_champion("b", unfit=["c"]) == "a"
    with pytest.raises(NoChampion, match="no earlier champion than c"):
        moves.previous_champion("c", unfit=["a", "b"])


def test_the_champions_of_a_window_cover_it_without_gap_or_overlap():
    moves = written(("2024-04-15", None, "a"), ("2024-05-15", "a", "b"), ("2024-05-15", "b", "c"))
    window = Window(date(2024, 5, 1), date(2024, 6, 1))
    assert moves.champions_of(window) == [
        (Window(date(2024, 5, 1), date(2024, 5, 15)), "a"),
        (Window(date(2024, 5, 15), date(2024, 6, 1)), "c"),
    ]
    with pytest.raises(NoChampion, match="2024-04-14"):
        moves.champions_of(Window(date(2024, 4, 14), date(2024, 4, 16)))
