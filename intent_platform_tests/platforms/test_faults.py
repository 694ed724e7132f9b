"""Faults of an account: each gives one sentence that says what to do, and no partition is half written."""

import re
from collections.abc import Callable
from datetime import date, datetime

import pytest
import snowflake.connector

from intent_platform.errors import WarehouseError
from intent_platform.partitions import Window
from intent_platform.platforms import platform_for
from intent_platform.platforms.champion import move_champion
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.loading import load_sessions
from intent_platform.platforms.ports import Platform
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.preparation import prepare
from intent_platform.platforms.versions import ModelVersion
from intent_platform.sessions.contract import RawBatch, validate
from intent_platform.settings import Settings
from intent_platform_tests.builders.scored_day import replace_scores, scored_uids
from intent_platform_tests.builders.sessions import landing_rows
from intent_platform_tests.platforms.conftest import log_version
from intent_platform_tests.snowflake_emulator import Fault

#: By fault: what its error advises.
ADVICE = {
    Fault.SESSION_LOST: "run it again",
    Fault.TOKEN_EXPIRED: "get a new token",
    Fault.WAREHOUSE_SUSPENDED: "resume COMPUTE_WH",
    Fault.DENIED: "MLSYSTEM_DEV_RUNNER may not",
    Fault.TIMED_OUT: "larger warehouse",
}
#: By place in a load: the statement that meets the fault.
WRITERS = {
    "in the feed": "INSERT INTO SOURCE_REJECTED",
    "in the copy": "COPY INTO RECEIVED",
    "in the commit": "COMMIT",
}
#: By use of the registry: the statement that is denied, and the use.
USES = {
    "list": ("SHOW VERSIONS", lambda registry, version: registry.versions()),
    "mark": ("SET METADATA", lambda registry, version: registry.set_quarantine(version, "a rehearsal")),
    "move": ("SET DEFAULT_VERSION", lambda registry, version: registry.move_champion(version, None)),
    "delete": ("DROP VERSION", lambda registry, version: registry.delete(version)),
    "load": ("List ", lambda registry, version: registry.load(version)),
}


@pytest.fixture(scope="module")
def account(new_snowflake_settings: Callable[[], Settings]) -> Platform:
    """An account without versions. The tests that share it replace whole days, and register nothing."""
    return platform_for(new_snowflake_settings())


class TestFaultInATransaction:
    @pytest.fixture(params=ADVICE, ids=lambda fault: fault.name.lower())
    def fault(self, request):
        return request.param

    @pytest.fixture
    def error(self, account, emulator, fault) -> str:
        """The error of a transaction that should replace the score of the session `before`."""
        replace_scores(account, "before")
        emulator.inject(fault, matching="INSERT INTO SCORES")
        with pytest.raises(WarehouseError) as caught:
            replace_scores(account, "after")
        return str(caught.value)

    def test_is_reported_with_what_to_do(self, error, fault):
        assert re.search(ADVICE[fault], error)

    def test_leaves_the_rows_as_they_were(self, account, error):
        assert scored_uids(account) == ["before"]

    def test_can_be_followed_by_another_attempt(self, account, error):
        replace_scores(account, "after")
        assert scored_uids(account) == ["after"]


class TestFaultInALoad:
    DAY = Window(date(2024, 7, 1), date(2024, 7, 2))

    def load(self, account: Platform, rows: int) -> None:
        batch = validate(RawBatch(landing_rows(self.DAY.start, rows), "a.csv"), self.DAY)
        with account.warehouse.connect(writing=True) as connection:
            load_sessions(
                connection,
                self.DAY,
                [batch],
                feed="uci",
                replacing=True,
                undated=self.DAY.start,
                at=datetime(2024, 7, 2, 5),  # noqa: DTZ001  wall clock
            )

    @staticmethod
    def loaded_rows(account: Platform) -> int:
        with account.warehouse.connect() as connection:
            return int(connection.fetch("SELECT COUNT(*) AS COUNTED FROM SOURCE")["COUNTED"][0].as_py())

    @pytest.mark.parametrize("fault", ADVICE, ids=lambda fault: fault.name.lower())
    @pytest.mark.parametrize("matching", WRITERS.values(), ids=WRITERS)
    def test_keeps_the_day_and_another_attempt_succeeds(self, account, emulator, fault, matching):
        self.load(account, 20)
        emulator.inject(fault, matching=matching)
        with pytest.raises(WarehouseError, match="Snowflake says"):
            self.load(account, 30)
        assert self.loaded_rows(account) == 20
        self.load(account, 30)
        assert self.loaded_rows(account) == 30


