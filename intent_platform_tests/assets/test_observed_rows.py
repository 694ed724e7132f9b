"""The rows of a table that somebody else fills: valid ones are taken, the others are rejected, and all are counted."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg
import pyarrow.parquet
import pytest

from intent_platform.definitions import build_definitions
from intent_platform.partitions import Window
from intent_platform.pipeline.dataset import SELECT
from intent_platform.pipeline.observation import load_observed_window
from intent_platform.platforms import platform_for
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform_tests.builders.observed_table import (
    PLACES,
    Filler,
    NewTable,
    days,
    filler,
    in_a_file,
    new_table,
    sessions,
)

__all__ = ["filler", "new_table"]
DAY = date(2024, 5, 3)
NEXT = DAY + timedelta(days=1)
ONE, BOTH = Window(DAY, NEXT), Window(DAY, NEXT + timedelta(days=1))
TAKEN = "SELECT * FROM DATASET ORDER BY SESSION_DATE, UID"
#: For each rule the first values of a column, the last of which breaks it, and the reason of the rejection.
BROKEN: dict[str, tuple[Any, str]] = {
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
    """Build dataset for the days of the window."""
    job = build_definitions(filler.settings).resolve_job_def("sessions_job")
    return job.execute_in_process(instance=instance, tags=days(window))


def counts(result: dg.ExecuteInProcessResult, *names: str) -> tuple[object, ...]:
    """These entries of the metadata of dataset's last partition."""
    metadata = result.asset_materializations_for_node("dataset")[-1].metadata
    return tuple(metadata[name].value for name in names)


def rejections(filler: Filler) -> list[list[str]]:
    """The reasons of each rejected row."""
    return sorted(json.loads(row[0]) for row in filler.ours("SELECT REASONS FROM SOURCE_REJECTED"))


@dataclass
class BuiltDay:
    """A day of 20 rows, each of the first seven of which breaks another rule, after dataset was built."""

    filler: Filler
    instance: dg.DagsterInstance
    contents: list[str]
    result: dg.ExecuteInProcessResult

    @property
    def rejected(self) -> list[tuple[Any, ...]]:
        """The rejected rows as the table had them, each with its feed and day."""
        rows = self.filler.ours("SELECT RAW, FEED, SESSION_DATE FROM SOURCE_REJECTED")
        return [(json.loads(raw, parse_constant=pytest.fail), feed, day) for raw, feed, day in rows]

    @property
    def failed_checks(self) -> list[dg.AssetCheckEvaluation]:
        return [check for check in self.result.get_asset_check_evaluations() if not check.passed]


class TestBrokenRow:
    @pytest.fixture(scope="class", params=PLACES)
    @classmethod
    def built(cls, request, new_table: NewTable) -> Iterator[BuiltDay]:
        with new_table(request.param) as filler, dg.DagsterInstance.ephemeral() as instance:
            filler.put(DAY, 20, **{name: cells for name, (cells, _) in BROKEN.items()})
            contents = filler.contents()
            yield BuiltDay(filler, instance, contents, build(filler, instance, ONE))

    def test_is_rejected_with_its_reason(self, built):
        assert rejections(built.filler) == sorted([reason] for _, reason in BROKEN.values())

    def test_is_counted(self, built):
        assert built.result.success
        assert counts(built.result, "received", "rejected", "rows_written") == (20, 7, 13)

    def test_is_kept_as_it_was(self, built):
        assert {raw["VISITORTYPE"] for raw, _, _ in built.rejected} > {"Robot"}
        assert {(feed, day) for _, feed, day in built.rejected} == {("table", DAY)}

    def test_does_not_keep_the_others_out(self, built):
        taken = {row[0] for row in built.filler.ours("SELECT UID FROM DATASET")}
        assert taken == set(sessions(DAY, 20)["UID"].to_pylist()[7:])

    def test_fails_only_the_checks_of_source(self, built):
        """Dataset itself is in order."""
        failed = {(check.asset_key.to_user_string(), check.check_name) for check in built.failed_checks}
        assert failed == {("source", "nothing_is_empty"), ("source", "values_are_allowed")}

    def test_is_only_a_warning(self, built):
        assert {check.severity for check in built.failed_checks} == {dg.AssetCheckSeverity.WARN}

    def test_is_rejected_once_when_the_day_is_built_again(self, built):
        taken = built.filler.ours(TAKEN)
        assert build(built.filler, built.instance, ONE).success
        assert built.filler.ours(TAKEN) == taken
        assert len(rejections(built.filler)) == 7

    def test_stays_in_the_table(self, built):
        assert built.filler.contents() == built.contents

    def test_is_taken_once_it_is_repaired(self, filler, instance):
        filler.put(DAY, 5, REGION=[-1])
        build(filler, instance, ONE)
        assert len(filler.ours(TAKEN)) == 4
        filler.run("UPDATE {} SET REGION = 1 WHERE REGION < 0")
        build(filler, instance, ONE)
        assert len(filler.ours(TAKEN)) == 5
        assert rejections(filler) == []


