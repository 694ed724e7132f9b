"""Moves of the champion: what they write, when they are refused, and that a failure leaves no half of a move."""

from collections.abc import Callable
from contextlib import contextmanager
from datetime import date
from typing import NamedTuple

import numpy as np
import pytest

from intent_platform.errors import ChampionMoved, PromotionRefused, UnknownVersion, VersionUnfit, WarehouseError
from intent_platform.modelling.model import IntentModel
from intent_platform.pipeline.promotion import roll_back_to
from intent_platform.platforms import platform_for
from intent_platform.platforms.ledger import Ledger, read_ledger
from intent_platform.platforms.ports import Platform, ScoringModel
from intent_platform.platforms.versions import ModelVersion
from intent_platform_tests.platforms.conftest import log_version, move, moves_of


class Versions(NamedTuple):
    """A platform with two versions, of which the first is champion."""

    platform: Platform
    champion: ModelVersion
    other: ModelVersion


@pytest.fixture
def versions(platform, log) -> Versions:
    champion, other = log(), log()
    move(platform, champion, None, "first")
    return Versions(platform, champion, other)


class TestMoves:
    """The first champion, a promotion, and a rollback to the first champion."""

    @pytest.fixture(scope="class")
    @classmethod
    def moved(cls, new_platform: Callable[[], Platform], model: IntentModel) -> Versions:
        platform = new_platform()
        one, two = log_version(platform, model), log_version(platform, model)
        move(platform, one, None, "first")
        move(platform, two, one)
        move(platform, one, two, "rollback", effective_date=date(2024, 5, 15))
        return Versions(platform, one, two)

    def test_are_numbered_in_the_ledger(self, moved):
        assert [(m.number, m.from_version, m.to_version, m.cause) for m in moves_of(moved.platform)] == [
            (1, None, moved.champion.name, "first"),
            (2, moved.champion.name, moved.other.name, "promotion"),
            (3, moved.other.name, moved.champion.name, "rollback"),
        ]

    def test_have_their_reason_in_the_ledger(self, moved):
        assert moves_of(moved.platform)[0].reason == "it's better"

    def test_have_their_effective_date_in_the_ledger(self, moved):
        assert moves_of(moved.platform)[2].effective_date == date(2024, 5, 15)

    def test_end_with_the_version_of_the_last_move_as_champion(self, moved):
        assert moved.platform.registry.champion() == moved.champion


class TestMoveWithQuarantine:
    @pytest.fixture(scope="class")
    @classmethod
    def moved(cls, new_platform: Callable[[], Platform], model: IntentModel) -> Versions:
        """A champion was replaced by a version that was in quarantine."""
        platform = new_platform()
        before, after = log_version(platform, model), log_version(platform, model)
        move(platform, before, None, "first")
        platform.registry.set_quarantine(after, "rolled back from: long ago")
        quarantined = platform.registry.version(after.name)
        move(platform, quarantined, before, "rollback", quarantine_reason="scores too high")
        return Versions(platform, after, before)

    def test_puts_the_replaced_champion_into_quarantine(self, moved):
        assert moved.platform.registry.version(moved.other.name).quarantine == "scores too high"

    def test_frees_the_new_champion_from_quarantine(self, moved):
        assert moved.platform.registry.version(moved.champion.name).quarantine is None

    def test_lifts_the_mark_that_a_killed_rollback_left(self, versions):
        """The move settled before the rollback set its mark, and got the lock when the rollback was killed."""
        platform, champion, other = versions
        platform.registry.set_quarantine(champion, "marked by a killed rollback")
        move(platform, other, champion, "force")
        assert platform.registry.version(champion.name).quarantine is None


class TestMoveThatWaits:
    def test_is_later_than_the_moves_it_waited_for(self, versions, log, monkeypatch):
        """Somebody moves to another version and back while it waits for the warehouse."""
        platform, champion, other = versions
        third, warehouse = log(), type(platform.warehouse)
        connect = warehouse.connect

        @contextmanager
        def connect_after_others(self, *, writing=False, **rest):
            if writing:
                monkeypatch.setattr(warehouse, "connect", connect)
                move(platform, other, champion)
                move(platform, champion, other)
            with connect(self, writing=writing, **rest) as connection:
                yield connection

        monkeypatch.setattr(warehouse, "connect", connect_after_others)
        move(platform, third, champion)
        times = [row.moved_at for row in moves_of(platform)]
        assert len(times) == 4
        assert times == sorted(times)


