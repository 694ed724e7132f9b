"""The aliases of a registry: which versions they name after each change, and who sets them again after a kill."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from mlflow import MlflowClient

from intent_platform.modelling.model import IntentModel
from intent_platform.platforms import platform_for
from intent_platform.platforms.aliases import Aliases
from intent_platform.platforms.champion import SettledChampion, settle
from intent_platform.platforms.ports import Platform
from intent_platform.platforms.snowflake.aliases import alias_statements
from intent_platform.platforms.snowflake.connection import SnowflakeConnection
from intent_platform.platforms.versions import ModelVersion
from intent_platform_tests.platforms.conftest import log_version, move, moves_of
from intent_platform_tests.snowflake_emulator.faults import Fault

SET_AGAIN = "the aliases named other versions than the champion and the challenger: they were set again"


def aliases_of(platform: Platform) -> Aliases:
    return platform.registry.state().aliases


class TestAliases:
    """The changes of one registry, in order. Each test adds one."""

    @pytest.fixture(scope="class")
    @classmethod
    def changed(cls, new_platform: Callable[[], Platform], model: IntentModel) -> dict[str, Aliases]:
        """The aliases after each change, with the versions by the order in which they were logged."""
        platform = new_platform()
        named: dict[str, Aliases] = {}
        versions: list[ModelVersion] = []

        def note(change: str) -> None:
            places = {version.name: str(place) for place, version in enumerate(versions, start=1)}
            found = aliases_of(platform)
            named[change] = Aliases(places.get(found.champion or ""), places.get(found.challenger or ""))

        note("nothing")
        versions.append(log_version(platform, model))
        note("a first version")
        move(platform, versions[0], None, "first")
        note("a first champion")
        versions.append(log_version(platform, model))
        note("a challenger")
        versions.append(log_version(platform, model))
        note("a newer challenger")
        move(platform, versions[1], versions[0])
        note("a promotion of the older one")
        move(platform, versions[2], versions[1])
        note("a promotion of the newest one")
        move(platform, versions[0], versions[2], "rollback", quarantine_reason="too high")
        note("a rollback")
        platform.registry.set_quarantine(versions[2], None)
        note("a lifted quarantine")
        platform.registry.delete(versions[2])
        note("a deletion")
        return named

    @pytest.mark.parametrize(
        ("change", "champion", "challenger"),
        [
            ("nothing", None, None),
            ("a first version", None, "1"),
            ("a first champion", "1", None),
            ("a challenger", "1", "2"),
            ("a newer challenger", "1", "3"),
            ("a promotion of the older one", "2", "3"),
            ("a promotion of the newest one", "3", None),
            ("a rollback", "1", None),
            ("a lifted quarantine", "1", "3"),
            ("a deletion", "1", "2"),
        ],
    )
    def test_name_two_versions_after(self, changed, change, champion, challenger):
        assert changed[change] == Aliases(champion, challenger)


class Killed(BaseException):
    """Stands for SIGKILL."""


@contextmanager
def killed_at(kind: type, method: str, matching: str) -> Iterator[None]:
    """A kill instead of the first call of `method` with `matching` in its arguments."""
    complete = getattr(kind, method)

    def killed(self: Any, *arguments: Any, **named: Any) -> Any:
        if matching in str(arguments):
            raise Killed
        return complete(self, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, method, killed)
        with pytest.raises(Killed):
            yield


class TestKill:
    @pytest.fixture(params=["removed", "set"])
    def half(self, request, platform, target, log) -> tuple[Platform, ModelVersion]:
        """A platform whose promotion was killed before an alias was removed or set, and the version of the pointer."""
        one, two = log(), log()
        move(platform, one, None, "first")
        local = {
            "removed": ("delete_registered_model_alias", "challenger"),
            "set": ("set_registered_model_alias", "champion"),
        }
        remote = {"removed": ("execute", "CHALLENGER UNSET ALIAS"), "set": ("execute", "SET ALIAS = CHAMPION")}
        is_local = target == "local"
        with killed_at(
            MlflowClient if is_local else SnowflakeConnection, *(local if is_local else remote)[request.param]
        ):
            move(platform, two, one)
        return platform, one if is_local else two

    def test_of_a_move_is_mended_by_settle(self, half):
        platform, champion = half
        assert settle(platform).version == platform.registry.champion() == champion
        state = platform.registry.state()
        assert state.aliases == state.chosen
        assert state.aliases.champion == champion.name

    def test_of_a_logging_is_mended_without_a_row(self, platform, target, log, model):
        one, _ = log(), log()
        move(platform, one, None, "first")
        local = (MlflowClient, "set_registered_model_alias", "challenger")
        with killed_at(*(local if target == "local" else (SnowflakeConnection, "execute", "SET ALIAS = CHALLENGER"))):
            log_version(platform, model)
        newest = platform.registry.versions()[-1]
        assert settle(platform) == SettledChampion(one, (SET_AGAIN,))
        assert aliases_of(platform) == Aliases(one.name, newest.name)
        assert len(moves_of(platform)) == 1
        assert settle(platform) == SettledChampion(one)


class TestAliasOnSnowflake:
    @pytest.fixture
    def account(self, new_snowflake_settings) -> Platform:
        return platform_for(new_snowflake_settings())

    def test_that_is_refused_fails_no_move(self, account, model, emulator, caplog):
        one = log_version(account, model)
        emulator.inject(Fault.DENIED, matching="ALIAS")
        move(account, one, None, "first")
        assert account.registry.champion() == one
        assert len(moves_of(account)) == 1
        assert "the aliases of PURCHASE_INTENT may name other versions" in caplog.text
        assert settle(account) == SettledChampion(one, (SET_AGAIN,))

    def test_of_somebody_else_gives_way(self, account, model):
        """Somebody gave the newest version another alias."""
        one = log_version(account, model)
        with account.warehouse.connect() as connection:
            connection.execute(f"ALTER MODEL PURCHASE_INTENT VERSION {one.name} UNSET ALIAS")
            connection.execute(f"ALTER MODEL PURCHASE_INTENT VERSION {one.name} SET ALIAS = BEST")
        move(account, one, None, "first")
        assert aliases_of(account) == Aliases(one.name, None)

    def test_scores_like_the_name_of_its_version(self, account, model):
        one = log_version(account, model)
        move(account, one, None, "first")
        with account.warehouse.connect() as connection:
            score = "MODEL(PURCHASE_INTENT, {})!PREDICT_PROBA(0.5, 0.1, 0)['output_feature_1']::DOUBLE"
            by_alias, by_name = (connection.value(f"SELECT {score.format(v)}") for v in ("CHAMPION", one.name))
        assert by_alias == by_name


class TestStatements:
    @pytest.mark.parametrize(
        ("held", "chosen", "changes"),
        [
            ({"a": "CHAMPION"}, Aliases("a"), []),
            ({"a": "CHAMPION", "b": "CHALLENGER"}, Aliases("b"), ["CHAMPION -", "CHALLENGER -", "B CHAMPION"]),
            ({"b": "CHAMPION"}, Aliases("a", "b"), ["CHAMPION -", "A CHAMPION", "B CHALLENGER"]),
            ({"b": "CHAMPION"}, Aliases("a"), ["CHAMPION -", "A CHAMPION"]),
            ({"a": "CHALLENGER"}, Aliases(None, "b"), ["CHALLENGER -", "B CHALLENGER"]),
            ({"a": "BEST"}, Aliases("a"), ["A -", "A CHAMPION"]),
        ],
        ids=["none", "promotion", "force", "rollback", "logging", "alias of somebody else"],
    )
    def test_remove_an_alias_before_they_set_it(self, held, chosen, changes):
        statements = [
            statement.replace("ALTER MODEL PURCHASE_INTENT VERSION ", "")
            .replace("UNSET ALIAS", "-")
            .replace("SET ALIAS = ", "")
            for statement in alias_statements(held, chosen)
        ]
        assert statements == changes
