"""Model monitors on the emulated account: what the documentation demands, and what it says of invalid rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from catboost import CatBoostClassifier
from snowflake.connector.errors import ProgrammingError

from intent_platform_tests.snowflake_emulator.conftest import connected, snowpark_session
from intent_platform_tests.snowflake_emulator.server import RunningEmulator

COLUMNS = {"ID": "VARCHAR", "SEEN": "TIMESTAMP_NTZ", "SCORE": "NUMBER(10, 9)", "BOUGHT": "NUMBER(1, 0)", "A": "DOUBLE"}
ROW = "SELECT 'one', CAST('2024-05-01' AS TIMESTAMP_NTZ), 0.5, 1, 0.1"
PROPERTIES = {
    "MODEL": "M",
    "VERSION": "'V1'",
    "FUNCTION": "'predict_proba'",
    "SOURCE": "SCORED",
    "WAREHOUSE": "COMPUTE_WH",
    "REFRESH_INTERVAL": "'1 day'",
    "AGGREGATION_WINDOW": "'1 day'",
    "TIMESTAMP_COLUMN": "SEEN",
    "ID_COLUMNS": "('ID')",
    "PREDICTION_SCORE_COLUMNS": "('SCORE')",
    "ACTUAL_CLASS_COLUMNS": "('BOUGHT')",
}


def statement(name: str, **changed: str | None) -> str:
    """The statement that creates a monitor of V1, with some properties changed or left out."""
    given = {**PROPERTIES, **changed}
    written = " ".join(f"{key} = {value}" for key, value in given.items() if value is not None)
    return f"CREATE MODEL MONITOR {name} WITH {written}"


@pytest.fixture(scope="module")
def cursor(emulator: RunningEmulator) -> Iterator[Any]:
    """A schema with the model M, whose versions are V1 and V2, and with the scored rows."""
    from snowflake.ml.registry import Registry

    frame = pd.DataFrame({"A": np.linspace(0, 1, 50), "B": np.linspace(1, 0, 50)})
    fitted = CatBoostClassifier(iterations=2, depth=1, verbose=0, allow_writing_files=False)
    fitted.fit(frame, frame["A"] > 0.5)
    with connected(emulator) as connection, snowpark_session(connection) as snowpark:
        Registry(snowpark, database_name="MLSYSTEM_DEV", schema_name=snowpark.get_current_schema()).log_model(
            fitted,
            model_name="M",
            version_name="V1",
            sample_input_data=frame.head(2),
            target_platforms=["WAREHOUSE"],
            options={"relax_version": False, "enable_explainability": False},
        )
        made = connection.cursor()
        made.execute("ALTER MODEL M ADD VERSION V2 FROM 'snow://model/M/versions/V1/'")
        made.execute(f"CREATE TABLE SCORED ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})")
        made.execute(f"INSERT INTO SCORED {ROW}")
        made.execute("CREATE TABLE OTHER AS SELECT ID, SEEN, SCORE FROM SCORED")
        yield made


def state(cursor: Any, name: str) -> str:
    cursor.execute(f"SHOW MODEL MONITORS LIKE '{name}' IN SCHEMA")
    columns = [column.name for column in cursor.description]
    [row] = [dict(zip(columns, found, strict=True)) for found in cursor.fetchall()]
    return str(row["monitor_state"])


class TestMonitor:
    @pytest.fixture(autouse=True)
    def _dropped(self, cursor: Any) -> Iterator[None]:
        yield
        cursor.execute("DROP MODEL MONITOR IF EXISTS WATCH")

    def test_can_be_suspended_and_resumed(self, cursor: Any) -> None:
        cursor.execute(statement("WATCH", BASELINE="SCORED"))
        assert state(cursor, "WATCH") == "ACTIVE"
        for action, expected in (("SUSPEND", "SUSPENDED"), ("RESUME", "ACTIVE")):
            cursor.execute(f"ALTER MODEL MONITOR WATCH {action}")
            assert state(cursor, "WATCH") == expected

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"MODEL": "N"}, "'.*N' does not exist"),
            ({"VERSION": "'V9'"}, "V9' does not exist"),
            ({"FUNCTION": "'explain'"}, "explain' does not exist"),
            ({"SOURCE": "NOWHERE"}, "NOWHERE' does not exist"),
            ({"BASELINE": "NOWHERE"}, "NOWHERE' does not exist"),
            ({"BASELINE": "OTHER"}, "different columns"),
            ({"WAREHOUSE": "NOWHERE"}, "NOWHERE' does not exist"),
            ({"WAREHOUSE": None}, r"missing properties \['WAREHOUSE'\]"),
            ({"COLOUR": "'red'"}, r"unknown properties \['COLOUR'\]"),
            ({"REFRESH_INTERVAL": "'59 seconds'"}, "at least 60 seconds"),
            ({"AGGREGATION_WINDOW": "'24 hours'"}, "number of days"),
            ({"TIMESTAMP_COLUMN": "A"}, "type TIMESTAMP_NTZ"),
            ({"PREDICTION_SCORE_COLUMNS": "('A')"}, "A must have the type NUMBER"),
            ({"ACTUAL_CLASS_COLUMNS": "('A')"}, "A must have the type NUMBER"),
            ({"PREDICTION_SCORE_COLUMNS": None}, "needs a prediction"),
            ({"ACTUAL_SCORE_COLUMNS": "('A')"}, "actuals are classes"),
            ({"ID_COLUMNS": "('SCORE')"}, "used once"),
            ({"ID_COLUMNS": "('NOBODY')"}, "invalid identifier 'NOBODY'"),
            ({"SEGMENT_COLUMNS": "('A')"}, "of type STRING"),
        ],
    )
    def test_is_refused(self, cursor: Any, changed: dict[str, str | None], reason: str) -> None:
        with pytest.raises(ProgrammingError, match=reason):
            cursor.execute(statement("WATCH", **changed))
        cursor.execute("SHOW MODEL MONITORS IN SCHEMA")
        assert cursor.fetchall() == []

    def test_is_the_only_one_of_its_version(self, cursor: Any) -> None:
        cursor.execute(statement("WATCH"))
        with pytest.raises(ProgrammingError, match="already has a model monitor"):
            cursor.execute(statement("ANOTHER"))
        cursor.execute(statement("ANOTHER", VERSION="'V2'"))
        cursor.execute("DROP MODEL MONITOR ANOTHER")

    def test_is_one_of_250_in_the_account(self, cursor: Any, emulator: RunningEmulator) -> None:
        existing: dict[str, Any] = {f"D.S.M{number}": {"model": {}} for number in range(250)}
        with emulator.state.changing("monitors") as monitors:
            monitors.update(existing)
        try:
            with pytest.raises(ProgrammingError, match="250 model monitors already"):
                cursor.execute(statement("WATCH"))
        finally:
            with emulator.state.changing("monitors") as monitors:
                for key in existing:
                    del monitors[key]

    @pytest.mark.parametrize("column", ["SCORE", "BOUGHT", "A", "SEEN"])
    def test_is_suspended_by_a_null(self, cursor: Any, column: str) -> None:
        chosen = ", ".join("NULL" if name == column else name for name in COLUMNS)
        cursor.execute(f"INSERT INTO SCORED SELECT {chosen} FROM SCORED")
        cursor.execute(statement("WATCH"))
        assert state(cursor, "WATCH") == "SUSPENDED"
        cursor.execute(f"DELETE FROM SCORED WHERE {column} IS NULL")
        cursor.execute("ALTER MODEL MONITOR WATCH RESUME")
        assert state(cursor, "WATCH") == "ACTIVE"

    def test_is_suspended_by_a_score_above_one(self, cursor: Any) -> None:
        cursor.execute(f"INSERT INTO SCORED {ROW.replace('0.5', '1.5')}")
        cursor.execute(statement("WATCH"))
        assert state(cursor, "WATCH") == "SUSPENDED"
        cursor.execute("DELETE FROM SCORED WHERE SCORE > 1")
