"""The table that somebody else fills: what keeps the contract is taken, what breaks it rejected, and all is counted."""

import hashlib
import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import dagster as dg
import pyarrow.parquet
import pytest

from intent_platform.definitions import build_definitions
from intent_platform.errors import FeedError
from intent_platform.partitions import Window
from intent_platform.pipeline.dataset import SELECT
from intent_platform.pipeline.observation import load_observed_window
from intent_platform.platforms import platform_for
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform_tests.builders.observed_table import Filler, days, filler, in_a_file, in_snowflake, sessions

__all__ = ["filler"]
DAY = date(2024, 5, 3)
NEXT = DAY + timedelta(days=1)
ONE, BOTH = Window(DAY, NEXT), Window(DAY, NEXT + timedelta(days=1))
KEPT = "SELECT * FROM DATASET ORDER BY SESSION_DATE, UID"
#: A row for each rule, and what is said of it.
BROKEN = {
    "VISITORTYPE": (["Robot"], "VISITORTYPE is not one of Returning_Visitor, New_Visitor, Other"),
    "MONTH": (
        ["May", "Apr.", "May"],
        "MONTH is not one of Jan, Feb, Mar, Apr, May, June, Jul, Aug, Sep, Oct, Nov, Dec",
    ),
    "EXITRATES": ([0.0, 0.0, 1.5], "EXITRATES is above 1"),
    "REGION": ([1, 1, 1, -1], "REGION is below 0"),
    "PAGEVALUES": ([0.0] * 4 + [float("nan")], "PAGEVALUES is empty"),
    "ADMINISTRATIVE_DURATION": ([0.0] * 5 + [float("inf")], "ADMINISTRATIVE_DURATION is not finite"),
    "UID": ([*sessions(DAY, 6)["UID"].to_pylist(), "7"], "UID is not a UUID"),
}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def build(filler: Filler, instance: dg.DagsterInstance, window: Window) -> dg.ExecuteInProcessResult:
    job = build_definitions(filler.settings).resolve_job_def("sessions_job")
    return job.execute_in_process(instance=instance, tags=days(window))