class TestMoveIsRefused:
    """The champion stays, and the ledger has no new row."""

    def test_if_the_champion_has_changed_since_the_decision(self, versions):
        platform, champion, other = versions
        with pytest.raises(ChampionMoved):
            move(platform, other, None)
        assert platform.registry.champion() == champion
        assert len(moves_of(platform)) == 1

    def test_if_its_reason_is_too_long_for_the_registry(self, versions):
        platform, _, two = versions
        before = moves_of(platform)
        with pytest.raises(PromotionRefused, match="the reason has 100,000 characters: shorten it to 10,000"):
            roll_back_to(platform, two, "x" * 100_000, run_id="r")
        assert moves_of(platform) == before

    def test_if_the_version_was_deleted(self, versions):
        """The local registry names the version, and on Snowflake the statement that scores does."""
        platform, champion, _ = versions
        with pytest.raises((UnknownVersion, WarehouseError), match=r"(?i)v_000101_000000"):
            move(platform, champion.model_copy(update={"name": "v_000101_000000"}), champion)
        assert platform.registry.champion() == champion
        assert len(moves_of(platform)) == 1

    def test_if_the_version_returns_no_probabilities(self, target, request, monkeypatch):
        if target != "local":
            pytest.skip("a model that returns no probabilities cannot be put into a warehouse from here")
        platform, champion, other = request.getfixturevalue("versions")
        monkeypatch.setattr(IntentModel, "predict_columns", lambda self, columns: np.full(len(columns[0]), np.nan))
        with pytest.raises(VersionUnfit, match=other.name):
            move(platform, other, champion)
        assert platform.registry.champion() == champion
        assert len(moves_of(platform)) == 1

    def test_if_dataset_lacks_a_feature(self, platform, log, model, monkeypatch):
        version = log()
        moody = IntentModel(model.classifier, (*model.features[:-1], "MOOD"))
        monkeypatch.setattr(
            type(platform.registry), "scoring_model", lambda self, to: ScoringModel(to.name, moody.features, moody)
        )
        with pytest.raises(VersionUnfit, match="MOOD"):
            move(platform, version, None, "first")
        assert platform.registry.champion() is None
        assert moves_of(platform) == ()

    def test_keeps_the_mark_of_a_rollback_at_the_same_time(self, versions, log):
        """Two people roll back from the same champion. The second one is late, and marks nothing."""
        platform, champion, other = versions
        third = log()
        move(platform, other, champion, "rollback", quarantine_reason="the first")
        with pytest.raises(ChampionMoved):
            move(platform, third, champion, "rollback", quarantine_reason="the second")
        assert platform.registry.version(champion.name).quarantine == "the first"

    def test_marks_nothing_if_the_champion_was_forced_away(self, versions, log):
        platform, champion, other = versions
        third = log()
        move(platform, other, champion, "force")
        with pytest.raises(ChampionMoved):
            move(platform, third, champion, "rollback", quarantine_reason="too late")
        assert platform.registry.version(champion.name).quarantine is None

    def test_if_the_champion_moved_there_and_back(self, versions, monkeypatch):
        """The ledger that was read before the lock lacks two moves."""
        platform, champion, other = versions
        before = read_ledger
        ledgers = iter([Ledger(())])
        monkeypatch.setattr(
            "intent_platform.platforms.champion.read_ledger", lambda connection: next(ledgers, before(connection))
        )
        with pytest.raises(ChampionMoved, match="meanwhile"):
            move(platform, other, champion)
        assert platform.registry.champion() == champion
        assert len(moves_of(platform)) == 1


class TestMoveWithoutRegistry:
    """The registry cannot be reached when the pointer should move."""

    @pytest.fixture
    def unreachable(self, platform, monkeypatch) -> Callable[[], None]:
        def refuse(self, to, expected):
            raise ConnectionError("registry down")

        return lambda: monkeypatch.setattr(type(platform.registry), "move_champion", refuse)

    def test_leaves_no_row_in_the_ledger(self, platform, log, unreachable):
        version = log()
        unreachable()
        with pytest.raises(ConnectionError):
            move(platform, version, None, "first")
        assert moves_of(platform) == ()

    @pytest.mark.parametrize("mark", [None, "marked by a killed rollback"], ids=["no mark", "an earlier mark"])
    def test_leaves_no_quarantined_champion(self, versions, unreachable, mark):
        platform, champion, other = versions
        platform.registry.set_quarantine(champion, mark)
        unreachable()
        with pytest.raises(ConnectionError):
            move(platform, other, champion, "rollback", quarantine_reason="scores too high")
        assert platform.registry.version(champion.name).quarantine is None


class TestMoveWithoutCommit:
    """The disk is full when the ledger should be committed."""

    @pytest.fixture(scope="class")
    @classmethod
    def failed(cls, new_platform: Callable[[], Platform], model: IntentModel) -> Versions:
        platform = new_platform()
        champion, other = log_version(platform, model), log_version(platform, model)
        move(platform, champion, None, "first")
        with platform.warehouse.connect() as connection:
            kind = type(connection)
        complete = kind.transaction

        @contextmanager
        def disk_full(cls):
            with complete(cls):
                yield
                raise OSError("no space left on device")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kind, "transaction", disk_full)
            with pytest.raises(OSError, match="no space left"):
                move(platform, other, champion, "rollback", quarantine_reason="scores too high")
        return Versions(platform, champion, other)

    def test_returns_the_pointer_to_the_champion(self, failed):
        assert failed.platform.registry.champion() == failed.champion

    def test_puts_the_champion_into_no_quarantine(self, failed):
        assert failed.platform.registry.version(failed.champion.name).quarantine is None

    def test_leaves_no_row_in_the_ledger(self, failed):
        assert len(moves_of(failed.platform)) == 1


class TestRollbackOnSnowflake:
    @pytest.mark.parametrize("named", [True, False], ids=["to a version", "to the previous champion"])
    def test_logs_in_twice(self, snowflake_settings, model, emulator, named):
        """The transaction of the ledger keeps one login, and the registry needs another."""
        settings = snowflake_settings()
        account = platform_for(settings)
        one, two = (log_version(account, model, month) for month in ("2024-05-01", "2024-06-01"))
        move(account, one, None, "first")
        move(account, two, one)
        watched, begun = platform_for(settings), emulator.logins_made
        roll_back_to(watched, watched.registry.version(one.name) if named else None, "too high", run_id="r")
        assert emulator.logins_made - begun == 2
        assert account.registry.champion() == one
        assert account.registry.version(two.name).quarantine == "rolled back from: too high"
