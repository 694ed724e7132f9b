"""What Snowflake refuses, with its error numbers, each beside the right statement."""

from collections.abc import Iterator
from typing import Any

import pytest
import snowflake.connector
from snowflake.connector.errors import DatabaseError, ProgrammingError

from intent_platform_tests.snowflake_emulator.conftest import connected
from intent_platform_tests.snowflake_emulator.server import RunningEmulator

_PROCEDURE = "CREATE OR REPLACE PROCEDURE P() RETURNS VARCHAR LANGUAGE PYTHON"
_OPTIONS = "RUNTIME_VERSION = '3.11' PACKAGES = ('snowflake-snowpark-python') HANDLER = 'run'"
_BODY = "AS $$\ndef run(session):\n    return ''\n$$"
_CRON = "SCHEDULE = 'USING CRON 0 5 * * 1-5 Asia/Tokyo'"
_TASK = "CREATE OR REPLACE TASK K WAREHOUSE = COMPUTE_WH"

#: By number: the statement that Snowflake refuses, and the one that it takes.
REFUSALS = [
    (2043, "USE WAREHOUSE NOWHERE", "USE WAREHOUSE COMPUTE_WH"),
    (1420, "CREATE WAREHOUSE W MAX_CLUSTER_COUNT = 3", "CREATE OR REPLACE WAREHOUSE W AUTO_SUSPEND = 60"),
    (1420, f"{_PROCEDURE} {_OPTIONS} FROBNICATE = 'x' {_BODY}", f"{_PROCEDURE} {_OPTIONS} COMMENT = 'x' {_BODY}"),
    (
        1422,
        f"{_PROCEDURE} {_OPTIONS.replace('3.11', '2.7')} {_BODY}",
        f"{_PROCEDURE} {_OPTIONS} EXECUTE AS CALLER {_BODY}",
    ),
    (391546, f"{_PROCEDURE} {_OPTIONS.replace('snowflake-snowpark-python', 'numpy')} {_BODY}", "CALL P()"),
    (1003, f"{_PROCEDURE} HANDLER = 'run' {_OPTIONS} {_BODY}", f"{_PROCEDURE} {_OPTIONS} {_BODY}"),
    (1003, f"{_PROCEDURE} EXECUTE AS CALLER {_OPTIONS} {_BODY}", f"{_PROCEDURE} {_OPTIONS} {_BODY}"),
    (1003, f"{_PROCEDURE} RUNTIME_VERSION = '3.11' HANDLER = 'run' {_BODY}", f"{_PROCEDURE} {_OPTIONS} {_BODY}"),
    (1008, f"{_TASK} SCHEDULE = 'USING CRON 99 99 * * * UTC' AS SELECT 1", f"{_TASK} {_CRON} AS SELECT 1"),
    (1008, f"{_TASK} SCHEDULE = 'USING CRON 0 5 * * * Asia/Nowhere' AS SELECT 1", f"{_TASK} {_CRON} AS SELECT 1"),
    (1420, f"{_TASK} {_CRON} FROBNICATE = 1 AS SELECT 1", f"{_TASK} {_CRON} COMMENT = '1' AS SELECT 1"),
    (2043, f"CREATE TASK L WAREHOUSE = NOWHERE {_CRON} AS SELECT 1", f"{_TASK} {_CRON} AS CALL NOT_YET()"),
    (1008, f"{_TASK} {_CRON} QUERY_TAG = '{'t' * 2001}' AS SELECT 1", f"{_TASK} {_CRON} QUERY_TAG = 't' AS SELECT 1"),
    (
        1008,
        f"ALTER SESSION SET QUERY_TAG = '{'t' * 2001}'",
        f"ALTER SESSION SET QUERY_TAG = '{'t' * 2000}'",
    ),
    (1008, "ALTER SESSION SET LOCK_TIMEOUT = 'abc'", "ALTER SESSION SET LOCK_TIMEOUT = 330"),
    (1008, "ALTER SESSION SET TIMEZONE = 'Nowhere/Land'", "ALTER SESSION SET TIMEZONE = 'Asia/Tokyo'"),
    (1008, "ALTER SESSION SET LOG_LEVEL = LOUD", "ALTER SESSION SET LOG_LEVEL = INFO"),
    (1008, "ALTER DATABASE MLSYSTEM_DEV SET LOG_LEVEL = LOUD", "ALTER DATABASE MLSYSTEM_DEV SET LOG_LEVEL = OFF"),
    (2003, "ALTER DATABASE NOWHERE SET LOG_LEVEL = INFO", "ALTER DATABASE MLSYSTEM_DEV SET LOG_LEVEL = OFF"),
    (100051, "SELECT 1 / 0", "SELECT 1 / 2"),
    (100051, "SELECT A / (A - 1) FROM T", "SELECT IFF(A = 1, 0, A / (A - 1)) FROM T"),
    (100078, "INSERT INTO T VALUES (1, 'abcd', TRUE)", "INSERT INTO T VALUES (1, 'abc', TRUE)"),
    (100078, "UPDATE T SET B = 'abcd'", "UPDATE T SET B = 'abc'"),
    (100078, "SELECT CAST('abcd' AS VARCHAR(3))", "SELECT CAST('abc' AS VARCHAR(3))"),
    (100072, "INSERT INTO T VALUES (NULL, 'a', TRUE)", "INSERT INTO T VALUES (1, NULL, NULL)"),
    (1044, "SELECT SUM(C) FROM T", "SELECT SUM(A) FROM T"),
    (1044, "SELECT SUM(A > 1) FROM T", "SELECT SUM(IFF(A > 1, 1, 0)) FROM T"),
    (1003, "SELECT 1 AS ROWS", 'SELECT 1 AS "ROWS"'),
    (1003, "SELECT A FROM T AS ROW", "SELECT A FROM T AS R"),
    (1003, "CREATE TABLE U (ORDER INT)", "CREATE TABLE U (ORDERS INT)"),
]


