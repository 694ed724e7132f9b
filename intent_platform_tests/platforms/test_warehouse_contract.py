"""What every warehouse must do."""

from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from intent_platform.partitions import Window
from intent_platform.platforms.loading import replace_window
from intent_platform.platforms.ports import PREDICT_FUNCTION
from intent_platform.tables import SCORES, TABLES
from intent_platform_tests.platforms.conftest import FEATURES

MAY = Window(date(2024, 5, 1), date(2024, 6, 1))
SCORED = (
    "SELECT 'uid-' || :tag, :day, 'PURCHASE_INTENT', 'v_240501_100000', :score, :at "
    "FROM (SELECT 1) ONE WHERE :day >= :start AND :day < :end"
)
AT = datetime(2024, 5, 2, 8)  # noqa: DTZ001  wall clock


def put(connection, day: date, tag: str, score: float = 0.5, window: Window | None = None) -> int:
    window = window or Window(day, date.fromordinal(day.toordinal() + 1))
    return replace_window(connection, SCORES, window, SCORED, tag=tag, day=day, score=score, at=AT)


def scores(platform) -> list[tuple[Any, ...]]:
    with platform.warehouse.connect() as connection:
        rows = connection.fetch("SELECT UID, SESSION_DATE, SCORE FROM SCORES ORDER BY SESSION_DATE, UID").to_pylist()
    return [tuple(row.values()) for row in rows]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_is_there_from_the_first_session_on(platform, table):
    with platform.warehouse.connect() as connection:
        assert connection.fetch(f"SELECT * FROM {table.name}").column_names == table.column_names


def test_values_come_back_as_they_were_bound(platform):
    values = {"text": "it's; -- 'quoted' \\ :x", "number": 3, "real": 0.1, "day": date(2024, 2, 29), "at": AT}
    with platform.warehouse.connect() as connection:
        row = connection.fetch(
            "SELECT :text AS TEXT, :number AS NUMBER, :real AS REAL, :day AS DAY, :at AS AT, :nothing AS NOTHING, "
            "'b' IN (SELECT 'a' UNION ALL SELECT 'b') AND 'b' IN :several AS FOUND",
            **values,
            nothing=None,
            several=["a", "b"],
        ).to_pylist()[0]
    assert {key.lower(): value for key, value in row.items()} == {**values, "nothing": None, "found": True}


def test_a_forgotten_or_superfluous_value_is_an_error(platform):
    with platform.warehouse.connect() as connection:
        with pytest.raises(KeyError, match="day"):
            connection.fetch("SELECT :day AS DAY")
        with pytest.raises(KeyError, match="date"):
            connection.fetch("SELECT :day AS DAY", day=AT.date(), date=AT.date())


def test_replacing_a_window_leaves_the_other_days_and_a_rerun_changes_nothing(platform):
    with platform.warehouse.connect(writing=True) as connection:
        put(connection, date(2024, 5, 1), "a")
        put(connection, date(2024, 5, 2), "b")
        before = scores_in(connection)
        assert put(connection, date(2024, 5, 2), "b") == 1
        assert scores_in(connection) == before
        put(connection, date(2024, 5, 2), "c")
    assert [row[0] for row in scores(platform)] == ["uid-a", "uid-c"]


def test_an_error_in_a_transaction_leaves_everything_as_it_was(platform):
    with platform.warehouse.connect(writing=True) as connection:
        put(connection, date(2024, 5, 1), "a")
    before = scores(platform)
    with platform.warehouse.connect(writing=True) as connection:
        with pytest.raises(RuntimeError, match="halfway"):
            delete_and_stumble(connection)
        with pytest.raises(Exception, match="SCORE"):
            replace_window(connection, SCORES, MAY, SCORED, tag="b", day=MAY.start, score=None, at=AT)
    assert scores(platform) == before


def test_a_session_that_ends_in_an_error_is_closed(platform):
    with pytest.raises(RuntimeError, match="mine"), platform.warehouse.connect(writing=True):
        raise RuntimeError("mine")
    with platform.warehouse.connect(writing=True) as connection:
        put(connection, date(2024, 5, 1), "a")
    assert len(scores(platform)) == 1


def test_staged_batches_are_one_table_for_the_length_of_the_session(platform):
    with platform.warehouse.connect(writing=True) as connection:
        connection.stage("ARRIVED", pa.table({"N": [1, 2], "T": ["a", "b"]}))
        connection.stage("ARRIVED", pa.table({"N": [3], "T": ["c"]}))
        assert connection.fetch("SELECT SUM(N) AS TOTAL FROM ARRIVED")["TOTAL"][0].as_py() == 6
    with platform.warehouse.connect(writing=True) as connection:
        connection.stage("ARRIVED", pa.table({"OTHER": [True]}))
        assert connection.fetch("SELECT * FROM ARRIVED").to_pydict() == {"OTHER": [True]}


def test_the_model_scores_in_the_engine_as_it_does_in_memory(platform, model, log):
    scoring_model = [platform.registry.scoring_model(log()) for _ in range(2)]
    random = np.random.default_rng(1)
    rows = pa.table({name: random.random(5_000) for name in FEATURES}).append_column("N", pa.array(range(5_000)))
    with platform.warehouse.connect(writing=True) as connection:
        connection.stage("ROWS_TO_SCORE", rows)
        connection.use_model(scoring_model[0])
        scored = connection.fetch(
            f"SELECT {PREDICT_FUNCTION}({', '.join(FEATURES)}) AS SCORE FROM ROWS_TO_SCORE ORDER BY N"
        )
        connection.use_model(scoring_model[1])  # another version in the same session
        again = connection.fetch(f"SELECT AVG({PREDICT_FUNCTION}({', '.join(FEATURES)})) AS SCORE FROM ROWS_TO_SCORE")
    np.testing.assert_allclose(scored["SCORE"].to_numpy(), model.predict(rows), rtol=1e-12)
    assert again["SCORE"][0].as_py() == pytest.approx(model.predict(rows).mean())


def delete_and_stumble(connection) -> None:
    with connection.transaction():
        assert connection.execute("DELETE FROM SCORES WHERE SESSION_DATE >= :day", day=MAY.start) == 1
        raise RuntimeError("halfway")


def scores_in(connection) -> list[tuple[Any, ...]]:
    rows = connection.fetch("SELECT UID, SESSION_DATE, SCORE FROM SCORES ORDER BY SESSION_DATE, UID").to_pylist()
    return [tuple(row.values()) for row in rows]