class TestDeniedUseOfTheRegistry:
    @pytest.fixture(scope="class")
    @classmethod
    def registered(cls, new_snowflake_settings, model) -> tuple[Platform, list[ModelVersion]]:
        """An account and its two versions, which no denied use changes."""
        account = platform_for(new_snowflake_settings())
        first, second = log_version(account, model), log_version(account, model)
        assert first.name < second.name
        return account, [first, second]

    @pytest.mark.parametrize(("matching", "use"), USES.values(), ids=USES)
    def test_says_what_to_do_and_changes_nothing(self, registered, emulator, matching, use):
        account, versions = registered
        emulator.inject(Fault.DENIED, matching=matching)
        with pytest.raises(WarehouseError, match=r"may not do this.*docs/snowflake\.md"):
            use(account.registry, versions[1])
        assert account.registry.versions() == versions
        assert account.registry.champion() is None

    def test_says_what_to_do_and_logs_nothing(self, registered, emulator, model):
        account, versions = registered
        emulator.inject(Fault.DENIED, matching="ADD VERSION")
        with pytest.raises(WarehouseError, match=r"may not do this.*docs/snowflake\.md"):
            log_version(account, model)
        assert account.registry.versions() == versions
        assert account.registry.champion() is None

    def test_without_a_package_says_what_to_do_and_logs_nothing(self, registered, emulator, model, monkeypatch):
        account, versions = registered
        monkeypatch.setattr(emulator, "missing_packages", {"catboost"})
        with pytest.raises(WarehouseError, match=r"PYPI_REPOSITORY_USER to role MLSYSTEM_DEV_RUNNER.*catboost=="):
            log_version(account, model)
        assert account.registry.versions() == versions


class TestFaultInAMove:
    @pytest.mark.parametrize(
        ("place", "matching"),
        [(0, "SET METADATA"), (1, "SET DEFAULT_VERSION")],
        ids=["to the version that is the default from the start", "to another version"],
    )
    def test_leaves_no_champion_and_no_row_in_the_ledger(self, snowflake_settings, emulator, model, place, matching):
        account = platform_for(snowflake_settings())
        version = [log_version(account, model) for _ in range(2)][place]
        emulator.inject(Fault.SESSION_LOST, matching=matching)
        with pytest.raises(WarehouseError, match="run it again"):
            move_champion(account, version, replacing=None, cause="first", reason="a test", metrics={}, run_id="a-run")
        assert account.registry.champion() is None
        with account.warehouse.connect() as connection:
            assert read_ledger(connection).moves == ()


class TestSession:
    @pytest.mark.parametrize(
        ("parameter", "value"),
        [("DATE_INPUT_FORMAT", "AUTO"), ("DATE_OUTPUT_FORMAT", "YYYY-MM-DD"), ("TIMESTAMP_INPUT_FORMAT", "AUTO")],
    )
    def test_reads_and_writes_dates_whatever_the_account_prefers(self, account, parameter, value):
        with account.warehouse.connect() as connection:
            [shown] = connection.fetch(f"SHOW PARAMETERS LIKE '{parameter}' IN SESSION").to_pylist()
        assert shown["value"] == value


