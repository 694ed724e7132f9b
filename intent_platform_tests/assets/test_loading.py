"""Loading sessions and their features: every row counts once, a rerun changes nothing, a range equals its days."""

from dataclasses import dataclass
from typing import Any

import pytest

from intent_platform.partitions import Window, day_of
from intent_platform.settings import load_settings
from intent_platform_tests.assets.conftest import MONTHS, Rows, Shop, open_shop, shop_settings

SESSIONS = Window(day_of("2024-02-01"), day_of("2024-07-01"))
MAY = Window(day_of("2024-05-01"), day_of("2024-06-01"))


@dataclass
class LoadedShop:
    """A shop whose sessions of five months were loaded in one run, the result of the run, and its rows."""

    shop: Shop
    result: Any
    rows: tuple[Rows, Rows]


class TestLoad:
    @pytest.fixture(scope="class")
    @classmethod
    def loaded(cls, tmp_path_factory, empty_registry, made_csv):
        home = tmp_path_factory.mktemp("loaded") / "home"
        empty_registry(home)
        with open_shop(shop_settings(home, made_csv)) as shop:
            result = shop.run("sessions_job", SESSIONS.keys[0], SESSIONS.keys[-1])
            yield LoadedShop(shop, result, shop.loaded_rows())

    def test_accounts_for_every_row(self, loaded):
        source, dataset = loaded.rows
        assert len(source) == len(dataset) == sum(MONTHS.values())

    def test_passes_its_checks(self, loaded):
        """All but one: made sessions are not the published ones."""
        failed = {e.check_name for e in loaded.result.get_asset_check_evaluations() if not e.passed}
        assert failed == {"published_counts"}

    def test_changes_nothing_when_it_is_repeated(self, loaded):
        loaded.shop.load()
        assert loaded.shop.loaded_rows() == loaded.rows

    def test_reports_the_rows_of_each_partition(self, loaded):
        counts = {
            event.partition: event.materialization.metadata["dagster/partition_row_count"].value
            for event in loaded.result.get_asset_materialization_events()
            if event.asset_key.to_user_string() == "dataset"
        }
        assert list(counts) == SESSIONS.keys
        assert sum(counts[key] for key in MAY.keys) == MONTHS["May"]
        day = Window(day_of("2024-05-07"), day_of("2024-05-08"))
        assert counts["2024-05-07"] == len(loaded.shop.rows("DATASET", window=day))

    def test_of_a_range_equals_its_days_one_by_one(self, empty_shop):
        empty_shop.run("sessions_job", "2024-05-01", "2024-05-04")
        of_range = empty_shop.loaded_rows()
        with empty_shop.platform.warehouse.connect(writing=True) as connection:
            connection.execute("DELETE FROM SOURCE")
            connection.execute("DELETE FROM DATASET")
        for day in ("2024-05-03", "2024-05-01", "2024-05-04", "2024-05-02"):
            empty_shop.run("sessions_job", day)
        assert empty_shop.loaded_rows() == of_range

    def test_of_a_day_without_sessions_writes_no_row(self, empty_shop):
        assert empty_shop.run("sessions_job", "2024-04-10").success
        assert empty_shop.rows("DATASET") == []


class TestRowsOfAnotherDay:
    """The feed delivers the sessions of 6 May once more on 7 May."""

    @pytest.fixture
    def repeating_shop(self, tmp_path, empty_registry):
        home = tmp_path / "shop"
        empty_registry(home)
        settings = load_settings(
            home=home,
            feed="simulated",
            first_day="2024-05-01",
            simulated={"sessions_per_day": 50, "scenario": {"kind": "repeated_day", "start": "2024-05-06"}},
        )
        with open_shop(settings) as shop:
            yield shop

    def test_are_rejected_by_each_load_of_the_day(self, repeating_shop):
        day = day_of("2024-05-07")
        rejected_rows = []
        for _ in range(2):
            repeating_shop.run("sessions_job", day.isoformat())
            assert {row[0] for row in repeating_shop.rows("SOURCE", "SESSION_DATE")} == {day}
            rejected_rows.append(repeating_shop.rows("SOURCE_REJECTED", "SESSION_DATE, REASONS"))
        assert rejected_rows[0]
        assert {filed for filed, _ in rejected_rows[0]} == {day}
        assert all("outside [2024-05-07, 2024-05-08)" in reasons for _, reasons in rejected_rows[0])
        assert rejected_rows[1] == rejected_rows[0]
