"""Loading sessions: which rows are accepted, and that a load changes a day completely or not at all."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

import pyarrow as pa
import pytest

from intent_platform.partitions import Window
from intent_platform.platforms.loading import LoadCounts, load_sessions
from intent_platform.platforms.local.warehouse import DuckDBWarehouse
from intent_platform.platforms.ports import Platform
from intent_platform.sessions.contract import RawBatch, ValidatedBatch, validate
from intent_platform.tables import SESSION_COLUMNS
from intent_platform_tests.builders.sessions import landing_rows

DAY = Window(date(2024, 5, 13), date(2024, 5, 14))
ROWS = landing_rows(DAY.start, 12)
AT = datetime(2024, 5, 14, 5)  # noqa: DTZ001  wall clock
NAMES = [column.name for column in SESSION_COLUMNS]


def batch(rows: pa.Table, region: int, origin: str = "a") -> ValidatedBatch:
    """A batch whose rows all have one region, which shows the batch that a loaded row comes from."""
    at = rows.schema.get_field_index("REGION")
    rows = rows.set_column(at, "REGION", pa.array([str(region)] * rows.num_rows))
    return validate(RawBatch(rows.select(NAMES), origin), DAY)


def load_batches(platform: Platform, batches: Iterable[ValidatedBatch], *, replacing: bool = True) -> LoadCounts:
    with platform.warehouse.connect(writing=True) as connection:
        return load_sessions(
            connection, DAY, iter(batches), feed="landing", replacing=replacing, undated=DAY.start, at=AT
        )


def loaded_regions(platform: Platform) -> dict[str, int]:
    """The region of each loaded session, by UID."""
    with platform.warehouse.connect() as connection:
        rows = connection.fetch("SELECT UID, REGION FROM SOURCE ORDER BY UID").to_pylist()
    assert len({row["UID"] for row in rows}) == len(rows)
    return {row["UID"]: row["REGION"] for row in rows}


class Load(NamedTuple):
    """The platform after a load, and what the load counted."""

    platform: Platform
    counts: LoadCounts


class TestRepeatedKeys:
    """Twelve keys in three batches: `b` repeats keys of `a` and of itself, and `c` repeats all."""

    @pytest.fixture(scope="class", params=[True, False], ids=["replacing the window", "replacing by key"])
    @classmethod
    def load(cls, request, new_platform) -> Load:
        platform = new_platform()
        batches = [
            batch(ROWS.slice(0, 8), 1),
            batch(pa.concat_tables([ROWS.slice(4, 8), ROWS.slice(10, 2)]), 2, "b"),
            batch(ROWS, 3, "c"),
        ]
        return Load(platform, load_batches(platform, batches, replacing=request.param))

    def test_are_counted_as_rejected(self, load):
        assert load.counts == LoadCounts(received=30, accepted=12, rejected=18)

    def test_are_accepted_once_with_their_first_row(self, load):
        regions = loaded_regions(load.platform)
        assert [regions[uid] for uid in ROWS["UID"].to_pylist()] == [1] * 8 + [2] * 4

    def test_are_stored_among_the_rejected_rows_with_their_origin(self, load):
        with load.platform.warehouse.connect() as connection:
            rejected = connection.fetch(
                "SELECT ORIGIN, COUNT(*) AS N FROM SOURCE_REJECTED GROUP BY 1 ORDER BY 1"
            ).to_pylist()
        assert rejected == [{"ORIGIN": "b", "N": 6}, {"ORIGIN": "c", "N": 12}]


class TestLoad:
    """Twelve sessions in two batches, without a repeated key."""

    batches = (batch(ROWS.slice(0, 5), 1), batch(ROWS.slice(5), 2))

    @pytest.fixture(scope="class")
    @classmethod
    def load(cls, new_platform) -> Load:
        platform = new_platform()
        return Load(platform, load_batches(platform, cls.batches))

    def test_accepts_all_rows(self, load):
        assert load.counts == LoadCounts(received=12, accepted=12, rejected=0)
        assert sorted(loaded_regions(load.platform).values()) == [1] * 5 + [2] * 7

    def test_changes_nothing_when_it_is_repeated(self, load):
        before = loaded_regions(load.platform)
        assert load_batches(load.platform, self.batches) == load.counts
        assert loaded_regions(load.platform) == before

    def test_changes_nothing_when_its_feed_fails(self, load):
        before = loaded_regions(load.platform)

        def failing_feed():
            yield batch(ROWS.slice(0, 5), 3)
            raise RuntimeError("the feed is gone")

        with pytest.raises(RuntimeError, match="the feed is gone"):
            load_batches(load.platform, failing_feed())
        assert loaded_regions(load.platform) == before


class TestRejectedRowsOfAnotherDelivery:
    """A file has four rows that break the contract and two that repeat a key. Then it or another file is delivered."""

    @staticmethod
    def broken(origin: str, region: int = -1) -> list[ValidatedBatch]:
        return [batch(ROWS.slice(0, 4), region, origin), batch(ROWS.take([5, 5, 5]), 1, origin)]

    @pytest.fixture(scope="class")
    @classmethod
    def platform(cls, new_platform) -> Platform:
        """With the rows of `a.csv`, which every test leaves as they are."""
        platform: Platform = new_platform()
        load_batches(platform, cls.broken("a.csv"), replacing=False)
        return platform

    def rejected(self, platform: Platform, origin: str) -> int:
        with platform.warehouse.connect() as connection:
            sql = "SELECT COUNT(*) AS COUNTED FROM SOURCE_REJECTED WHERE ORIGIN = :origin"
            return int(connection.value(sql, origin=origin))

    def test_replace_their_earlier_copies(self, platform):
        counts = load_batches(platform, self.broken("a.csv"), replacing=False)
        assert (counts.rejected, self.rejected(platform, "a.csv")) == (6, 6)

    def test_stay_beside_those_of_another_file(self, platform):
        load_batches(platform, self.broken("b.csv"), replacing=False)
        assert (self.rejected(platform, "a.csv"), self.rejected(platform, "b.csv")) == (6, 6)

    def test_stay_beside_other_rows_of_a_file_of_the_name(self, platform):
        load_batches(platform, self.broken("c.csv"), replacing=False)
        load_batches(platform, self.broken("c.csv", region=-2), replacing=False)
        assert (self.rejected(platform, "a.csv"), self.rejected(platform, "c.csv")) == (6, 10)


class TestManyEqualRows:
    """More rows than fit into the memory of the warehouse, all equal, in batches."""

    BATCHES, ROWS = 4, 50_000

    @pytest.fixture
    def warehouse(self, tmp_path) -> DuckDBWarehouse:
        return DuckDBWarehouse(path=str(tmp_path / "warehouse.duckdb"), timeout_seconds=5, memory_gb=0.1)

    @pytest.mark.parametrize(("region", "accepted"), [(1, 1), (-1, 0)], ids=["of one key", "that break the contract"])
    def test_are_loaded_and_counted(self, warehouse, region, accepted):
        equal = batch(ROWS.slice(0, 1).take([0] * self.ROWS), region)
        with warehouse.connect(writing=True) as connection:
            counts = load_sessions(
                connection, DAY, [equal] * self.BATCHES, feed="landing", replacing=False, undated=DAY.start, at=AT
            )
        received = self.BATCHES * self.ROWS
        assert counts == LoadCounts(received, accepted, received - accepted)
