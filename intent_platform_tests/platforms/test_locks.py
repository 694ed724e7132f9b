"""Locks of an account: runs wait for them, also for those of a run that has died."""

from collections.abc import Callable

import pytest

from intent_platform.errors import WarehouseError
from intent_platform.platforms import platform_for
from intent_platform.platforms.ports import Platform
from intent_platform.settings import Settings
from intent_platform_tests.builders.scored_day import replace_scores, scored_uids
from intent_platform_tests.snowflake_emulator import Fault
from intent_platform_tests.snowflake_emulator.locks import accelerated


@pytest.fixture(scope="module")
def account(new_snowflake_settings: Callable[[], Settings]) -> Platform:
    """An account without versions. The tests replace whole days."""
    return platform_for(new_snowflake_settings())


class TestVanishedClient:
    """A run dies in its transaction. Snowflake keeps the locks of the transaction."""

    @pytest.fixture
    def vanished(self, account, emulator) -> None:
        replace_scores(account, "before")
        emulator.inject(Fault.DETACHED, matching="INSERT INTO SCORES")
        with pytest.raises(WarehouseError, match="run it again"):
            replace_scores(account, "lost")

    @pytest.mark.usefixtures("vanished")
    def test_lets_the_next_run_wait_and_succeed(self, account, emulator, monkeypatch):
        monkeypatch.setattr(emulator.transactions.locks, "clock", accelerated(60))
        replace_scores(account, "after")
        assert scored_uids(account) == ["after"]

    @pytest.mark.usefixtures("vanished")
    def test_fails_one_that_does_not_wait_with_what_to_do(self, account, emulator, monkeypatch):
        with (
            account.warehouse.connect(timeout_seconds=1) as connection,
            pytest.raises(WarehouseError, match="wait until the other run ends"),
        ):
            connection.execute("DELETE FROM SCORES WHERE UID = ''")
        assert scored_uids(account) == ["before"]
        monkeypatch.setattr(emulator.transactions.locks, "clock", accelerated(10_000))
        replace_scores(account, "after")


class TestLock:
    @pytest.mark.parametrize(("asked", "seconds"), [(None, 330), (5, 5)], ids=["of a run", "of a sensor"])
    def test_is_waited_for(self, account, asked, seconds):
        """A run waits until Snowflake has rolled back the transaction of a vanished client."""
        with account.warehouse.connect(timeout_seconds=asked) as connection:
            [limit] = connection.fetch("SHOW PARAMETERS LIKE 'LOCK_TIMEOUT' IN SESSION").to_pylist()
        assert limit["value"] == str(seconds)
