"""What goes wrong with an account: each fault gives one sentence with what to do, and no partition is half written."""

from datetime import date, datetime

import pytest

from intent_platform.errors import WarehouseError
from intent_platform.partitions import Window
from intent_platform.platforms import platform_for
from intent_platform.platforms.publish import replace_window
from intent_platform.platforms.snowflake.connection import SnowflakeConnector
from intent_platform.platforms.snowflake.preparation import prepare
from intent_platform.tables import SCORES
from intent_platform_tests.snowflake_emulator import Fault

DAY = Window(date(2024, 5, 1), date(2024, 5, 2))
SCORED = "SELECT :uid, :start, 'PURCHASE_INTENT', 'v_240501_100000', 0.5, :at FROM (SELECT 1) ONE WHERE :start < :end"


@pytest.fixture
def account(snowflake_settings):
    return platform_for(snowflake_settings())


def put(platform, uid: str) -> None:
    with platform.warehouse.session(writing=True) as session:
        replace_window(session, SCORES, DAY, SCORED, uid=uid, at=datetime(2024, 5, 2, 8))  # noqa: DTZ001  wall clock


def scored(platform) -> list[str]:
    with platform.warehouse.session() as session:
        found: list[str] = session.fetch("SELECT UID FROM SCORES ORDER BY UID")["UID"].to_pylist()
    return found


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        (Fault.SESSION_LOST, "run it again"),
        (Fault.TOKEN_EXPIRED, "get a new token"),
        (Fault.WAREHOUSE_SUSPENDED, "resume COMPUTE_WH"),
        (Fault.DENIED, "MLSYSTEM_DEV_RUNNER may not"),
        (Fault.TIMED_OUT, "larger warehouse"),
    ],
)
def test_a_fault_in_mid_transaction_is_one_sentence_and_leaves_the_rows_of_before(account, emulator, fault, advice):
    put(account, "before")
    emulator.inject(fault, matching="INSERT INTO SCORES")
    with pytest.raises(WarehouseError, match=advice):
        put(account, "after")
    assert scored(account) == ["before"]
    put(account, "after")
    assert scored(account) == ["after"]


def test_a_server_that_is_away_for_a_moment_is_asked_again(account, emulator):
    emulator.inject(Fault.UNAVAILABLE, matching="INSERT INTO SCORES", times=2)
    put(account, "once")
    assert scored(account) == ["once"]


def test_an_account_that_nobody_answers_for_is_named(make_settings):
    settings = make_settings(
        deployment="dev",
        snowflake={"account": "nowhere", "user": "u", "password": "p", "host": "127.0.0.1", "port": 1},
    )
    connector = SnowflakeConnector(settings)
    with pytest.raises(WarehouseError, match="nowhere cannot be reached"), connector.open(login_seconds=1):
        raise AssertionError("there is nobody")


def test_every_statement_carries_the_tag_of_its_run(snowflake_settings, emulator):
    with platform_for(snowflake_settings()).warehouse.session() as session:
        session.fetch("SELECT 'tagged' AS T")
    sent = next(statement for statement in reversed(emulator.statements) if "'tagged'" in statement.sql)
    assert '"app": "intent_platform"' in sent.tag
    assert '"deployment": "dev"' in sent.tag


def test_preparing_again_changes_nothing(snowflake_settings, emulator):
    connector = SnowflakeConnector(snowflake_settings())
    grants = dict(emulator.state.of("grants"))
    for _ in range(2):
        prepare(connector, "ACCOUNTADMIN", lambda _: None, dry=False)
    assert emulator.state.of("grants").keys() >= grants.keys()
    assert "GRANT SELECT ON TABLE SCORES TO ROLE MLSYSTEM_DEV_READER" in emulator.state.of("grants")
    runner = [grant for grant in emulator.state.of("grants") if grant.endswith("TO ROLE MLSYSTEM_DEV_RUNNER")]
    assert not any("ALL" in grant.split() or "OWNERSHIP" in grant for grant in runner)
