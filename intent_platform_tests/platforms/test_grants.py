"""The grants of `make setup` suffice, and each is needed: without it one step fails, in a sentence that helps."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

import pytest
import snowflake.connector

from intent_platform.errors import WarehouseError
from intent_platform.partitions import Window
from intent_platform.platforms import platform_for
from intent_platform.platforms.loading import load_sessions
from intent_platform.platforms.snowflake.connection import SnowflakeConnection
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.deployment import deploy_procedures
from intent_platform.platforms.snowflake.doctor.examination import examine
from intent_platform.platforms.snowflake.monitor import monitor_champion
from intent_platform.platforms.snowflake.preparation import administrators_statements, owners_statements, prepare
from intent_platform.platforms.snowflake.tasks import deploy_tasks
from intent_platform.sessions.contract import RawBatch, validate
from intent_platform.settings import Settings, load_settings
from intent_platform_tests.builders.environment import clean_environment
from intent_platform_tests.builders.sessions import landing_rows
from intent_platform_tests.platforms.conftest import log_version, move

DAY = Window(date(2024, 5, 1), date(2024, 5, 2))
DATABASE, SCHEMA, WAREHOUSE = "GRANTED", "HERE", "GRANTED_WH"
PLACE = {"database": DATABASE, "schema": SCHEMA, "warehouse": WAREHOUSE}
RUNNER, READER = f"{DATABASE}_RUNNER", f"{DATABASE}_READER"
ABSENT, DENIED, NO_WAREHOUSE = "may not see it: run `make setup`", "may not do this in", "no warehouse runs"

#: By grant: the step that fails without it, and a part of its sentence.
NEEDED = {
    f"USAGE ON DATABASE {DATABASE} TO ROLE {RUNNER}": ("prepare", ABSENT),
    f"CREATE SCHEMA ON DATABASE {DATABASE} TO ROLE {RUNNER}": ("examine", "needs a scratch schema"),
    f"USAGE ON SCHEMA {DATABASE}.{SCHEMA} TO ROLE {RUNNER}": ("prepare", ABSENT),
    f"CREATE TABLE ON SCHEMA {DATABASE}.{SCHEMA} TO ROLE {RUNNER}": ("prepare", DENIED),
    f"CREATE VIEW ON SCHEMA {DATABASE}.{SCHEMA} TO ROLE {RUNNER}": ("read costs", ABSENT),
    f"CREATE STAGE ON SCHEMA {DATABASE}.{SCHEMA} TO ROLE {RUNNER}": ("prepare", DENIED),
    f"CREATE MODEL ON SCHEMA {DATABASE}.{SCHEMA} TO ROLE {RUNNER}": ("log", DENIED),
    f"CREATE MODEL MONITOR ON SCHEMA {DATABASE}.{SCHEMA} TO ROLE {RUNNER}": ("monitor", DENIED),
    f"CREATE PROCEDURE ON SCHEMA {DATABASE}.{SCHEMA} TO ROLE {RUNNER}": ("deploy procedures", DENIED),
    f"CREATE TASK ON SCHEMA {DATABASE}.{SCHEMA} TO ROLE {RUNNER}": ("deploy tasks", DENIED),
    f"USAGE ON WAREHOUSE {WAREHOUSE} TO ROLE {RUNNER}": ("load", NO_WAREHOUSE),
    f"EXECUTE TASK ON ACCOUNT TO ROLE {RUNNER}": ("deploy tasks", "may not execute tasks"),
    f"USAGE ON DATABASE {DATABASE} TO ROLE {READER}": ("read", ABSENT),
    f"USAGE ON SCHEMA {DATABASE}.{SCHEMA} TO ROLE {READER}": ("read", ABSENT),
    f"USAGE ON WAREHOUSE {WAREHOUSE} TO ROLE {READER}": ("read", NO_WAREHOUSE),
    f"ROLE {RUNNER} TO ROLE SYSADMIN": ("administer", ABSENT),
    f'ROLE {RUNNER} TO USER "DAGSTER"': ("prepare", "does not have a role"),
    f"DATABASE ROLE SNOWFLAKE.PYPI_REPOSITORY_USER TO ROLE {RUNNER}": (
        "deploy procedures",
        "grant the database role SNOWFLAKE.PYPI_REPOSITORY_USER",
    ),
    f"DATABASE ROLE SNOWFLAKE.USAGE_VIEWER TO ROLE {RUNNER}": ("read costs", ABSENT),
    f"SELECT ON TABLE SCORES TO ROLE {READER}": ("read", ABSENT),
}


def made_grants() -> list[str]:
    """The grants of `make setup`, each with one privilege, without the word GRANT."""
    account = {"account": "a", "user": "u", "password": "p", **PLACE}
    with clean_environment():
        connector = SnowflakeConnector(load_settings(deployment="dev", snowflake=account))
    found = []
    for statement in (*administrators_statements(connector, '"DAGSTER"'), *owners_statements(connector)):
        if statement.startswith("GRANT "):
            privileges, on, rest = statement.removeprefix("GRANT ").partition(" ON ")
            found += [f"{privilege}{on}{rest}" for privilege in privileges.split(", ")]
    return found


class Account:
    """The account as its administrator, its runner and a reader see it."""

    def __init__(self, emulator: Any, make_settings: Callable[..., Settings], model: Any) -> None:
        self.emulator, self.make_settings, self.model = emulator, make_settings, model

    def settings(self, **login: str) -> Settings:
        snowflake = {**self.emulator.connection_parameters, "user": "dagster", **PLACE, **login}
        return self.make_settings(deployment="dev", snowflake=snowflake)

    def administer(self, *statements: str) -> None:
        with snowflake.connector.connect(**self.emulator.connection_parameters, **PLACE) as connection:
            for statement in statements:
                connection.cursor().execute(statement)

    def count(self, table: str, **login: str) -> int:
        """The rows of a table, for whoever logs in."""
        connector = SnowflakeConnector(self.settings(**login))
        with connector.open() as client:
            connection = SnowflakeConnection(client, connector.parameters)
            return int(connection.fetch(f"SELECT COUNT(*) AS COUNTED FROM {table}")["COUNTED"][0].as_py())

    def read(self) -> None:
        self.count("SCORES", user="marketing", role=READER)

    def read_costs(self) -> None:
        self.count("ASSET_COSTS")

    def look_as_administrator(self) -> None:
        self.count("SCORES", user="somebody", role="SYSADMIN")

    def prepare(self) -> None:
        prepare(SnowflakeConnector(self.settings()), None, lambda _: None, dry=False)

    def examine(self) -> None:
        examine(self.settings(), probes=[])

    def load(self) -> None:
        batch = validate(RawBatch(landing_rows(DAY.start, 5), "a.csv"), DAY)
        with platform_for(self.settings()).warehouse.connect(writing=True) as connection:
            load_sessions(
                connection,
                DAY,
                [batch],
                feed="uci",
                replacing=True,
                undated=DAY.start,
                at=datetime(2024, 5, 2, 5),  # noqa: DTZ001  wall clock
            )

    def deploy_procedures(self) -> None:
        deploy_procedures(SnowflakeConnector(self.settings()), lambda _: None, commit="c0ffee", dry=False)

    def deploy_tasks(self) -> None:
        deploy_tasks(SnowflakeConnector(self.settings()), lambda _: None, resume=True, dry=False)

    def log(self) -> None:
        platform = platform_for(self.settings())
        move(platform, log_version(platform, self.model), None, "first")

    def monitor(self) -> None:
        monitor_champion(platform_for(self.settings()), lambda _: None, dry=False)

    def steps(self) -> dict[str, Callable[[], None]]:
        """The steps of the platform after the administrator's. The slow ones are the last."""
        return {
            "prepare": self.prepare,
            "examine": self.examine,
            "load": self.load,
            "read": self.read,
            "read costs": self.read_costs,
            "administer": self.look_as_administrator,
            "deploy procedures": self.deploy_procedures,
            "deploy tasks": self.deploy_tasks,
            "log": self.log,
            "monitor": self.monitor,
        }


