"""A home of an earlier release: derived tables are created again, and every other table is refused if it differs."""

import re
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from intent_platform.errors import WarehouseError
from intent_platform.partitions import TIMEZONE, Window, clock_set_to
from intent_platform.pipeline.dataset import refill_dataset
from intent_platform.pipeline.expiry import delete_expired
from intent_platform.platforms import platform_for
from intent_platform.platforms.champion import move_champion
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.loading import load_sessions, replace_window
from intent_platform.platforms.local.warehouse import DuckDBWarehouse
from intent_platform.platforms.ports import Platform
from intent_platform.platforms.snowflake.warehouse import SnowflakeWarehouse
from intent_platform.platforms.versions import ModelVersion
from intent_platform.sessions.contract import RawBatch, validate
from intent_platform.sessions.simulated.feed import SimulatedFeed
from intent_platform.tables import DATASET, SCORES, TABLES
from intent_platform_tests.builders.sessions import landing_rows
from intent_platform_tests.platforms.conftest import log_version

DAY = Window(date(2024, 7, 1), date(2024, 7, 2))
AT = datetime(2024, 7, 2, 5)  # noqa: DTZ001  wall clock
SCORED = (
    "SELECT UID, SESSION_DATE, 'PURCHASE_INTENT', 'v_240701_000000', 0.5, :at, 'champion', 1 FROM SOURCE "
    "WHERE SESSION_DATE >= :start AND SESSION_DATE < :end"
)
FEED = SimulatedFeed(seed=0, sessions_per_day=10, first_day=DAY.start)
NEW = "PAGEVALUE_PER_PAGE"  # the column of DATASET that this release seems to have added


def reopened_after(platform: Platform, *statements: str) -> Platform:
    """The platform as the next process opens it, after statements that no release would run."""
    warehouse = platform.warehouse
    if isinstance(warehouse, SnowflakeWarehouse):
        with warehouse.connect() as connection:
            for statement in statements:
                connection.execute(statement)
        return Platform(SnowflakeWarehouse(warehouse.connector), platform.registry)
    assert isinstance(warehouse, DuckDBWarehouse)
    with duckdb.connect(warehouse.path) as connection:
        for statement in statements:
            connection.execute(statement)
    return platform


def row_counts(platform: Platform) -> dict[str, int]:
    """The number of rows of every table."""
    with platform.warehouse.connect() as connection:
        return {
            table.name: connection.fetch(f"SELECT COUNT(*) AS COUNTED FROM {table.name}")["COUNTED"][0].as_py()
            for table in TABLES
        }


def load(platform: Platform) -> Platform:
    """Load twenty sessions with features and scores."""
    with platform.warehouse.connect(writing=True) as connection:
        batch = validate(RawBatch(landing_rows(DAY.start, 20), "a.csv"), DAY)
        load_sessions(connection, DAY, [batch], feed="uci", replacing=True, undated=DAY.start, at=AT)
        refill_dataset(connection, DAY, FEED)
        replace_window(connection, SCORES, DAY, SCORED, at=AT)
    return platform


class Reopened(NamedTuple):
    """A platform whose DATASET lacked a column when it was opened again."""

    platform: Platform
    champion: ModelVersion
    before: dict[str, int]
    after: dict[str, int]


class TestDerivedTable:
    """DATASET has other columns than this release."""

    @pytest.fixture(scope="class")
    @classmethod
    def reopened(cls, new_platform: Callable[[], Platform], model) -> Reopened:
        platform = load(new_platform())
        champion = log_version(platform, model)
        move_champion(platform, champion, replacing=None, cause="first", reason="first", metrics={}, run_id="r")
        before = row_counts(platform)
        assert before["DATASET"] == 20
        opened = reopened_after(platform, f"ALTER TABLE DATASET DROP COLUMN {NEW}")
        return Reopened(opened, champion, before, row_counts(opened))

    def test_alone_is_emptied(self, reopened):
        assert reopened.after == reopened.before | {"DATASET": 0}

    def test_gets_the_columns_of_this_release(self, reopened):
        with reopened.platform.warehouse.connect() as connection:
            assert connection.fetch("SELECT * FROM DATASET").column_names == DATASET.column_names

    def test_is_created_once_and_can_be_filled(self, reopened):
        with reopened.platform.warehouse.connect(writing=True) as connection:
            assert refill_dataset(connection, DAY, FEED)[0].accepted == 20
        assert row_counts(reopened.platform) == reopened.before

    def test_leaves_the_champion_and_the_ledger(self, reopened):
        with reopened.platform.warehouse.connect() as connection:
            assert read_ledger(connection).moves[0].to_version == reopened.champion.name
        assert reopened.platform.registry.champion() == reopened.champion

    def test_is_named_in_a_warning_with_the_difference(self, new_platform, caplog):
        row_counts(reopened_after(load(new_platform()), f"ALTER TABLE DATASET DROP COLUMN {NEW}"))
        assert "table DATASET" in caplog.text
        assert f"it differs in {NEW}" in caplog.text

    def test_stays_while_another_process_writes(self, make_settings):
        """A sensor reads while a run writes. The sensor skips its tick, and the run keeps its table."""
        platform = load(platform_for(make_settings(warehouse={"timeout_seconds": 5})))
        assert isinstance(platform.warehouse, DuckDBWarehouse)
        with duckdb.connect(platform.warehouse.path) as connection:
            connection.execute(f"ALTER TABLE DATASET DROP COLUMN {NEW}")
            with pytest.raises(WarehouseError, match="is held by"), platform.warehouse.connect(timeout_seconds=0.1):
                raise AssertionError("another process writes")
            assert connection.execute("SELECT COUNT(*) FROM DATASET").fetchall() == [(20,)]
        assert row_counts(platform)["DATASET"] == 0


