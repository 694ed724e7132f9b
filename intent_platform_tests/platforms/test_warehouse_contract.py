"""What every warehouse must do."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from intent_platform.partitions import Window
from intent_platform.platforms.loading import replace_window
from intent_platform.platforms.ports import PREDICT_FUNCTION, Connection, Platform, ScoringModel
from intent_platform.tables import SCORES, TABLES
from intent_platform_tests.platforms.conftest import FEATURES, log_version

MAY = Window(date(2024, 5, 1), date(2024, 6, 1))
FIRST, SECOND = date(2024, 5, 1), date(2024, 5, 2)
NULL_REFUSED = "SCORE|non-nullable"  # Snowflake does not name the column
SCORED = (
    "SELECT 'uid-' || :tag, :day, 'PURCHASE_INTENT', 'v_240501_100000', :score, :at, 'champion', 1 "
    "FROM (SELECT 1) ONE WHERE :day >= :start AND :day < :end"
)
AT = datetime(2024, 5, 2, 8)  # noqa: DTZ001  wall clock


@pytest.fixture(scope="module")
def shared_platform(new_platform: Callable[[], Platform]) -> Platform:
    return new_platform()


@pytest.fixture
def platform(shared_platform: Platform) -> Platform:
    """Each platform in turn, without scores."""
    with shared_platform.warehouse.connect(writing=True) as connection:
        connection.execute("DELETE FROM SCORES WHERE TRUE")
    return shared_platform


def put_score(connection: Connection, day: date, tag: str) -> int:
    """Replace the scores of a day by one, whose UID ends with the tag."""
    window = Window(day, day + timedelta(days=1))
    return replace_window(connection, SCORES, window, SCORED, tag=tag, day=day, score=0.5, at=AT)


def scores_in(connection: Connection) -> list[tuple[Any, ...]]:
    """UID, day and score of all scores, in order."""
    rows = connection.fetch("SELECT UID, SESSION_DATE, SCORE FROM SCORES ORDER BY SESSION_DATE, UID").to_pylist()
    return [tuple(row.values()) for row in rows]


def scores_of(platform: Platform) -> list[tuple[Any, ...]]:
    with platform.warehouse.connect() as connection:
        return scores_in(connection)


class TestResult:
    NUMBERS = "SELECT N, N / 2.0 AS HALF FROM (VALUES (1), (300), (70000), (5000000000), (NULL)) AS V (N) ORDER BY N"

    def test_of_several_chunks_is_one_table(self, shared_platform, emulator, monkeypatch):
        monkeypatch.setattr(emulator, "chunk_rows", 1)
        with shared_platform.warehouse.connect() as connection:
            numbers = connection.fetch(self.NUMBERS)
        assert numbers["N"].type == pa.int64()
        assert numbers["N"].to_pylist() == [1, 300, 70_000, 5_000_000_000, None]

    def test_without_rows_has_the_same_types(self, platform):
        with platform.warehouse.connect(writing=True) as connection:
            put_score(connection, FIRST, "a")
            one, none = (connection.fetch(f"SELECT * FROM SCORES WHERE MOVE = {move}") for move in (1, 2))
        assert (one.num_rows, none.num_rows) == (1, 0)
        assert one.schema.types == none.schema.types
        assert pa.concat_tables([one, none]) == one


class TestTables:
    @pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
    def test_exist_from_the_first_connection_on(self, shared_platform, table):
        with shared_platform.warehouse.connect() as connection:
            assert connection.fetch(f"SELECT * FROM {table.name}").column_names == table.column_names


class TestValues:
    def test_are_returned_as_they_were_bound(self, platform):
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

    def test_may_not_be_missing(self, platform):
        with platform.warehouse.connect() as connection, pytest.raises(KeyError, match="day"):
            connection.fetch("SELECT :day AS DAY")

    def test_may_not_be_superfluous(self, platform):
        with platform.warehouse.connect() as connection, pytest.raises(KeyError, match="date"):
            connection.fetch("SELECT :day AS DAY", day=AT.date(), date=AT.date())


class TestReplacedWindow:
    @pytest.fixture
    def two_days(self, platform: Platform) -> Platform:
        with platform.warehouse.connect(writing=True) as connection:
            put_score(connection, FIRST, "a")
            put_score(connection, SECOND, "b")
        return platform

    def test_has_the_new_rows_and_other_days_keep_theirs(self, two_days):
        with two_days.warehouse.connect(writing=True) as connection:
            put_score(connection, SECOND, "c")
        assert [uid for uid, *_ in scores_of(two_days)] == ["uid-a", "uid-c"]

    def test_is_the_same_after_a_rerun(self, two_days):
        with two_days.warehouse.connect(writing=True) as connection:
            before = scores_in(connection)
            assert put_score(connection, SECOND, "b") == 1
            assert scores_in(connection) == before


class TestTransaction:
    @pytest.fixture
    def before(self, platform) -> list[tuple[Any, ...]]:
        """The scores of the platform, which has one."""
        with platform.warehouse.connect(writing=True) as connection:
            put_score(connection, FIRST, "a")
        return scores_of(platform)

    def test_changes_nothing_when_its_block_fails(self, platform, before):
        def delete_and_fail(connection: Connection) -> None:
            with connection.transaction():
                assert connection.execute("DELETE FROM SCORES WHERE SESSION_DATE >= :day", day=MAY.start) == 1
                raise RuntimeError("halfway")

        with platform.warehouse.connect(writing=True) as connection, pytest.raises(RuntimeError, match="halfway"):
            delete_and_fail(connection)
        assert scores_of(platform) == before

    def test_changes_nothing_when_a_statement_fails(self, platform, before):
        with platform.warehouse.connect(writing=True) as connection, pytest.raises(Exception, match=NULL_REFUSED):
            replace_window(connection, SCORES, MAY, SCORED, tag="b", day=MAY.start, score=None, at=AT)
        assert scores_of(platform) == before

    def test_that_fails_leaves_a_usable_connection(self, platform, before):
        with platform.warehouse.connect(writing=True) as connection:
            for _ in range(2):
                with pytest.raises(Exception, match=NULL_REFUSED):
                    replace_window(connection, SCORES, MAY, SCORED, tag="b", day=MAY.start, score=None, at=AT)
            assert scores_in(connection) == before


class TestConnection:
    def test_is_closed_after_an_error(self, platform):
        with pytest.raises(RuntimeError, match="mine"), platform.warehouse.connect(writing=True):
            raise RuntimeError("mine")
        with platform.warehouse.connect(writing=True) as connection:
            put_score(connection, FIRST, "a")
        assert len(scores_of(platform)) == 1


class TestStagedBatches:
    def test_are_one_table(self, platform):
        with platform.warehouse.connect(writing=True) as connection:
            connection.stage("ARRIVED", pa.table({"N": [1, 2], "T": ["a", "b"]}))
            connection.stage("ARRIVED", pa.table({"N": [3], "T": ["c"]}))
            assert connection.fetch("SELECT SUM(N) AS TOTAL FROM ARRIVED")["TOTAL"][0].as_py() == 6

    def test_end_with_their_connection(self, platform):
        with platform.warehouse.connect(writing=True) as connection:
            connection.stage("ARRIVED", pa.table({"N": [1, 2], "T": ["a", "b"]}))
        with platform.warehouse.connect(writing=True) as connection:
            connection.stage("ARRIVED", pa.table({"OTHER": [True]}))
            assert connection.fetch("SELECT * FROM ARRIVED").to_pydict() == {"OTHER": [True]}


class TestScoring:
    """A model scores 5,000 rows in the engine. DuckDB hands them over in several chunks."""

    rows = pa.table({name: np.random.default_rng(n).random(5_000) for n, name in enumerate(FEATURES)})
    predict = f"{PREDICT_FUNCTION}({', '.join(FEATURES)})"

    @pytest.fixture(scope="class")
    @classmethod
    def scoring_models(cls, shared_platform, model) -> list[ScoringModel]:
        """Two versions of one model."""
        return [shared_platform.registry.scoring_model(log_version(shared_platform, model)) for _ in range(2)]

    def test_in_the_engine_equals_scoring_in_memory(self, platform, model, scoring_models):
        with platform.warehouse.connect(writing=True) as connection:
            connection.stage("ROWS_TO_SCORE", self.rows.append_column("N", pa.array(range(5_000))))
            connection.use_model(scoring_models[0])
            scored = connection.fetch(f"SELECT {self.predict} AS SCORE FROM ROWS_TO_SCORE ORDER BY N")
        np.testing.assert_allclose(scored["SCORE"].to_numpy(), model.predict(self.rows), rtol=1e-12)

    def test_can_change_the_version_within_a_connection(self, platform, model, scoring_models):
        with platform.warehouse.connect(writing=True) as connection:
            connection.stage("ROWS_TO_SCORE", self.rows)
            for scoring_model in scoring_models:
                connection.use_model(scoring_model)
                scored = connection.fetch(f"SELECT AVG({self.predict}) AS SCORE FROM ROWS_TO_SCORE")
                assert scored["SCORE"][0].as_py() == pytest.approx(model.predict(self.rows).mean())