def shown(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    return {name: value.value for name, value in result.asset_materializations_for_node("dataset")[-1].metadata.items()}


def rejected(filler: Filler) -> list[list[str]]:
    return sorted(json.loads(row[0]) for row in filler.ours("SELECT REASONS FROM SOURCE_REJECTED"))


def test_what_breaks_the_contract_is_rejected_with_its_reason_and_the_rest_is_taken(filler, instance):
    filler.put(DAY, 20, **{name: cells for name, (cells, _) in BROKEN.items()})
    before = filler.contents()
    result = build(filler, instance, ONE)
    assert result.success
    assert rejected(filler) == sorted([reason] for _, reason in BROKEN.values())
    assert (shown(result)["received"], shown(result)["rejected"], shown(result)["rows_written"]) == (20, 7, 13)
    kept = filler.ours(KEPT)
    whole = filler.ours("SELECT RAW, FEED, SESSION_DATE FROM SOURCE_REJECTED")
    raw = [json.loads(row[0], parse_constant=pytest.fail) for row in whole]
    assert {row["VISITORTYPE"] for row in raw} > {"Robot"}
    assert {(feed, day) for _, feed, day in whole} == {("table", DAY)}
    assert {row["UID"] for row in raw} | {row[0] for row in kept} >= set(sessions(DAY, 20)["UID"].to_pylist()[7:])
    # The checks warn of what they see in the table, and dataset itself is in order.
    failed = {
        (e.asset_key.to_user_string(), e.check_name) for e in result.get_asset_check_evaluations() if not e.passed
    }
    assert failed == {("source", "nothing_is_empty"), ("source", "values_are_allowed")}
    assert all(e.severity == dg.AssetCheckSeverity.WARN for e in result.get_asset_check_evaluations() if not e.passed)
    # Again it is the same, and nothing of theirs was touched.
    assert build(filler, instance, ONE).success
    assert filler.ours(KEPT) == kept
    assert len(rejected(filler)) == 7
    assert filler.contents() == before


def test_mended_rows_are_taken_and_no_longer_rejected(filler, instance):
    filler.put(DAY, 5, REGION=[-1])
    build(filler, instance, ONE)
    assert len(filler.ours(KEPT)) == 4
    filler.run("UPDATE {} SET REGION = 1 WHERE REGION < 0")
    build(filler, instance, ONE)
    assert len(filler.ours(KEPT)) == 5
    assert rejected(filler) == []


def test_of_a_repeated_key_the_row_loaded_last_is_taken_if_it_keeps_the_contract(filler, instance):
    """The second comes in capitals with another region, the third is broken."""
    key = sessions(DAY, 1)["UID"].to_pylist()
    filler.put(DAY, 1, at=datetime(2024, 5, 4, 3), REGION=[1])  # noqa: DTZ001  wall clock
    filler.put(DAY, 1, at=datetime(2024, 5, 4, 4), REGION=[2], UID=[key[0].upper()])  # noqa: DTZ001
    filler.put(DAY, 1, at=datetime(2024, 5, 4, 5), REGION=[-3])  # noqa: DTZ001
    assert build(filler, instance, ONE).success
    assert filler.ours("SELECT UID, REGION FROM DATASET") == [(key[0], 2)]
    assert rejected(filler) == [["REGION is below 0"], ["UID, SESSION_DATE is repeated by a row that was loaded later"]]


def test_a_range_equals_the_days_one_by_one(filler, instance):
    filler.put(DAY, 20, REGION=[-1])
    filler.put(NEXT, 15, seed=1, VISITORTYPE=["Robot"])
    build(filler, instance, BOTH)
    kept, reasons = filler.ours(KEPT), rejected(filler)
    assert (len(kept), len(reasons)) == (33, 2)
    with platform_for(filler.settings).warehouse.connect(writing=True) as connection:
        connection.execute("DELETE FROM DATASET")
        connection.execute("DELETE FROM SOURCE_REJECTED")
    for window in (Window(NEXT, BOTH.end), ONE):
        build(filler, instance, window)
    assert filler.ours(KEPT) == kept
    assert rejected(filler) == reasons


def test_a_day_without_rows_is_a_partition_of_none(filler, instance):
    result = build(filler, instance, ONE)
    assert result.success
    assert (shown(result)["received"], shown(result)["rows_written"]) == (0, 0)


def test_rows_without_a_day_are_rejected_with_the_first_partition(make_settings, tmp_path, instance):
    filler = in_a_file(make_settings, tmp_path / "elt.duckdb", first_day=DAY)
    filler.put(DAY, 5, SESSION_DATE=[None])
    filler.put(NEXT, 5, SESSION_DATE=[None])
    result = build(filler, instance, BOTH)
    assert (shown(result)["received"], shown(result)["rejected"]) == (10, 2)
    assert filler.ours("SELECT DISTINCT SESSION_DATE, REASONS FROM SOURCE_REJECTED") == [
        (DAY, '["SESSION_DATE is empty"]')
    ]
    check = next(e for e in result.get_asset_check_evaluations() if e.check_name == "no_row_is_left_out")
    assert not check.passed
    assert "2 rows" in (check.description or "")


def test_the_same_sessions_give_the_same_dataset_whoever_brings_them(make_settings, tmp_path, instance):
    """Dropped into the landing folder, and found in a table."""
    table = in_a_file(make_settings, tmp_path / "elt.duckdb")
    table.put(DAY, 50, REGION=[-1, 1, -1])
    build(table, instance, ONE)
    landing = make_settings(
        feed="landing", home=tmp_path / "other", landing={"quiet_seconds": 0}, warehouse={"timeout_seconds": 5}
    )
    landing.landing_folder.mkdir(parents=True)
    with table.opened() as connection:
        rows = connection.fetch("SELECT * FROM SHOP.SESSIONS").drop_columns(["BATCH", "LOADED_AT"])
    pyarrow.parquet.write_table(rows, landing.landing_folder / "may.parquet")
    dropped = Filler(landing, "SOURCE", table.opened)
    build(dropped, instance, ONE)
    assert dropped.ours(KEPT) == table.ours(KEPT)
    assert len(rejected(dropped)) == len(rejected(table)) == 2


def test_rows_that_come_while_it_is_read_are_neither_lost_nor_taken_half(filler, monkeypatch):
    """Between reading the table and writing DATASET, somebody loads more."""
    filler.put(DAY, 10)
    observed = ObservedTable.of(filler.settings)
    platform = platform_for(filler.settings)
    with platform.warehouse.connect(writing=True) as connection:
        execute = connection.execute

        def interrupted(sql: str, **values):
            done = execute(sql, **values)
            if sql.lstrip().startswith("CREATE") and filler.table != "SHOP.SESSIONS":  # a file is locked meanwhile
                filler.put(DAY, 5, seed=9, REGION=[-1])
            return done

        monkeypatch.setattr(connection, "execute", interrupted)
        taken = load_observed_window(connection, observed, ONE, SELECT)
    assert (taken.counts.received, taken.counts.accepted, taken.counts.rejected) == (10, 10, 0)
    assert len(filler.ours(KEPT)) == 10


def test_a_file_is_only_read(make_settings, tmp_path, instance):
    filler = in_a_file(make_settings, tmp_path / "elt.duckdb")
    filler.put(DAY, 20, REGION=[-1])
    file = filler.settings.table.file
    assert file is not None
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    file.chmod(0o444)
    assert build(filler, instance, ONE).success
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before


def test_in_snowflake_no_statement_changes_the_table_and_no_row_leaves(snowflake_settings, emulator, instance):
    with in_snowflake(snowflake_settings) as filler:
        filler.put(DAY, 20, REGION=[-1])
        begun = len(emulator.statements)
        assert build(filler, instance, ONE).success
        sent = [statement.sql for statement in emulator.statements[begun:]]
    theirs = [" ".join(sql.split()) for sql in sent if filler.table in sql.replace(f"'{filler.table}'", "its name")]
    assert theirs
    assert all(sql.startswith(("SELECT", "CREATE OR REPLACE TEMPORARY TABLE OBSERVED AS")) for sql in theirs)
    assert not any("GET " in sql or "PUT " in sql for sql in sent)
    assert len([sql for sql in theirs if sql.startswith("CREATE")]) == 1


def test_a_view_serves_as_well(make_settings, tmp_path, instance):
    filler = in_a_file(make_settings, tmp_path / "elt.duckdb")
    filler.put(DAY, 5)
    filler.run("CREATE VIEW SHOP.LATEST AS SELECT * EXCLUDE (BATCH) FROM SHOP.SESSIONS")
    settings = filler.settings.model_copy(
        update={"table": filler.settings.table.model_copy(update={"relation": "shop.latest"})}
    )
    assert build(Filler(settings, "SHOP.LATEST", filler.opened), instance, ONE).success
    assert len(filler.ours(KEPT)) == 5


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("DROP TABLE {}", "SHOP.SESSIONS cannot be read"),
        ("ALTER TABLE {} DROP COLUMN REGION", "lacks REGION: name a table or view"),
        ("ALTER TABLE {} DROP COLUMN LOADED_AT", "lacks LOADED_AT"),
    ],
)
@pytest.mark.parametrize("place", ["file", "snowflake"])
def test_a_table_that_cannot_be_read_is_one_sentence(
    request, make_settings, tmp_path, instance, place, statement, sentence
):
    def breaks(filler: Filler) -> None:
        filler.run(statement)
        with pytest.raises(FeedError, match=sentence) as raised:
            build(filler, instance, ONE)
        assert "\n" not in str(raised.value)
        assert filler.ours("SELECT COUNT(*) AS COUNTED FROM DATASET") == [(0,)]

    if place == "file":
        breaks(in_a_file(make_settings, tmp_path / "elt.duckdb"))
    else:
        with in_snowflake(request.getfixturevalue("snowflake_settings")) as filler:
            breaks(filler)