class TestDerivedTableWithDeletedDays:
    """DATASET has other columns, and days whose raw sessions were deleted."""

    @pytest.fixture
    def opened(self, platform: Platform) -> Platform:
        load(platform)
        with clock_set_to(datetime(2024, 7, 10, 12, tzinfo=TIMEZONE)):
            delete_expired(platform, FEED, 7, Path("nowhere"), run_id="r")
        return reopened_after(platform, f"ALTER TABLE DATASET DROP COLUMN {NEW}")

    def test_is_refused_until_somebody_gives_up_these_days(self, platform, opened):
        with pytest.raises(WarehouseError, match="1 of its days cannot be rebuilt") as caught:
            row_counts(opened)
        consent = str(caught.value).partition("then run ")[2]
        assert row_counts(reopened_after(platform, consent))["DATASET"] == 0


class TestTableOfAnEarlierRelease:
    """SCORES lacks the optional columns of this release, and nobody has recorded its version."""

    @pytest.fixture(scope="class")
    @classmethod
    def reopened(cls, new_platform: Callable[[], Platform]) -> Platform:
        return reopened_after(
            load(new_platform()),
            "ALTER TABLE SCORES DROP COLUMN CHOSEN_AS",
            "ALTER TABLE SCORES DROP COLUMN MOVE",
            "DROP TABLE TABLE_VERSIONS",
        )

    def test_gets_the_columns_and_keeps_its_rows(self, reopened):
        with reopened.warehouse.connect() as connection:
            scores = connection.fetch("SELECT * FROM SCORES")
        assert scores.column_names == SCORES.column_names
        assert (scores.num_rows, scores["MOVE"].null_count) == (20, 20)

    def test_has_the_version_of_this_release(self, reopened):
        with reopened.warehouse.connect() as connection:
            versions = connection.fetch("SELECT NAME, VERSION FROM TABLE_VERSIONS ORDER BY NAME").to_pylist()
        expected = sorted((table.name, table.version) for table in TABLES)
        assert [tuple(row.values()) for row in versions] == expected


class TestTableOfANewerRelease:
    """SCORES has a version that this release does not know."""

    NEWER = f"UPDATE TABLE_VERSIONS SET VERSION = {SCORES.version + 1} WHERE NAME = 'SCORES'"

    def test_is_used_if_its_further_columns_may_be_empty(self, new_platform):
        platform = reopened_after(load(new_platform()), "ALTER TABLE SCORES ADD COLUMN MOOD VARCHAR", self.NEWER)
        with platform.warehouse.connect(writing=True) as connection:
            assert replace_window(connection, SCORES, DAY, SCORED, at=AT) == 20
            assert connection.fetch("SELECT MOOD FROM SCORES")["MOOD"].null_count == 20

    def test_is_refused_if_it_lacks_a_column(self, new_platform):
        platform = reopened_after(load(new_platform()), "ALTER TABLE SCORES DROP COLUMN MOVE", self.NEWER)
        with pytest.raises(WarehouseError, match=r"newer release .* MOVE.* install the newer release again"):
            row_counts(platform)


class Refused(NamedTuple):
    """A platform whose SCORES were changed, with the error of the next process and the statements that mend it."""

    platform: Platform
    error: str
    mending: list[str]
    before: dict[str, int]


class TestOtherTable:
    """SCORES, which nothing can derive again, has other columns than this release."""

    @pytest.fixture(
        scope="class",
        params=[
            (["RENAME COLUMN SCORE TO PROBABILITY"], ["RENAME COLUMN PROBABILITY TO SCORE"]),
            (
                ["DROP COLUMN SCORED_AT", "ADD COLUMN MOOD VARCHAR"],
                ["ADD COLUMN SCORED_AT TIMESTAMP", "DROP COLUMN MOOD"],
            ),
            (["DROP COLUMN SCORE"], ["ADD COLUMN SCORE DOUBLE"]),
        ],
        ids=["a renamed column", "a missing column and an unknown one", "a missing column"],
    )
    @classmethod
    def refused(cls, request, new_platform: Callable[[], Platform]) -> Refused:
        breaking, mending = ([f"ALTER TABLE SCORES {change}" for change in changes] for changes in request.param)
        platform = load(new_platform())
        before = row_counts(platform)
        opened = reopened_after(platform, *breaking)
        with pytest.raises(WarehouseError) as caught, opened.warehouse.connect():
            raise AssertionError("it has other columns")
        return Refused(platform, str(caught.value), mending, before)

    def test_is_refused_by_its_name(self, refused):
        assert re.search("table SCORES in .* another release", refused.error)

    def test_is_refused_with_the_statements_that_mend_it(self, refused):
        assert refused.error.endswith(f"then run {'; '.join(refused.mending)}")

    def test_is_mended_by_these_statements(self, refused):
        assert row_counts(reopened_after(refused.platform, *refused.mending)) == refused.before

    def test_leaves_a_derived_table_as_it_was(self, new_platform):
        """Nothing is created again while another table is refused, not even by a second attempt."""
        platform = load(new_platform())
        opened = reopened_after(
            platform,
            f"ALTER TABLE DATASET DROP COLUMN {NEW}",
            "ALTER TABLE SCORES RENAME COLUMN UID TO ID",
        )
        for _ in range(2):
            with pytest.raises(WarehouseError, match="table SCORES"), opened.warehouse.connect(writing=True):
                raise AssertionError("it has other columns")
        mended = reopened_after(
            platform, "ALTER TABLE SCORES RENAME COLUMN ID TO UID", f"ALTER TABLE DATASET ADD COLUMN {NEW} DOUBLE"
        )
        assert row_counts(mended)["DATASET"] == 20