class TestServer:
    def test_that_is_unavailable_for_a_moment_is_asked_again(self, account, emulator):
        emulator.inject(Fault.UNAVAILABLE, matching="INSERT INTO SCORES", times=2)
        replace_scores(account, "once")
        assert scored_uids(account) == ["once"]

    def test_that_works_for_long_is_asked_for_the_result(self, account, emulator):
        emulator.inject(Fault.SLOW, matching="INSERT INTO SCORES")
        replace_scores(account, "slow")
        assert scored_uids(account) == ["slow"]

    @pytest.mark.parametrize("limit", [1_000, None])
    def test_cancels_a_statement_before_the_client_does(self, make_settings, emulator, limit):
        settings = make_settings(
            deployment="dev", snowflake={**emulator.connection_parameters, "statement_timeout_seconds": limit}
        )
        with SnowflakeConnector(settings).open(schema=False) as client:
            assert client.network_timeout is None if limit is None else client.network_timeout > limit

    def test_that_does_not_exist_is_reported_with_its_account(self, make_settings):
        settings = make_settings(
            deployment="dev",
            snowflake={"account": "nowhere", "user": "u", "password": "p", "host": "127.0.0.1", "port": 1},
        )
        connector = SnowflakeConnector(settings)
        with pytest.raises(WarehouseError, match="nowhere cannot be reached"), connector.open(login_seconds=1):
            raise AssertionError("no server listens")


class TestQueryTag:
    def test_names_the_platform_and_the_deployment(self, account, emulator):
        with account.warehouse.connect() as connection:
            connection.fetch("SELECT 'tagged' AS T")
        sent = next(statement for statement in reversed(emulator.statements) if "'tagged'" in statement.sql)
        assert '"app": "intent_platform"' in sent.tag
        assert '"deployment": "dev"' in sent.tag


class TestPreparation:
    @pytest.mark.parametrize(
        "login", [{"user": "jane.doe@example.com", "password": "p"}, {"user": None, "token": "t", "password": None}]
    )
    def test_gives_the_role_to_whoever_is_logged_in(self, make_settings, emulator, login):
        emulator.logins.passwords["JANE.DOE@EXAMPLE.COM"] = "p"
        emulator.logins.oauth["t"] = True
        parameters = {**emulator.connection_parameters, **login}
        connector = SnowflakeConnector(make_settings(deployment="prod", snowflake=parameters))
        with snowflake.connector.connect(**emulator.connection_parameters) as administrator:
            for user in ("JANE.DOE@EXAMPLE.COM", "SOMEBODY"):
                administrator.cursor().execute(f'GRANT ROLE ACCOUNTADMIN TO USER "{user}"')
        prepare(connector, "ACCOUNTADMIN", lambda _: None, dry=False)
        with connector.open() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT CURRENT_ROLE()")
            assert cursor.fetchall() == [("MLSYSTEM_PROD_RUNNER",)]


class TestRepeatedPreparation:
    """An administrator prepares the account two more times."""

    @pytest.fixture(scope="class")
    @classmethod
    def grants(cls, new_snowflake_settings, emulator) -> tuple[set[str], set[str]]:
        """The grants before and after."""
        connector = SnowflakeConnector(new_snowflake_settings())
        before = {*emulator.state.of("grants")}
        for _ in range(2):
            prepare(connector, "ACCOUNTADMIN", lambda _: None, dry=False)
        return before, {*emulator.state.of("grants")}

    def test_keeps_every_grant(self, grants):
        before, after = grants
        assert after >= before

    def test_lets_readers_select_scores(self, grants):
        assert any(re.fullmatch(r"SELECT ON TABLE \S+\.SCORES TO ROLE MLSYSTEM_DEV_READER", each) for each in grants[1])

    def test_gives_the_runner_neither_ownership_nor_all(self, grants):
        runner = [grant for grant in grants[1] if grant.endswith("TO ROLE MLSYSTEM_DEV_RUNNER")]
        assert not any("ALL" in grant.split() or "OWNERSHIP" in grant for grant in runner)
