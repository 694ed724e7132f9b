"""Transactions on the emulated account: failed statements, locks, and clients that vanish."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import snowflake.connector
from snowflake.connector.errors import DatabaseError, ProgrammingError

from intent_platform_tests.snowflake_emulator import Fault
from intent_platform_tests.snowflake_emulator.conftest import connected
from intent_platform_tests.snowflake_emulator.locks import accelerated
from intent_platform_tests.snowflake_emulator.server import RunningEmulator

Open = Callable[[], Any]
_SPEED = 200  # of the clock: five minutes pass in 1.5 seconds


@pytest.fixture
def open_cursor(emulator: RunningEmulator) -> Iterator[Open]:
    """Open sessions of a schema with the table T of one row."""
    with connected(emulator) as first:
        first.cursor().execute("CREATE TABLE T (A INT NOT NULL)")
        first.cursor().execute("INSERT INTO T VALUES (1)")
        place = {"database": first.database, "schema": first.schema, "warehouse": "COMPUTE_WH"}
        opened = []

        def open_another() -> Any:
            opened.append(snowflake.connector.connect(**emulator.connection_parameters, **place))
            return opened[-1].cursor()

        yield open_another
        for connection in opened:
            connection.close()


@pytest.fixture
def one(open_cursor: Open) -> Any:
    return open_cursor()


@pytest.fixture
def other(open_cursor: Open) -> Any:
    return open_cursor()


@pytest.fixture
def fast_clock(emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator.transactions.locks, "clock", accelerated(_SPEED))


def run(cursor: Any, *statements: str) -> None:
    for statement in statements:
        cursor.execute(statement)


def rows(cursor: Any) -> list[int]:
    return sorted(row for (row,) in cursor.execute("SELECT A FROM T").fetchall())


class TestTransaction:
    @pytest.mark.parametrize(
        "failing", ["SELECT 1 / 0", "INSERT INTO T VALUES (NULL)", "SELECT * FROM NOWHERE", "FROBNICATE"]
    )
    def test_survives_a_failed_statement(self, one: Any, other: Any, failing: str) -> None:
        run(one, "BEGIN", "INSERT INTO T VALUES (2)")
        with pytest.raises(DatabaseError):
            run(one, failing)
        run(one, "INSERT INTO T VALUES (3)", "COMMIT")
        assert rows(one) == rows(other) == [1, 2, 3]

    def test_names_its_tables_in_errors(self, one: Any) -> None:
        run(one, "BEGIN", "INSERT INTO T VALUES (2)")
        with pytest.raises(DatabaseError, match="DML operation to table T failed on column A with error: NULL"):
            run(one, "INSERT INTO T VALUES (NULL)")

    def test_sees_its_changes_before_others_do(self, one: Any, other: Any) -> None:
        run(one, "BEGIN", "INSERT INTO T VALUES (2)", "UPDATE T SET A = A + 10", "DELETE FROM T WHERE A = 11")
        assert (rows(one), rows(other)) == ([12], [1])
        run(one, "COMMIT")
        assert rows(other) == [12]

    def test_sees_what_others_commit_meanwhile(self, one: Any, other: Any) -> None:
        run(one, "BEGIN", "INSERT INTO T VALUES (2)")
        run(other, "INSERT INTO T VALUES (3)", "DELETE FROM T WHERE A = 1")
        assert rows(one) == [2, 3]
        run(one, "UPDATE T SET A = A + 10")
        run(other, "INSERT INTO T VALUES (4)")
        assert rows(one) == [4, 12, 13]
        run(one, "COMMIT")
        assert rows(other) == [4, 12, 13]

    def test_ends_with_its_session(self, open_cursor: Open, other: Any) -> None:
        cursor = open_cursor()
        run(cursor, "BEGIN", "DELETE FROM T")
        cursor.connection.close()
        run(other, "UPDATE T SET A = 5")
        assert rows(other) == [5]

    def test_begins_by_itself_without_autocommit(self, one: Any, other: Any) -> None:
        run(one, "ALTER SESSION SET AUTOCOMMIT = FALSE", "INSERT INTO T VALUES (2)")
        assert rows(other) == [1]
        run(one, "COMMIT")
        assert rows(other) == [1, 2]

    def test_keeps_names_of_common_tables(self, one: Any) -> None:
        run(one, "BEGIN", "INSERT INTO T VALUES (2)")
        counted = one.execute("WITH T AS (SELECT COUNT(*) AS A FROM T) SELECT T.A FROM T").fetchall()
        assert counted == [(2,)]


class TestLock:
    @pytest.mark.parametrize(
        "locking", ["UPDATE T SET A = A WHERE A = 0", "DELETE FROM T WHERE A = 0", "UPDATE T SET A = 1"]
    )
    @pytest.mark.parametrize("waiting", ["UPDATE T SET A = A + 1", "DELETE FROM T"])
    def test_lets_the_second_one_wait_for_the_commit(self, one: Any, other: Any, locking: str, waiting: str) -> None:
        run(one, "BEGIN", locking)
        with ThreadPoolExecutor() as threads:
            second = threads.submit(run, other, waiting)
            time.sleep(0.2)
            assert not second.done()
            run(one, "COMMIT")
            second.result()
        assert rows(one) == ([] if waiting.startswith("DELETE") else [2])

    def test_is_waited_for_until_its_timeout(self, one: Any, other: Any) -> None:
        run(one, "BEGIN", "UPDATE T SET A = A WHERE A = 0")
        run(other, "ALTER SESSION SET LOCK_TIMEOUT = 0")
        with pytest.raises(ProgrammingError) as refused:
            run(other, "DELETE FROM T")
        assert (refused.value.errno, refused.value.sqlstate) == (625, "57014")

    def test_lets_others_read_and_insert(self, one: Any, other: Any) -> None:
        run(one, "BEGIN", "DELETE FROM T")
        run(other, "INSERT INTO T VALUES (2)")
        assert rows(other) == [1, 2]
        run(one, "COMMIT")
        assert rows(other) == [2]

    def test_is_not_taken_by_inserts(self, one: Any, other: Any) -> None:
        run(one, "BEGIN", "INSERT INTO T VALUES (2)")
        run(other, "UPDATE T SET A = 9")
        run(one, "COMMIT")
        assert rows(one) == [2, 9]


class TestDetachedTransaction:
    @pytest.fixture
    def detached(self, one: Any, emulator: RunningEmulator) -> Any:
        """The session of a client that vanished after it deleted all rows."""
        run(one, "BEGIN", "DELETE FROM T")
        emulator.inject(Fault.DETACHED, matching="'the last statement'")
        with pytest.raises(snowflake.connector.errors.Error):
            run(one, "SELECT 'the last statement'")
        return one

    @pytest.mark.usefixtures("detached")
    def test_keeps_its_lock(self, other: Any) -> None:
        run(other, "ALTER SESSION SET LOCK_TIMEOUT = 0")
        with pytest.raises(ProgrammingError, match="lock has not yet been released"):
            run(other, "UPDATE T SET A = 2")

    @pytest.mark.usefixtures("detached", "fast_clock")
    def test_is_rolled_back_after_five_minutes(self, other: Any) -> None:
        run(other, "ALTER SESSION SET LOCK_TIMEOUT = 330", "UPDATE T SET A = A + 1")
        assert rows(other) == [2]

    @pytest.mark.usefixtures("fast_clock")
    def test_that_was_idle_and_aborted_says_so(self, one: Any, other: Any) -> None:
        run(one, "BEGIN", "DELETE FROM T")
        run(other, "ALTER SESSION SET LOCK_TIMEOUT = 330", "UPDATE T SET A = A + 1")
        with pytest.raises(ProgrammingError, match="aborted"):
            run(one, "COMMIT")
        assert rows(one) == [2]
