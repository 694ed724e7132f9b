"""The view of what each asset costs, and a setup of an account that withholds Snowflake's own database."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import snowflake.connector

from intent_platform.errors import WarehouseError
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.preparation import owners_statements, prepare, run
from intent_platform.platforms.snowflake.query_tag import query_tag
from intent_platform_tests.snowflake_emulator.faults import Fault

COSTS = "SELECT DAY, DEPLOYMENT, ASSET, STATEMENTS, CREDITS FROM ASSET_COSTS WHERE {} ORDER BY ASSET"


@pytest.fixture
def connector(snowflake_settings) -> SnowflakeConnector:
    """A connector to a schema with the objects that setup creates."""
    prepared = SnowflakeConnector(snowflake_settings())
    run(prepared, [*owners_statements(prepared)], lambda _: None, schema=True, dry=False)
    return prepared


def rows(connector: SnowflakeConnector, sql: str) -> list[tuple[object, ...]]:
    with connector.open() as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return [tuple(row) for row in cursor.fetchall()]


class TestAssetCosts:
    def test_are_empty_before_the_first_statement(self, connector, emulator, monkeypatch):
        monkeypatch.setattr(emulator, "statements", [])
        emulator.attribute_credits(0.5)
        assert rows(connector, COSTS.format("TRUE")) == []

    def test_are_the_credits_of_an_asset_and_day(self, connector, emulator):
        """Tags of other programs are any text."""
        foreign = ("", "nightly", "{broken", "null", "[1]", '{"app": "theirs", "asset": "dataset"}')
        deployment = "costs"
        of_dataset = query_tag(deployment, run="r", asset="dataset")
        for tag in (*foreign, of_dataset, of_dataset, query_tag(deployment)):
            with snowflake.connector.connect(
                **emulator.connection_parameters, session_parameters={"QUERY_TAG": tag}
            ) as connection:
                connection.cursor().execute("SELECT 1")
        emulator.attribute_credits(0.25)
        today = datetime.now(ZoneInfo("Asia/Tokyo")).date()
        dataset, outside = rows(connector, COSTS.format(f"DEPLOYMENT = '{deployment}'"))
        assert dataset == (today, deployment, "dataset", 2, 0.5)
        assert outside == (today, deployment, None, 1, 0.25)


class TestSetup:
    @pytest.mark.parametrize("withheld", ["USAGE_VIEWER", "PYPI_REPOSITORY_USER", "VIEW ASSET_COSTS"])
    def test_continues_without_what_an_account_withholds(self, snowflake_settings, emulator, withheld):
        shown: list[str] = []
        connector = SnowflakeConnector(snowflake_settings())
        emulator.inject(Fault.DENIED, matching=withheld)
        prepare(connector, "ACCOUNTADMIN", shown.append, dry=False)
        (refusal,) = (line for line in shown if line.startswith("--"))
        assert "the platform works without it" in refusal
        assert any(line.startswith("CREATE STAGE") for line in shown)

    def test_ends_at_any_other_refusal(self, snowflake_settings, emulator):
        connector = SnowflakeConnector(snowflake_settings())
        emulator.inject(Fault.DENIED, matching="CREATE STAGE")
        with pytest.raises(WarehouseError, match="grant the privilege"):
            prepare(connector, "ACCOUNTADMIN", lambda _: None, dry=False)
