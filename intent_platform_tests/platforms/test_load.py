"""Loading sessions, on both platforms: of a key that comes more than once the first arrival counts."""

from datetime import date, datetime

import pyarrow as pa
import pytest

from intent_platform.partitions import Window
from intent_platform.platforms.loading import LoadCounts, load_sessions
from intent_platform.sessions.contract import RawBatch, ValidatedBatch, validate
from intent_platform.tables import SESSION_COLUMNS
from intent_platform_tests.builders.sessions import landing_rows

DAY = Window(date(2024, 5, 13), date(2024, 5, 14))
AT = datetime(2024, 5, 14, 5)  # noqa: DTZ001  wall clock
NAMES = [column.name for column in SESSION_COLUMNS]


def batch(rows: pa.Table, region: int, origin: str = "a") -> ValidatedBatch:
    """`rows` with one region, by which it shows whose row was taken."""
    at = rows.schema.get_field_index("REGION")
    rows = rows.set_column(at, "REGION", pa.array([str(region)] * rows.num_rows))
    return validate(RawBatch(rows.select(NAMES), origin), DAY)


def load(platform, batches: list[ValidatedBatch], *, replacing: bool = True) -> LoadCounts:
    with platform.warehouse.connect(writing=True) as connection:
        return load_sessions(
            connection, DAY, iter(batches), feed="landing", replacing=replacing, undated=DAY.start, at=AT
        )


def loaded(platform) -> dict[str, int]:
    with platform.warehouse.connect() as connection:
        rows = connection.fetch("SELECT UID, REGION FROM SOURCE ORDER BY UID").to_pylist()
    assert len({row["UID"] for row in rows}) == len(rows)
    return {row["UID"]: row["REGION"] for row in rows}


@pytest.mark.parametrize("replacing", [True, False])
def test_the_first_arrival_of_a_key_counts_across_batches_and_within_one(platform, replacing):
    rows = landing_rows(DAY.start, 12)
    batches = [
        batch(rows.slice(0, 8), 1),
        batch(pa.concat_tables([rows.slice(4, 8), rows.slice(10, 2)]), 2, "b"),
        batch(rows, 3, "c"),
    ]
    assert load(platform, batches, replacing=replacing) == LoadCounts(30, 12, 18)
    regions = loaded(platform)
    uids = rows["UID"].to_pylist()
    assert [regions[uid] for uid in uids] == [1] * 8 + [2] * 4
    with platform.warehouse.connect() as connection:
        rejected = connection.fetch(
            "SELECT ORIGIN, COUNT(*) AS N FROM SOURCE_REJECTED GROUP BY 1 ORDER BY 1"
        ).to_pylist()
    assert rejected == [{"ORIGIN": "b", "N": 6}, {"ORIGIN": "c", "N": 12}]


def test_without_a_repeated_key_all_rows_are_taken_and_a_rerun_changes_nothing(platform):
    rows = landing_rows(DAY.start, 12)
    batches = [batch(rows.slice(0, 5), 1), batch(rows.slice(5), 2)]
    for _ in range(2):
        assert load(platform, batches) == LoadCounts(12, 12, 0)
        assert sorted(loaded(platform).values()) == [1] * 5 + [2] * 7


def test_what_fails_halfway_leaves_the_day_as_it_was(platform):
    rows = landing_rows(DAY.start, 12)
    load(platform, [batch(rows, 1)])

    def stumbling():
        yield batch(rows.slice(0, 5), 2)
        raise RuntimeError("the feed is gone")

    with platform.warehouse.connect(writing=True) as connection, pytest.raises(RuntimeError, match="the feed is gone"):
        load_sessions(connection, DAY, stumbling(), feed="landing", replacing=True, undated=DAY.start, at=AT)
    assert set(loaded(platform).values()) == {1}
