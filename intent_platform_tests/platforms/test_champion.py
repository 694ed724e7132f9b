"""Moving the champion: promote, roll back, refuse. The ledger and the pointer always tell one story."""

from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import numpy as np
import pytest

from intent_platform.errors import ChampionMoved, NoChampion, UnknownVersion, VersionUnfit, WarehouseError
from intent_platform.modelling.model import IntentModel
from intent_platform.partitions import Window
from intent_platform.pipeline.promotion import roll_back_to
from intent_platform.platforms import platform_for
from intent_platform.platforms.champion import move_champion
from intent_platform.platforms.ledger import Ledger, Move, read_ledger
from intent_platform.platforms.ports import Platform, ScoringModel
from intent_platform.platforms.snowflake.registry import SnowflakeRegistry
from intent_platform_tests.platforms.conftest import provenance


def move(platform, to, replacing, cause="promotion", **rest):
    return move_champion(
        platform,
        to,
        replacing=replacing,
        cause=cause,
        reason="it's better",
        metrics={"pr_auc": 0.7},
        run_id="r",
        **rest,
    )


def ledger(platform) -> Ledger:
    with platform.warehouse.connect() as connection:
        return read_ledger(connection)


@pytest.mark.parametrize("named", [True, False], ids=["to a version", "to the previous champion"])
def test_a_rollback_on_snowflake_logs_in_to_the_registry_four_times(snowflake_settings, model, named):
    """Once each for the champion, the target, the mark and the move: every look-up is a login and two SHOWs."""
    account = platform_for(snowflake_settings())
    one, two = (account.registry.log(model, provenance(month), []) for month in ("2024-05-01", "2024-06-01"))
    move(account, one, None, "first")
    move(account, two, one)
    registry, logins = account.registry, []
    assert isinstance(registry, SnowflakeRegistry)

    def counted() -> Any:
        logins.append("registry")
        return registry.open_session()

    watched = Platform(account.warehouse, SnowflakeRegistry(counted))
    roll_back_to(watched, watched.registry.version(one.name) if named else None, "too high", run_id="r")
    assert account.registry.champion() == one
    assert account.registry.version(two.name).quarantine == "rolled back from: too high"
    assert len(logins) == 4


def test_every_move_is_in_the_ledger_and_the_last_is_where_the_pointer_is(platform, log):
    one, two = log(), log()
    move(platform, one, None, "first")
    move(platform, two, one)
    move(platform, one, two, "rollback", effective_date=date(2024, 5, 15))
    moves = ledger(platform).moves
    assert [(m.number, m.from_version, m.to_version, m.cause) for m in moves] == [
        (1, None, one.name, "first"),
        (2, one.name, two.name, "promotion"),
        (3, two.name, one.name, "rollback"),
    ]
    assert moves[2].effective_date == date(2024, 5, 15)
    assert moves[0].reason == "it's better"
    assert platform.registry.champion() == one


def test_a_move_decided_against_another_champion_is_refused_whole(platform, log):
    one, two = log(), log()
    move(platform, one, None, "first")
    with pytest.raises(ChampionMoved):
        move(platform, two, None)
    assert platform.registry.champion() == one
    assert len(ledger(platform).moves) == 1


def test_an_unknown_version_moves_nothing(platform, log):
    """It was deleted since it was looked up: the local registry says so, on Snowflake the statement that scores."""
    one = log()
    move(platform, one, None, "first")
    with pytest.raises((UnknownVersion, WarehouseError), match=r"(?i)v_000101_000000"):
        move(platform, one.model_copy(update={"name": "v_000101_000000"}), one)
    assert platform.registry.champion() == one
    assert len(ledger(platform).moves) == 1


def test_a_version_that_cannot_serve_is_refused_before_anything_moves(platform, target, log, monkeypatch):
    if target != "local":
        pytest.skip("a model that gives no probabilities cannot be put into a warehouse from here")
    one, two = log(), log()
    move(platform, one, None, "first")
    monkeypatch.setattr(IntentModel, "predict_columns", lambda self, columns: np.full(len(columns[0]), np.nan))
    with pytest.raises(VersionUnfit, match=two.name):
        move(platform, two, one)
    assert platform.registry.champion() == one
    assert len(ledger(platform).moves) == 1


def test_a_pointer_that_cannot_be_moved_leaves_no_line_in_the_ledger(platform, log, monkeypatch):
    one = log()

    def unreachable(self, to, expected):
        raise ConnectionError("registry down")

    monkeypatch.setattr(type(platform.registry), "move_champion", unreachable)
    with pytest.raises(ConnectionError):
        move(platform, one, None, "first")
    assert ledger(platform).moves == ()


def test_a_move_may_quarantine_the_champion_left_and_frees_the_new_one(platform, log):
    one, two = log(), log()
    move(platform, one, None, "first")
    platform.registry.set_quarantine(two, "rolled back from: long ago")
    move(platform, platform.registry.version(two.name), one, "rollback", quarantine_reason="scores too high")
    assert platform.registry.version(one.name).quarantine == "scores too high"
    assert platform.registry.version(two.name).quarantine is None


@pytest.mark.parametrize("mark", [None, "marked by an interrupted rollback"])
def test_a_move_that_fails_leaves_every_mark_as_it_was(platform, log, monkeypatch, mark):
    one, two = log(), log()
    move(platform, one, None, "first")
    platform.registry.set_quarantine(one, mark)
    one = platform.registry.version(one.name)

    def unreachable(self, to, expected):
        raise ConnectionError("registry down")

    monkeypatch.setattr(type(platform.registry), "move_champion", unreachable)
    with pytest.raises(ConnectionError):
        move(platform, two, one, "rollback", quarantine_reason="scores too high")
    assert platform.registry.version(one.name).quarantine == mark


def test_a_ledger_that_cannot_be_committed_takes_the_pointer_back_and_says_why(platform, log, monkeypatch):
    one, two = log(), log()
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
    assert platform.registry.version(one.name).quarantine is None
    assert len(ledger(platform).moves) == 1


def test_a_version_whose_features_are_gone_is_unfit(platform, log, model, monkeypatch):
    one = log()
    gone = IntentModel(model.classifier, (*model.features[:-1], "MOOD"))
    monkeypatch.setattr(
        type(platform.registry), "scoring_model", lambda self, version: ScoringModel(version.name, gone.features, gone)
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
