"""A home that an earlier release made: what follows from other tables is made anew, and nothing else is touched."""

from datetime import date, datetime

import duckdb
import pytest
from sqlglot import exp, parse_one

from intent_platform.errors import WarehouseError
from intent_platform.partitions import Window
from intent_platform.pipeline.dataset import SELECT, build_dataset
from intent_platform.platforms import platform_for
from intent_platform.platforms.champion import move_champion
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.loading import load_sessions, replace_window
from intent_platform.platforms.local.warehouse import DuckDBWarehouse
from intent_platform.platforms.ports import Platform
from intent_platform.platforms.snowflake.warehouse import SnowflakeWarehouse
from intent_platform.sessions.contract import RawBatch, validate
from intent_platform.tables import DATASET, SCORES, TABLES
from intent_platform_tests.builders.sessions import landing_rows

DAY = Window(date(2024, 7, 1), date(2024, 7, 2))
AT = datetime(2024, 7, 2, 5)  # noqa: DTZ001  wall clock
SCORED = (
    "SELECT UID, SESSION_DATE, 'PURCHASE_INTENT', 'v_240701_000000', 0.5, :at FROM SOURCE "
    "WHERE SESSION_DATE >= :start AND SESSION_DATE < :end"
)
NEW = "PAGEVALUE_PER_PAGE"  # as if this release had added it


def changed(platform: Platform, *statements: str) -> Platform:
    """The platform as the next process opens it, after statements that no release would run."""
    warehouse = platform.warehouse
    if isinstance(warehouse, DuckDBWarehouse):
        with duckdb.connect(warehouse.path) as connection:
            for statement in statements:
                connection.execute(statement)
        return platform
    assert isinstance(warehouse, SnowflakeWarehouse)
    with warehouse.connect() as session:
        for statement in statements:
            session.execute(statement)
    return Platform(SnowflakeWarehouse(warehouse.connector), platform.registry)


def counts(platform: Platform) -> dict[str, int]:
    with platform.warehouse.connect() as connection:
        return {
            table.name: connection.fetch(f"SELECT COUNT(*) AS COUNTED FROM {table.name}")["COUNTED"][0].as_py()
            for table in TABLES
        }


def load(platform: Platform) -> None:
    """Twenty sessions with features and scores."""
    with platform.warehouse.connect(writing=True) as connection:
        batch = validate(RawBatch(landing_rows(DAY.start, 20), "a.csv"), DAY)
        load_sessions(connection, DAY, [batch], feed="uci", replacing=True, undated=DAY.start, at=AT)
        build_dataset(connection, DAY)
        replace_window(connection, SCORES, DAY, SCORED, at=AT)


def test_a_derived_table_with_other_columns_is_made_anew_and_everything_else_stays(platform, log, caplog):
    load(platform)
    champion = log()
    move_champion(platform, champion, replacing=None, cause="first", reason="first", metrics={}, run_id="r")
    before = counts(platform)
    assert before["DATASET"] == 20
    opened = changed(platform, f"ALTER TABLE DATASET DROP COLUMN {NEW}")
    assert counts(opened) == before | {"DATASET": 0}
    assert "table DATASET" in caplog.text
    assert f"it differs in {NEW}" in caplog.text
    with opened.warehouse.connect(writing=True) as connection:
        assert connection.fetch("SELECT * FROM DATASET").column_names == DATASET.column_names
        assert build_dataset(connection, DAY).counts.accepted == 20
        assert read_ledger(connection).moves[0].to_version == champion.name
    assert opened.registry.champion() == champion
    assert counts(opened) == before  # and it is made anew once


@pytest.mark.parametrize(
    ("breaking", "mending"),
    [
        (["RENAME COLUMN SCORE TO PROBABILITY"], ["RENAME COLUMN PROBABILITY TO SCORE"]),
        (
            ["DROP COLUMN SCORED_AT", "ADD COLUMN MOOD VARCHAR"],
            ["ADD COLUMN SCORED_AT TIMESTAMP", "DROP COLUMN MOOD"],
        ),
        (["DROP COLUMN SCORE"], ["ADD COLUMN SCORE DOUBLE"]),
    ],
    ids=["one column has another name", "one column went and another came", "one column is missing"],
)
def test_any_other_table_is_refused_with_the_statements_that_mend_it(platform, breaking, mending):
    load(platform)
    before = counts(platform)
    opened = changed(platform, *(f"ALTER TABLE SCORES {change}" for change in breaking))
    mended = [f"ALTER TABLE SCORES {change}" for change in mending]
    with (
        pytest.raises(WarehouseError, match=r"table SCORES in .* another release") as refused,
        opened.warehouse.connect(),
    ):
        raise AssertionError("it has other columns")
    assert str(refused.value).endswith(f"then run {'; '.join(mended)}")
    assert counts(changed(platform, *mended)) == before


def test_a_refused_table_leaves_the_derived_ones_as_they_were(platform):
    load(platform)
    opened = changed(platform, f"ALTER TABLE DATASET DROP COLUMN {NEW}", "ALTER TABLE SCORES RENAME COLUMN UID TO ID")
    for _ in range(2):
        with pytest.raises(WarehouseError, match="table SCORES"), opened.warehouse.connect(writing=True):
            raise AssertionError("it has other columns")
    mended = changed(
        platform, "ALTER TABLE SCORES RENAME COLUMN ID TO UID", f"ALTER TABLE DATASET ADD COLUMN {NEW} DOUBLE"
    )
    assert counts(mended)["DATASET"] == 20


def test_a_derived_table_waits_for_whoever_writes(make_settings):
    """A sensor reads while a run writes: it skips its tick, and the run keeps its table."""
    settings = make_settings(warehouse={"timeout_seconds": 5})
    platform = platform_for(settings)
    load(platform)
    with duckdb.connect(settings.warehouse_file) as connection:
        connection.execute(f"ALTER TABLE DATASET DROP COLUMN {NEW}")
        with pytest.raises(WarehouseError, match="is held by"), platform.warehouse.connect(timeout_seconds=0.1):
            raise AssertionError("somebody writes")
        assert connection.execute("SELECT COUNT(*) FROM DATASET").fetchall() == [(20,)]
    assert counts(platform)["DATASET"] == 0


def test_the_select_names_every_column_of_dataset():
    """Its hash is the code version of `dataset`: with every column, the days are asked for again."""
    select = parse_one(SELECT, read="snowflake")
    assert isinstance(select, exp.Select)
    assert select.named_selects == DATASET.column_names