@pytest.fixture(scope="module")
def cursor(emulator: RunningEmulator) -> Iterator[Any]:
    """A session with a table of one row."""
    with connected(emulator) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE T (A INT NOT NULL, B VARCHAR(3), C BOOLEAN)")
        cursor.execute("INSERT INTO T VALUES (1, 'abc', TRUE)")
        yield cursor


class TestStatement:
    @pytest.mark.parametrize(("errno", "wrong", "right"), REFUSALS, ids=lambda given: str(given)[:50])
    def test_is_refused_with_its_number(self, cursor: Any, errno: int, wrong: str, right: str) -> None:
        with pytest.raises(DatabaseError) as refused:
            cursor.execute(wrong)
        assert refused.value.errno == errno
        cursor.execute(right)


class TestLogin:
    #: By number: what is wrong in the login, the statement that is refused then, and one that is not.
    REFUSED_LATER = (
        (
            90105,
            {"database": "NOWHERE"},
            "SELECT * FROM SCORES",
            "SELECT * FROM MLSYSTEM_DEV.INFORMATION_SCHEMA.TABLES",
        ),
        (90105, {"database": "NOWHERE"}, "CREATE STAGE S", "SHOW DATABASES"),
        (90106, {"schema": "NOWHERE"}, "SELECT * FROM SCORES", "SELECT * FROM ONLINE_SHOPPERS_INTENTION.SCORES"),
        (90106, {"schema": "NOWHERE"}, "CREATE STAGE S", "SHOW SCHEMAS"),
        (606, {"warehouse": "NOWHERE"}, "SELECT * FROM SCORES", "SELECT 1"),
        (606, {"warehouse": "NOWHERE"}, "DELETE FROM SCORES WHERE UID = ''", "SHOW SCHEMAS"),
    )

    @pytest.mark.parametrize(("errno", "wrong", "needs_it", "needs_it_not"), REFUSED_LATER)
    def test_of_unknown_objects_succeeds(
        self, emulator: RunningEmulator, errno: int, wrong: dict[str, str], needs_it: str, needs_it_not: str
    ) -> None:
        right = {"database": "MLSYSTEM_DEV", "schema": "ONLINE_SHOPPERS_INTENTION", "warehouse": "COMPUTE_WH"}
        with snowflake.connector.connect(**emulator.connection_parameters, **right | wrong) as connection:
            cursor = connection.cursor()
            with pytest.raises(ProgrammingError) as refused:
                cursor.execute(needs_it)
            assert refused.value.errno == errno
            cursor.execute(needs_it_not)

    def test_with_a_wrong_parameter_fails(self, emulator: RunningEmulator) -> None:
        with pytest.raises(DatabaseError, match="LOCK_TIMEOUT"):
            snowflake.connector.connect(**emulator.connection_parameters, session_parameters={"LOCK_TIMEOUT": "abc"})


class TestAnswer:
    @pytest.mark.parametrize(("sql", "answer"), [("1 / 3", 0.333333), ("1 / 3::DOUBLE", 1 / 3), ("7.5 / 2", 3.75)])
    def test_of_a_division_has_six_more_decimals(self, cursor: Any, sql: str, answer: float) -> None:
        assert cursor.execute(f"SELECT {sql}").fetchall() == [(answer,)]

    def test_is_named_by_its_expression(self, cursor: Any) -> None:
        cursor.execute("SELECT 1 / 2, SUM(A) FROM T")
        assert [column.name for column in cursor.description] == ["1 / 2", "SUM(A)"]

    @pytest.mark.parametrize("sql", ["SELECT * FROM T", "SELECT A, B AS OTHER, C FROM T"])
    def test_says_which_columns_are_never_null(self, cursor: Any, sql: str) -> None:
        assert [column.is_nullable for column in cursor.describe(sql)] == [False, True, True]

    def test_of_show_parameters_has_the_documented_columns(self, cursor: Any) -> None:
        cursor.execute("SHOW PARAMETERS LIKE 'LOCK_TIMEOUT'")
        assert [column.name for column in cursor.description] == [
            *("key", "value", "default", "level", "description", "type")
        ]
