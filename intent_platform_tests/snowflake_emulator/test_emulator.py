"""The emulated account, through the real clients: its rules, and errors for statements that it does not know."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import snowflake.connector
from catboost import CatBoostClassifier
from snowflake.connector.errors import ProgrammingError

from intent_platform_tests.snowflake_emulator.reader import Reader


@pytest.fixture
def connection(snowflake_settings: Any, emulator: Any) -> Iterator[Any]:
    schema = snowflake_settings().snowflake.schema_
    with snowflake.connector.connect(
        **emulator.connection_parameters, database="MLSYSTEM_DEV", schema=schema
    ) as connected:
        yield connected


@pytest.fixture
def cursor(connection: Any) -> Any:
    return connection.cursor()


@pytest.fixture
def snowpark(connection: Any) -> Iterator[Any]:
    from snowflake.snowpark import Session

    session = Session.builder.configs({"connection": connection}).create()
    yield session
    session.close()


def rows(cursor: Any, sql: str) -> list[Any]:
    return list(cursor.execute(sql).fetchall())


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
        "MERGE INTO T USING U ON T.A = U.A WHEN MATCHED THEN DELETE",
        "CREATE MODEL MONITOR W WITH MODEL = M VERSION = 'V1' SOURCE = T",
        "CREATE STAGE S ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')",
        "CREATE WAREHOUSE W MAX_CLUSTER_COUNT = 3",
        "ALTER USER SOMEBODY SET DISABLED = TRUE",
        "SELECT * FROM TABLE(MADE_UP())",
    ],
)
def test_what_it_does_not_know_is_an_error(cursor: Any, sql: str) -> None:
    with pytest.raises(ProgrammingError):
        cursor.execute(sql)


@pytest.mark.parametrize(
    "sql",
    [
        *("USE ROLE PUBLIC", "USE WAREHOUSE W", "SHOW WAREHOUSES", "SHOW GRANTS", "SHOW TASKS", "SHOW PROCEDURES"),
        *("SHOW MODELS", "SHOW PARAMETERS", "BEGIN", "COMMIT", "ROLLBACK"),
        *("CREATE STAGE S1", "CREATE ROLE R1", "CREATE WAREHOUSE W1", "CREATE EVENT TABLE E1"),
        *(
            "ALTER SESSION SET QUERY_TAG = 'x'",
            "ALTER SESSION UNSET QUERY_TAG",
            "ALTER DATABASE D SET LOG_LEVEL = INFO",
        ),
        *("DROP STAGE IF EXISTS S1", "DROP MODEL IF EXISTS M", "DROP TASK IF EXISTS T", "LIST @~", "RM @~"),
    ],
)
def test_what_it_does_not_read_of_a_statement_is_an_error(cursor: Any, sql: str) -> None:
    with pytest.raises(ProgrammingError):
        cursor.execute(f"{sql} FROBNICATE 'x'")


def test_ddl_commits_the_open_transaction(cursor: Any) -> None:
    cursor.execute("CREATE TABLE T (A INT)")
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO T VALUES (1)")
    cursor.execute("CREATE STAGE S")
    cursor.execute("ROLLBACK")
    assert rows(cursor, "SELECT A FROM T") == [(1,)]


def test_a_rollback_takes_back_and_keys_are_not_enforced(cursor: Any) -> None:
    cursor.execute("CREATE TABLE T (A INT PRIMARY KEY COMMENT 'it''s a key') CLUSTER BY (A) COMMENT = 'one''s own'")
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO T VALUES (1)")
    cursor.execute("ROLLBACK")
    assert rows(cursor, "SELECT A FROM T") == []


def test_a_null_timestamp_stays_null(cursor: Any) -> None:
    assert rows(cursor, "SELECT NULL::TIMESTAMP_NTZ") == [(None,)]


def test_temporary_tables_end_with_their_session(connection: Any, emulator: Any) -> None:
    place = f"{connection.database}.{connection.schema}.MINE"
    cursor = connection.cursor()
    cursor.execute("CREATE TEMPORARY TABLE MINE (A INT)")
    cursor.execute("INSERT INTO MINE VALUES (1)")
    assert rows(cursor, "SELECT A FROM MINE") == [(1,)]
    with (
        snowflake.connector.connect(
            **emulator.connection_parameters, database=connection.database, schema=connection.schema
        ) as other,
        pytest.raises(ProgrammingError, match="MINE"),
    ):
        other.cursor().execute(f"SELECT A FROM {place}")


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
def test_errors_carry_snowflakes_numbers(cursor: Any, sql: str, errno: int) -> None:
    with pytest.raises(ProgrammingError) as caught:
        cursor.execute(sql)
    assert caught.value.errno == errno


def test_frames_go_in_and_come_out(snowpark: Any) -> None:
    frame = pd.DataFrame({"A": [1, 2], "B": ["x", None], "C": [0.5, 1.5]})
    snowpark.write_pandas(frame, "FRAME", auto_create_table=True)
    back = snowpark.table("FRAME").order_by("A").to_pandas()
    assert back["B"].tolist() == ["x", None]
    assert back["C"].tolist() == [0.5, 1.5]
    assert snowpark.table("FRAME").filter("A = 2").count() == 1


def test_a_procedure_that_snowpark_registers_runs_with_a_session_of_its_own(snowpark: Any, cursor: Any) -> None:
    cursor.execute(
        "CREATE PROCEDURE ADD_UP(A INT, B INT DEFAULT 2) RETURNS VARCHAR LANGUAGE PYTHON "
        "RUNTIME_VERSION = '3.11' PACKAGES = ('snowflake-snowpark-python') HANDLER = 'run' AS $$\n"
        "def run(session, a, b):\n    return session.sql(f'SELECT {a} + {b}').collect()[0][0]\n$$"
    )
    assert snowpark.call("ADD_UP", 3) == "5"
    cursor.execute(
        "CREATE PROCEDURE STUMBLE() RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11' "
        "PACKAGES = ('snowflake-snowpark-python') HANDLER = 'run' "
        "AS $$\ndef run(session):\n    raise ValueError('no')\n$$"
    )
    with pytest.raises(ProgrammingError, match="ValueError: no"):
        cursor.execute("CALL STUMBLE()")


def test_versions_follow_snowflakes_rules(snowpark: Any) -> None:
    from snowflake.ml.registry import Registry

    random = np.random.default_rng(0)
    frame = pd.DataFrame({"A": random.random(200), "B": random.random(200)})
    model = CatBoostClassifier(iterations=5, depth=2, verbose=0, allow_writing_files=False).fit(frame, frame["A"] > 0.5)
    registry = Registry(snowpark, database_name="MLSYSTEM_DEV", schema_name=snowpark.get_current_schema())
    for name in ("V1", "V2"):
        registry.log_model(
            model,
            model_name="M",
            version_name=name,
            sample_input_data=frame.head(2),
            target_platforms=["WAREHOUSE"],
            metrics={"pr_auc": 0.5},
            options={"relax_version": False, "enable_explainability": False},
        )
    logged = registry.get_model("M")
    assert logged.default.version_name == "V1"  # the first, unasked
    with pytest.raises(Exception, match="default"):
        logged.delete_version("V1")
    logged.version("V1").set_alias("best")
    logged.version("V2").set_alias("best")  # it moves
    assert logged.version("best").version_name == "V2"
    assert logged.version("V2").show_metrics() == {"pr_auc": 0.5}
    logged.default = "V2"
    logged.delete_version("V1")
    assert [version.version_name for version in logged.versions()] == ["V2"]
    scored = logged.version("V2").run(frame, function_name="predict_proba")
    np.testing.assert_allclose(scored.to_numpy(), model.predict_proba(frame))
    with pytest.raises(Exception, match="already exist"):
        registry.log_model(model, model_name="M", version_name="V2", sample_input_data=frame.head(2))


def test_what_is_in_a_schema_goes_with_it(cursor: Any, emulator: Any) -> None:
    cursor.execute("CREATE SCHEMA PASSING")
    cursor.execute("CREATE TASK PASSING.T WAREHOUSE = W SCHEDULE = 'USING CRON 0 5 * * * UTC' AS SELECT 1")
    assert "MLSYSTEM_DEV.PASSING.T" in emulator.state.of("tasks")
    cursor.execute("DROP SCHEMA PASSING")
    assert "MLSYSTEM_DEV.PASSING.T" not in emulator.state.of("tasks")


def test_what_was_paid_for_can_be_read_by_query_tag(cursor: Any) -> None:
    cursor.execute("ALTER SESSION SET QUERY_TAG = 'mine'")
    cursor.execute("SELECT 'counted'")
    counted = rows(
        cursor,
        "SELECT COUNT(*) FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY()) "
        "WHERE QUERY_TAG = 'mine' AND QUERY_TEXT = 'SELECT ''counted'''",
    )
    assert counted == [(1,)]


def test_a_restart_keeps_models_stages_and_grants(tmp_path: Any) -> None:
    from intent_platform_tests.snowflake_emulator.state import State

    state = State(tmp_path / "account.json")
    with state.changing("grants") as grants:
        grants["GRANT SELECT ON T TO ROLE R"] = {}
    stumbling = state.changing("grants")
    stumbling.__enter__().clear()
    assert not stumbling.__exit__(RuntimeError, RuntimeError("halfway"), None)
    assert list(State(tmp_path / "account.json").of("grants")) == ["GRANT SELECT ON T TO ROLE R"]


def test_a_statement_is_read_by_its_tokens() -> None:
    reader = Reader("put 'file:///a b' @DB.S.\"st\"/x/y.parquet AUTO_COMPRESS = FALSE; ")
    reader.expect("PUT")
    assert (reader.location(), reader.location()) == ("file:///a b", '@DB.S."st"/x/y.parquet')
    assert reader.options() == {"AUTO_COMPRESS": "FALSE"}
    assert reader.done