def test_columns_of_other_types_are_named(make_settings, tmp_path, instance):
    filler = in_a_file(make_settings, tmp_path / "elt.duckdb")
    for name in ("REVENUE", "LOADED_AT"):
        filler.run(f"ALTER TABLE {{}} DROP COLUMN {name}")
        filler.run(f"ALTER TABLE {{}} ADD COLUMN {name} VARCHAR")
    with pytest.raises(FeedError, match="has REVENUE as VARCHAR, not BOOLEAN; LOADED_AT as VARCHAR, not TIMESTAMP_NTZ"):
        build(filler, instance, ONE)


@pytest.mark.parametrize("content", [None, b"no database"])
def test_a_file_that_is_none_is_one_sentence(make_settings, tmp_path, instance, content):
    file = tmp_path / "elt.duckdb"
    if content is not None:
        file.write_bytes(content)
    settings = make_settings(feed="table", table={"file": file})
    with pytest.raises(FeedError, match=f"the observed table's file {file} cannot be read"):
        build(Filler(settings, "SOURCE", lambda: pytest.fail("not theirs")), instance, ONE)
    assert file.exists() == (content is not None)


@pytest.mark.parametrize("deployment", ["local", "dev"])
def test_source_is_an_asset_that_is_looked_at_and_not_made(make_settings, deployment):
    settings = make_settings(
        feed="table", deployment=deployment, snowflake={"account": "a", "user": "u", "password": "p"}
    )
    definitions = build_definitions(settings)
    dg.Definitions.validate_loadable(definitions)
    graph = definitions.resolve_asset_graph()
    source = graph.get(dg.AssetKey("source"))
    assert source.is_external
    assert source.partitions_def == graph.get(dg.AssetKey("dataset")).partitions_def
    assert {key.name for key in graph.asset_check_keys if key.asset_key == source.key} == {
        *("keys_are_unique", "nothing_is_empty", "values_are_allowed", "no_row_is_left_out")
    }
    made = definitions.resolve_job_def("sessions_job").asset_layer.selected_asset_keys
    assert made == {dg.AssetKey("dataset")}
