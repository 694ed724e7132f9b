"""What goes wrong with an account: each fault gives one sentence with what to do, and no partition is half written."""

from datetime import date, datetime

import pytest

from intent_platform.errors import WarehouseError
from intent_platform.modelling.model import IntentModel
from intent_platform.partitions import Window
from intent_platform.platforms import platform_for
from intent_platform.platforms.champion import move_champion
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.loading import load_sessions, replace_window
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.preparation import prepare
from intent_platform.platforms.versions import ModelVersion
from intent_platform.sessions.contract import RawBatch, validate
from intent_platform.tables import SCORES
from intent_platform_tests.builders.sessions import landing_rows
from intent_platform_tests.platforms.conftest import provenance
from intent_platform_tests.snowflake_emulator import Fault


def log_one(registry, model: IntentModel) -> ModelVersion:
    """A version of the tiny model."""
    logged: ModelVersion = registry.log(model, provenance("2024-05-01"), [])
    return logged


DAY = Window(date(2024, 5, 1), date(2024, 5, 2))
SCORED = "SELECT :uid, :start, 'PURCHASE_INTENT', 'v_240501_100000', 0.5, :at FROM (SELECT 1) ONE WHERE :start < :end"


@pytest.fixture
def account(snowflake_settings):
    return platform_for(snowflake_settings())


def put(platform, uid: str) -> None:
    with platform.warehouse.connect(writing=True) as connection:
        replace_window(connection, SCORES, DAY, SCORED, uid=uid, at=datetime(2024, 5, 2, 8))  # noqa: DTZ001  wall clock


def scored(platform) -> list[str]:
    with platform.warehouse.connect() as connection:
        found: list[str] = connection.fetch("SELECT UID FROM SCORES ORDER BY UID")["UID"].to_pylist()
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


WRITERS = {
    "the feed": "INSERT INTO SOURCE_REJECTED",
    "the copy": "COPY INTO RECEIVED",
    "the commit": "COMMIT",
}


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.UNAVAILABLE])
@pytest.mark.parametrize("matching", WRITERS.values(), ids=WRITERS)
def test_a_load_that_meets_a_fault_leaves_the_day_of_before(account, emulator, fault, matching):
    day = Window(date(2024, 7, 1), date(2024, 7, 2))

    def load(rows: int) -> None:
        batch = validate(RawBatch(landing_rows(day.start, rows), "a.csv"), day)
        with account.warehouse.connect(writing=True) as connection:
            load_sessions(
                connection,
                day,
                [batch],
                feed="uci",
                replacing=True,
                undated=day.start,
                at=datetime(2024, 7, 2, 5),  # noqa: DTZ001  wall clock
            )

    def loaded() -> int:
        with account.warehouse.connect() as connection:
            return int(connection.fetch("SELECT COUNT(*) AS COUNTED FROM SOURCE")["COUNTED"][0].as_py())

    load(20)
    emulator.inject(fault, matching=matching)
    with pytest.raises(WarehouseError, match="Snowflake says"):
        load(30)
    assert loaded() == 20
    load(30)
    assert loaded() == 30


@pytest.mark.parametrize(
    ("matching", "asked"),
    [
        ("SHOW VERSIONS", lambda registry, version, model: registry.versions()),
        ("SET METADATA", lambda registry, version, model: registry.set_quarantine(version, "a rehearsal")),
        ("SET DEFAULT_VERSION", lambda registry, version, model: registry.move_champion(version, None)),
        ("DROP VERSION", lambda registry, version, model: registry.delete(version)),
        ("List ", lambda registry, version, model: registry.load(version)),
        ("ADD VERSION", lambda registry, version, model: log_one(registry, model)),
    ],
    ids=["list", "mark", "move", "delete", "load", "log"],
)
def test_the_registry_says_what_to_do_and_changes_nothing(account, emulator, model, matching, asked):
    registry = account.registry
    first, second = log_one(registry, model), log_one(registry, model)
    assert first.name < second.name
    emulator.inject(Fault.DENIED, matching=matching)
    with pytest.raises(WarehouseError, match=r"may not do this.*docs/snowflake\.md"):
        asked(registry, second, model)
    assert registry.versions() == [first, second]
    assert registry.champion() is None


@pytest.mark.parametrize(
    ("place", "matching"),
    [(0, "SET METADATA"), (1, "SET DEFAULT_VERSION")],
    ids=["the version that is the default unasked", "another version"],
)
def test_a_move_of_the_champion_that_is_refused_leaves_no_line_in_the_ledger(account, emulator, model, place, matching):
    version = [log_one(account.registry, model) for _ in range(2)][place]
    emulator.inject(Fault.SESSION_LOST, matching=matching)
    with pytest.raises(WarehouseError, match="run it again"):
        move_champion(account, version, replacing=None, cause="first", reason="the story", metrics={}, run_id="a-run")
    assert account.registry.champion() is None
    with account.warehouse.connect() as connection:
        assert read_ledger(connection).moves == ()


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
    with platform_for(snowflake_settings()).warehouse.connect() as connection:
        connection.fetch("SELECT 'tagged' AS T")
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