class TestRepeatedKey:
    def test_takes_the_valid_row_that_was_loaded_last(self, filler, instance):
        """The second row has its key in capitals and another region. The third is broken."""
        key = sessions(DAY, 1)["UID"].to_pylist()
        filler.put(DAY, 1, at=datetime(2024, 5, 4, 3), REGION=[1])  # noqa: DTZ001  wall clock
        filler.put(DAY, 1, at=datetime(2024, 5, 4, 4), REGION=[2], UID=[key[0].upper()])  # noqa: DTZ001
        filler.put(DAY, 1, at=datetime(2024, 5, 4, 5), REGION=[-3])  # noqa: DTZ001
        assert build(filler, instance, ONE).success
        assert filler.ours("SELECT UID, REGION FROM DATASET") == [(key[0], 2)]
        assert rejections(filler) == [
            ["REGION is below 0"],
            ["UID, SESSION_DATE is repeated by a row that was loaded later"],
        ]


class TestWindow:
    def test_of_a_range_equals_its_days_one_by_one(self, filler, instance):
        filler.put(DAY, 20, REGION=[-1])
        filler.put(NEXT, 15, seed=1, VISITORTYPE=["Robot"])
        build(filler, instance, BOTH)
        taken, reasons = filler.ours(TAKEN), rejections(filler)
        assert (len(taken), len(reasons)) == (33, 2)
        with platform_for(filler.settings).warehouse.connect(writing=True) as connection:
            connection.execute("DELETE FROM DATASET")
            connection.execute("DELETE FROM SOURCE_REJECTED")
        for window in (Window(NEXT, BOTH.end), ONE):
            build(filler, instance, window)
        assert filler.ours(TAKEN) == taken
        assert rejections(filler) == reasons

    def test_without_rows_is_a_partition_of_zero_rows(self, filler, instance):
        result = build(filler, instance, ONE)
        assert result.success
        assert counts(result, "received", "rows_written") == (0, 0)

    def test_leaves_out_rows_that_come_while_it_is_read(self, filler, monkeypatch):
        """Somebody loads more between reading the table and writing DATASET. A file is locked meanwhile."""
        filler.put(DAY, 10)
        observed = ObservedTable.of(filler.settings)
        platform = platform_for(filler.settings)
        with platform.warehouse.connect(writing=True) as connection:
            execute = connection.execute

            def interrupted(sql: str, **values):
                done = execute(sql, **values)
                if sql.lstrip().startswith("CREATE") and filler.table != "SHOP.SESSIONS":
                    filler.put(DAY, 5, seed=9, REGION=[-1])
                return done

            monkeypatch.setattr(connection, "execute", interrupted)
            taken = load_observed_window(connection, observed, ONE, SELECT)
        assert (taken.counts.received, taken.counts.accepted, taken.counts.rejected) == (10, 10, 0)
        assert len(filler.ours(TAKEN)) == 10


class TestRowWithoutDate:
    @pytest.fixture
    def undated(self, make_settings, tmp_path) -> Filler:
        """Two days with five rows each, one of them without a date. Partitions begin on the first day."""
        filler = in_a_file(make_settings, tmp_path / "elt.duckdb", first_day=DAY)
        filler.put(DAY, 5, SESSION_DATE=[None])
        filler.put(NEXT, 5, SESSION_DATE=[None])
        return filler

    def test_is_rejected_with_the_first_partition(self, undated, instance):
        result = build(undated, instance, BOTH)
        assert counts(result, "received", "rejected") == (10, 2)
        assert undated.ours("SELECT DISTINCT SESSION_DATE, REASONS FROM SOURCE_REJECTED") == [
            (DAY, '["SESSION_DATE is empty"]')
        ]

    def test_fails_a_check(self, undated, instance):
        result = build(undated, instance, BOTH)
        check = next(e for e in result.get_asset_check_evaluations() if e.check_name == "no_row_is_left_out")
        assert not check.passed
        assert "2 rows" in (check.description or "")


class TestDataset:
    def test_is_the_same_from_a_table_and_from_files(self, make_settings, tmp_path, instance):
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
        assert dropped.ours(TAKEN) == table.ours(TAKEN)
        assert len(rejections(dropped)) == len(rejections(table)) == 2
