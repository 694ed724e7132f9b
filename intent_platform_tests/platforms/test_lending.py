"""One login serves many callers of a process: when a client is lent again, and when not."""

import gc
from queue import SimpleQueue
from threading import Thread, current_thread
from typing import Any

import fakesnow.server as fakesnow_server
import pyarrow as pa
import pytest

from intent_platform.errors import WarehouseError
from intent_platform.platforms.snowflake import connector as module
from intent_platform.platforms.snowflake.connection import SnowflakeConnection
from intent_platform.platforms.snowflake.connector import SnowflakeConnector


@pytest.fixture
def connector(snowflake_settings) -> SnowflakeConnector:
    return SnowflakeConnector(snowflake_settings("emulator"))


@pytest.fixture
def logins(emulator):
    """How many logins the account has accepted since the test began."""
    begun = emulator.logins_made
    return lambda: emulator.logins_made - begun


def ask(connection: SnowflakeConnection) -> None:
    assert connection.value("SELECT 1 AS ONE") == 1


def ask_once(connector: SnowflakeConnector) -> None:
    with connector.connect() as connection:
        ask(connection)


class TestOneLogin:
    def test_serves_callers_one_after_the_other(self, connector, logins):
        for _ in range(3):
            ask_once(connector)
        assert logins() == 1

    def test_does_not_serve_two_callers_at_once(self, connector, logins):
        with connector.connect() as one, connector.connect() as other, one.transaction():
            ask(other)
        assert logins() == 2

    def test_serves_no_caller_with_another_lock_timeout(self, connector, logins):
        ask_once(connector)
        with connector.connect(timeout_seconds=7) as connection:
            ask(connection)
        assert logins() == 2

    def test_ends_with_an_exception(self, connector, logins):
        with pytest.raises(WarehouseError), connector.connect() as connection:
            connection.execute("DELETE FROM NO_SUCH_TABLE")
        ask_once(connector)
        assert logins() == 2

    def test_ends_after_an_hour(self, connector, logins, monkeypatch):
        ask_once(connector)
        monkeypatch.setattr(module, "_LONGEST_LOGIN_SECONDS", 0)
        ask_once(connector)
        assert logins() == 2

    def test_is_checked_after_a_break(self, connector, logins, monkeypatch):
        monkeypatch.setattr(module, "_TRUSTED_SECONDS", 0)
        ask_once(connector)
        ask_once(connector)
        assert logins() == 1
        fakesnow_server.sessions.clear()
        ask_once(connector)
        assert logins() == 2

    def test_ends_with_its_connector(self, snowflake_settings, monkeypatch):
        """The garbage collector may run inside of a client's lock, so another thread closes."""
        connector = SnowflakeConnector(snowflake_settings("emulator"))
        closed = SimpleQueue[tuple[Any, Thread]]()
        with connector.connect() as connection:
            client = connection._client
        monkeypatch.setattr(type(client), "close", lambda self, **_: closed.put((self, current_thread())))
        del connector
        gc.collect()
        while (found := closed.get(timeout=60))[0] is not client:
            pass  # connectors of other tests are collected too
        assert found[1] is not current_thread()


class TestStagedRows:
    def test_are_not_seen_by_the_next_caller(self, connector):
        for number in (1, 2):
            with connector.connect() as connection:
                connection.stage("RECEIVED_NUMBERS", pa.table({"NUMBER": [number]}))
                connection.stage("RECEIVED_NUMBERS", pa.table({"NUMBER": [10 * number]}))
                found = connection.fetch("SELECT NUMBER FROM RECEIVED_NUMBERS ORDER BY NUMBER")
            assert found["NUMBER"].to_pylist() == [number, 10 * number]

    def test_may_begin_with_an_empty_batch(self, connector):
        numbers = pa.table({"NUMBER": pa.array([5], pa.int64())})
        with connector.connect() as connection:
            connection.stage("RECEIVED_NUMBERS", numbers.slice(0, 0))
            connection.stage("RECEIVED_NUMBERS", numbers)
            assert connection.value("SELECT SUM(NUMBER) AS TOTAL FROM RECEIVED_NUMBERS") == 5
