"""The emulated account, through the real clients: its rules, and errors for statements that it does not know."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
import requests
import snowflake.connector
from snowflake.connector.errors import ProgrammingError

from intent_platform_tests.snowflake_emulator.conftest import connected
from intent_platform_tests.snowflake_emulator.reader import Reader
from intent_platform_tests.snowflake_emulator.server import RunningEmulator
from intent_platform_tests.snowflake_emulator.state import State


@pytest.fixture(scope="module")
def shared_cursor(emulator: RunningEmulator) -> Iterator[Any]:
    """For statements that change nothing."""
    with connected(emulator) as connection:
        yield connection.cursor()


def rows(cursor: Any, sql: str) -> list[Any]:
    return list(cursor.execute(sql).fetchall())


class TestUnknownSql:
    @pytest.mark.parametrize(
        "sql",
        [
            "CREATE DYNAMIC TABLE D AS SELECT 1",
            "SELECT SYSTEM$DO_SOMETHING()",
            "ALTER SESSION SET MADE_UP = 1",
            "ALTER MODEL M FROBNICATE",
            "CREATE TASK T SCHEDULE = '5 MINUTES' AS SELECT 1",
            "CREATE TASK T SCHEDULE = 'USING CRON 0 5 * * * UTC' MADE_UP = 1 AS SELECT 1",
            "UNDROP TABLE T",
            "TRUNCATE TABLE T",
            "SHOW TABLES",
            "MERGE INTO T USING U ON T.A = U.A WHEN MATCHED THEN DELETE",
            "CREATE MODEL MONITOR W WITH MODEL = M VERSION = 'V1' SOURCE = T",
            "CREATE STAGE S ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')",
            "CREATE WAREHOUSE W MAX_CLUSTER_COUNT = 3",
            "ALTER USER SOMEBODY SET DISABLED = TRUE",
            "SELECT * FROM TABLE(MADE_UP())",
        ],
    )
    def test_is_an_error(self, shared_cursor: Any, sql: str) -> None:
        with pytest.raises(ProgrammingError):
            shared_cursor.execute(sql)

    @pytest.mark.parametrize(
        "sql",
        [
            *("USE ROLE PUBLIC", "USE WAREHOUSE W", "SHOW WAREHOUSES", "SHOW GRANTS", "SHOW TASKS"),
            *("SHOW MODELS", "SHOW PARAMETERS", "BEGIN", "COMMIT", "ROLLBACK"),
            *("CREATE STAGE S1", "CREATE ROLE R1", "CREATE WAREHOUSE W1", "CREATE EVENT TABLE E1"),
            *(
                "ALTER SESSION SET QUERY_TAG = 'x'",
                "ALTER SESSION UNSET QUERY_TAG",
                "ALTER DATABASE D SET LOG_LEVEL = INFO",
            ),
            *("DROP STAGE IF EXISTS S1", "DROP MODEL IF EXISTS M", "DROP TASK IF EXISTS T", "LIST @~"),
        ],
    )
    def test_at_the_end_of_a_statement_is_an_error(self, shared_cursor: Any, sql: str) -> None:
        with pytest.raises(ProgrammingError):
            shared_cursor.execute(f"{sql} FROBNICATE 'x'")


class TestTransaction:
    def test_is_committed_by_ddl(self, cursor: Any) -> None:
        cursor.execute("CREATE TABLE T (A INT)")
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO T VALUES (1)")
        cursor.execute("CREATE STAGE S")
        cursor.execute("ROLLBACK")
        assert rows(cursor, "SELECT A FROM T") == [(1,)]

    def test_is_undone_by_a_rollback(self, cursor: Any) -> None:
        cursor.execute("CREATE TABLE T (A INT)")
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO T VALUES (1)")
        cursor.execute("ROLLBACK")
        assert rows(cursor, "SELECT A FROM T") == []


class TestTable:
    def test_may_declare_a_key_a_cluster_and_comments(self, cursor: Any) -> None:
        cursor.execute("CREATE TABLE T (A INT PRIMARY KEY COMMENT 'it''s a key') CLUSTER BY (A) COMMENT = 'one''s own'")
        cursor.execute("INSERT INTO T VALUES (1)")
        assert rows(cursor, "SELECT A FROM T") == [(1,)]


class TestTemporaryTable:
    def test_is_hidden_from_other_sessions(self, connection: Any, emulator: RunningEmulator) -> None:
        place = f"{connection.database}.{connection.schema}.MINE"
        cursor = connection.cursor()
        cursor.execute("CREATE TEMPORARY TABLE MINE (A INT)")
        cursor.execute("INSERT INTO MINE VALUES (1)")
        assert rows(cursor, "SELECT A FROM MINE") == [(1,)]
        with (
            snowflake.connector.connect(
                **emulator.connection_parameters, database=connection.database, warehouse="COMPUTE_WH"
            ) as other,
            pytest.raises(ProgrammingError, match="MINE"),
        ):
            other.cursor().execute(f"SELECT A FROM {place}")


class TestError:
    @pytest.mark.parametrize(
        ("sql", "errno"),
        [
            ("SELECT * FROM NOWHERE", 2003),
            ("DROP STAGE NOWHERE", 2003),
            ("ALTER MODEL NOWHERE SET DEFAULT_VERSION = V", 2003),
            ("CALL NOWHERE()", 2141),
            ("USE ROLE NOBODY", 2043),
        ],
    )
    def test_has_snowflakes_number(self, shared_cursor: Any, sql: str, errno: int) -> None:
        with pytest.raises(ProgrammingError) as caught:
            shared_cursor.execute(sql)
        assert caught.value.errno == errno


class TestQuery:
    def test_keeps_a_null_timestamp(self, shared_cursor: Any) -> None:
        assert rows(shared_cursor, "SELECT NULL::TIMESTAMP_NTZ") == [(None,)]

    def test_is_listed_in_the_history_by_its_tag(self, cursor: Any) -> None:
        cursor.execute("ALTER SESSION SET QUERY_TAG = 'mine'")
        cursor.execute("SELECT 'counted'")
        counted = rows(
            cursor,
            "SELECT COUNT(*) FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY()) "
            "WHERE QUERY_TAG = 'mine' AND QUERY_TEXT = 'SELECT ''counted'''",
        )
        assert counted == [(1,)]

    def test_returns_the_frame_that_was_written(self, snowpark: Any) -> None:
        frame = pd.DataFrame({"A": [1, 2], "B": ["x", None], "C": [0.5, 1.5]})
        snowpark.write_pandas(frame, "FRAME", auto_create_table=True)
        back = snowpark.table("FRAME").order_by("A").to_pandas()
        assert back["B"].tolist() == ["x", None]
        assert back["C"].tolist() == [0.5, 1.5]
        assert snowpark.table("FRAME").filter("A = 2").count() == 1


class TestProcedure:
    HEAD = (
        "RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11' PACKAGES = ('snowflake-snowpark-python') "
        "HANDLER = 'run' AS"
    )

    def test_runs_with_a_session_of_its_own(self, snowpark: Any, cursor: Any) -> None:
        cursor.execute(
            f"CREATE PROCEDURE ADD_UP(A INT, B INT DEFAULT 2) {self.HEAD} $$\n"
            "def run(session, a, b):\n    return session.sql(f'SELECT {a} + {b}').collect()[0][0]\n$$"
        )
        assert snowpark.call("ADD_UP", 3) == "5"

    def test_fails_with_the_error_of_its_code(self, cursor: Any) -> None:
        cursor.execute(f"CREATE PROCEDURE STUMBLE() {self.HEAD} $$\ndef run(session):\n    raise ValueError('no')\n$$")
        with pytest.raises(ProgrammingError, match="ValueError: no"):
            cursor.execute("CALL STUMBLE()")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ("PACKAGES = ('no-such-package')", "Packages not found: - no-such-package"),
            ("PACKAGES = ('numpy==2.4.6')", "Packages not found: - numpy==2.4.6"),
            ("ARTIFACT_REPOSITORY = NOWHERE PACKAGES = ('numpy')", "'NOWHERE' does not exist"),
        ],
        ids=["unknown package", "package that the channel lacks", "unknown repository"],
    )
    def test_needs_its_packages(self, cursor: Any, options: str, message: str) -> None:
        with pytest.raises(ProgrammingError, match=message):
            cursor.execute(
                f"CREATE PROCEDURE LACKING() RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11' {options} "
                "HANDLER = 'run' AS $$\ndef run(session):\n    return ''\n$$"
            )


class TestSchema:
    def test_takes_its_tasks_with_it(self, cursor: Any, emulator: RunningEmulator) -> None:
        cursor.execute("CREATE SCHEMA PASSING")
        cursor.execute("CREATE TASK PASSING.T WAREHOUSE = COMPUTE_WH SCHEDULE = 'USING CRON 0 5 * * * UTC' AS SELECT 1")
        assert "MLSYSTEM_DEV.PASSING.T" in emulator.state.of("tasks")
        cursor.execute("DROP SCHEMA PASSING")
        assert "MLSYSTEM_DEV.PASSING.T" not in emulator.state.of("tasks")


class TestState:
    GRANT = "SELECT ON TABLE T TO ROLE R"

    @pytest.fixture
    def state(self, tmp_path: Any) -> State:
        """An account with one grant."""
        state = State(tmp_path / "account.json")
        with state.changing("grants") as grants:
            grants[self.GRANT] = {}
        return state

    def test_survives_a_restart(self, state: State, tmp_path: Any) -> None:
        assert list(State(tmp_path / "account.json").of("grants")) == [self.GRANT]

    def test_survives_a_change_that_fails_halfway(self, state: State, tmp_path: Any) -> None:
        def fail_halfway() -> None:
            with state.changing("grants") as grants:
                grants.clear()
                raise RuntimeError("halfway")

        with pytest.raises(RuntimeError, match="halfway"):
            fail_halfway()
        assert list(state.of("grants")) == [self.GRANT]
        assert list(State(tmp_path / "account.json").of("grants")) == [self.GRANT]


class TestReader:
    def test_reads_a_statement_by_its_tokens(self) -> None:
        reader = Reader("put 'file:///a b' @DB.S.\"st\"/x/y.parquet AUTO_COMPRESS = FALSE; ")
        reader.expect("PUT")
        assert (reader.location(), reader.location()) == ("file:///a b", '@DB.S."st"/x/y.parquet')
        assert reader.options() == {"AUTO_COMPRESS": "FALSE"}
        assert reader.done


class TestRepeatedRequest:
    """The connector repeats a request that takes longer than a minute."""

    def test_runs_its_statement_once(self, cursor, connection):
        cursor.execute("CREATE TABLE COUNTED (N INTEGER)")
        url = f"http://{connection.host}:{connection.port}/queries/v1/query-request"
        answers = [
            requests.post(
                url,
                params={"requestId": "the same"},
                headers={"Authorization": f'Snowflake Token="{connection.rest.token}"'},
                json={"sqlText": "INSERT INTO COUNTED VALUES (1)", "sequenceId": 1},
                timeout=60,
            ).json()
            for _ in range(2)
        ]
        assert answers[0]["success"]
        assert answers[0] == answers[1]
        assert rows(cursor, "SELECT COUNT(*) FROM COUNTED") == [(1,)]