@pytest.fixture
def account(emulator, make_settings, model) -> Iterator[Account]:
    """An account that an administrator prepared just now, with a user who reads besides the one who runs."""
    account = Account(emulator, make_settings, model)
    for user in ("DAGSTER", "MARKETING"):
        emulator.logins.passwords[user] = emulator.connection_parameters["password"]
    statements = administrators_statements(SnowflakeConnector(account.settings()), '"DAGSTER"')
    account.administer(*statements, f"GRANT ROLE {READER} TO USER MARKETING")
    yield account
    account.administer(f"DROP SCHEMA {DATABASE}.{SCHEMA}")


class TestGrants:
    def test_are_exactly_those_that_a_step_needs(self):
        assert sorted(made_grants()) == sorted(NEEDED)

    def test_suffice_for_every_step(self, account):
        for step in account.steps().values():
            step()

    @pytest.mark.parametrize("grant", NEEDED)
    def test_are_needed(self, account, grant):
        failing, sentence = NEEDED[grant]
        revoke = "REVOKE " + grant.replace(" TO ", " FROM ")
        if grant not in made_by_the_owner():
            account.administer(revoke)
        for name, step in account.steps().items():
            if name == failing:
                with pytest.raises(WarehouseError, match=sentence):
                    step()
                return
            step()
            if name == "prepare" and grant in made_by_the_owner():
                account.administer(revoke)


def made_by_the_owner() -> set[str]:
    """The grants that the runner makes."""
    return {f"SELECT ON TABLE SCORES TO ROLE {READER}"}


class TestReader:
    def test_reads_the_scores_and_nothing_else(self, account):
        account.prepare()
        assert account.count("SCORES", user="marketing", role=READER) == 0
        for table in ("SOURCE", "DATASET", "MONITORING", "CHAMPION_HISTORY"):
            with pytest.raises(WarehouseError, match=ABSENT):
                account.count(table, user="marketing", role=READER)

    def test_changes_no_score(self, account):
        account.prepare()
        connector = SnowflakeConnector(account.settings(user="marketing", role=READER))
        with connector.open() as client, pytest.raises(WarehouseError, match=DENIED):
            SnowflakeConnection(client, connector.parameters).execute("DELETE FROM SCORES")
