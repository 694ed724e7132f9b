"""Moves of the champion that were killed: `settle` completes them from what they had recorded."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from typing import Any, NamedTuple

import pytest

from intent_platform.errors import VersionUnfit
from intent_platform.modelling.model import IntentModel
from intent_platform.platforms import champion as champion_module
from intent_platform.platforms import platform_for
from intent_platform.platforms.champion import SettledChampion, is_settled, settle
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.local.registry import MlflowRegistry
from intent_platform.platforms.ports import Platform
from intent_platform.platforms.versions import MODEL_NAME, ModelVersion
from intent_platform_tests.platforms.conftest import log_version, move, moves_of

EFFECTIVE = date(2024, 5, 15)


class Killed(BaseException):
    """Stands for SIGKILL. No cleanup runs after it."""


class _NoCleanup(ExitStack):
    def __exit__(self, *_: object) -> None:
        """Do nothing."""


def kill_in(step: str, platform: Platform, to: ModelVersion, replacing: ModelVersion | None, **rest: Any) -> None:
    """Begin a move that is killed right after `step` of the registry."""
    kind = type(platform.registry)
    complete = getattr(kind, step)

    def killed_after(self, *arguments):
        complete(self, *arguments)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, step, killed_after)
        patch.setattr(champion_module, "ExitStack", _NoCleanup)
        with pytest.raises(Killed):
            move(platform, to, replacing, effective_date=EFFECTIVE, **rest)


def intents_of(platform: Platform) -> int:
    with platform.warehouse.connect() as connection:
        return int(connection.value("SELECT COUNT(*) AS COUNTED FROM CHAMPION_INTENTS"))


class Healed(NamedTuple):
    """A platform after a killed move and after `settle`, with the two versions and the result."""

    platform: Platform
    before: ModelVersion
    after: ModelVersion
    settled: SettledChampion


def with_two_versions(platform: Platform, model: IntentModel) -> Healed:
    """The platform with two versions, of which the first is champion."""
    one, two = log_version(platform, model), log_version(platform, model)
    move(platform, one, None, "first")
    return Healed(platform, one, two, SettledChampion(one))


@pytest.fixture(scope="module")
def new_local_platform(new_local_settings) -> Callable[[], Platform]:
    """Make an empty local platform. The platforms differ in nothing that the tests with it look at."""
    return lambda: platform_for(new_local_settings())


class TestMoveKilledBeforeItsCommit:
    """The pointer names the new champion, and the ledger does not know."""

    @pytest.fixture(scope="class")
    @classmethod
    def healed(cls, new_platform: Callable[[], Platform], model: IntentModel) -> Healed:
        platform, one, two, _ = with_two_versions(new_platform(), model)
        kill_in("move_champion", platform, two, one, cause="rollback", quarantine_reason="rolled back from: too high")
        return Healed(platform, one, two, settle(platform))

    def test_is_completed_in_the_ledger(self, healed):
        (_, row) = moves_of(healed.platform)
        assert (row.number, row.from_version, row.to_version) == (2, healed.before.name, healed.after.name)

    def test_keeps_what_the_move_had_recorded(self, healed):
        (_, row) = moves_of(healed.platform)
        assert (row.cause, row.effective_date, row.run_id) == ("repair", EFFECTIVE, "r")
        assert row.reason == "rollback, cut off before its row was written: it's better"

    def test_leaves_the_pointer_and_the_quarantine(self, healed):
        assert healed.settled.version == healed.platform.registry.champion() == healed.after
        assert healed.platform.registry.version(healed.before.name).quarantine == "rolled back from: too high"

    def test_is_told_in_one_sentence(self, healed):
        (sentence,) = healed.settled.repairs
        assert f"from {healed.before.name} to {healed.after.name}" in sentence

    def test_is_completed_once(self, healed):
        assert settle(healed.platform) == SettledChampion(healed.after)
        assert len(moves_of(healed.platform)) == 2
        assert intents_of(healed.platform) == 0

    def test_is_followed_by_a_move_that_chains(self, healed):
        champion = settle(healed.platform).version
        move(healed.platform, healed.before, champion)
        assert [(row.number, row.from_version) for row in moves_of(healed.platform)] == [
            (1, None),
            (2, healed.before.name),
            (3, healed.after.name),
        ]


class TestFirstMoveKilled:
    def test_is_completed_with_its_effective_date(self, new_local_platform, model):
        platform = new_local_platform()
        version = log_version(platform, model)
        kill_in("move_champion", platform, version, None, cause="first")
        assert settle(platform).version == version
        assert [(row.from_version, row.effective_date) for row in moves_of(platform)] == [(None, EFFECTIVE)]


class TestMoveKilledBeforeThePointer:
    """The champion is marked for a rollback that did not happen."""

    @pytest.fixture(scope="class")
    @classmethod
    def healed(cls, new_local_platform: Callable[[], Platform], model: IntentModel) -> Healed:
        platform, one, two, _ = with_two_versions(new_local_platform(), model)
        kill_in("set_quarantine", platform, two, one, cause="rollback", quarantine_reason="rolled back from: too high")
        return Healed(platform, one, two, settle(platform))

    def test_leaves_the_champion_without_a_mark(self, healed):
        assert healed.platform.registry.version(healed.before.name).quarantine is None
        assert healed.settled.version == healed.before

    def test_leaves_the_ledger(self, healed):
        assert len(moves_of(healed.platform)) == 1

    def test_is_told_in_one_sentence(self, healed):
        (sentence,) = healed.settled.repairs
        assert f"{healed.before.name} was marked as quarantined" in sentence


class TestPointerMovedByHand:
    def test_is_written_as_a_move_of_today(self, new_local_platform, model):
        platform, one, two, _ = with_two_versions(new_local_platform(), model)
        platform.registry.move_champion(two, one)
        settle(platform)
        assert [(row.cause, row.reason) for row in moves_of(platform)][1:] == [
            ("repair", "the pointer was moved outside the platform")
        ]


class TestLostPointer:
    """The registry names no champion, and the ledger does."""

    def test_returns_to_the_version_of_the_last_move(self, new_local_platform, model):
        platform = new_local_platform()
        one, two = log_version(platform, model), log_version(platform, model)
        move(platform, one, None, "first")
        move(platform, two, one)
        assert isinstance(platform.registry, MlflowRegistry)
        with platform.registry._store.locked() as client:
            client.delete_registered_model_alias(MODEL_NAME, "champion")
        assert settle(platform).version == platform.registry.champion() == two
        assert len(moves_of(platform)) == 2


class TestRefusedMove:
    def test_leaves_nothing_to_settle(self, new_local_platform, model, monkeypatch):
        platform, one, two, _ = with_two_versions(new_local_platform(), model)

        def unfit(self, version):
            raise VersionUnfit("it is broken")

        monkeypatch.setattr(type(platform.registry), "scoring_model", unfit)
        with pytest.raises(VersionUnfit):
            move(platform, two, one)
        assert settle(platform) == SettledChampion(one)
        assert intents_of(platform) == 0


class TestSettledPlatform:
    def test_may_have_no_champion(self, new_local_platform):
        assert settle(new_local_platform()) == SettledChampion(None)

    def test_knows_its_champion(self, new_local_platform, model):
        platform, one, two, _ = with_two_versions(new_local_platform(), model)
        with platform.warehouse.connect() as connection:
            ledger = read_ledger(connection)
        assert is_settled(one, ledger)
        assert not is_settled(two, ledger)
        assert not is_settled(None, ledger)
