"""The tasks: a graph, deployed as a whole or one by one."""

from collections.abc import Callable

import pytest

from intent_platform.errors import SettingsError, UnknownObject
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.deployment import deploy_procedures
from intent_platform.platforms.snowflake.tasks import deploy_tasks, task_statements
from intent_platform.settings import Settings
from intent_platform.settings.operation import RetentionSettings

DAILY = ["DATASET_DAILY", "PREDICTION_DAILY", "MONITORING_DAILY"]
MONTHLY = ["TRAINING_MONTHLY", "MODEL_EVALUATION_MONTHLY"]


def changes(settings: Settings, resumed: list[str], only: str | None = None) -> list[tuple[str, str]]:
    """Verb and task of each statement."""
    words = [sql.split() for sql in task_statements(settings, "WH", resumed=resumed, only=only)]
    verbs = {"CREATE": lambda w: ("create", w[4]), "DROP": lambda w: ("drop", w[4])}
    return [verbs.get(w[0], lambda w: (w[-1].lower(), w[-2]))(w) for w in words]


class Account:
    """A schema with tasks."""

    def __init__(self, settings: Settings) -> None:
        self.connector = SnowflakeConnector(settings)
        self.shown: list[str] = []

    def deploy(self, *, resume: bool = False, only: str | None = None, settings: Settings | None = None) -> None:
        connector = SnowflakeConnector(settings) if settings else self.connector
        deploy_tasks(connector, self.shown.append, resume=resume, dry=False, only=only)

    def run(self, sql: str) -> None:
        with self.connector.open() as connection:
            connection.cursor().execute(sql)

    def column(self, name: str) -> dict[str, str]:
        """A column of SHOW TASKS by the name of the task."""
        with self.connector.open() as connection, connection.cursor() as cursor:
            cursor.execute("SHOW TASKS IN SCHEMA")
            names = [entry.name for entry in cursor.description]
            return {row[0]: row[names.index(name)] for row in cursor.fetchall()}

    @property
    def started(self) -> set[str]:
        return {task for task, state in self.column("state").items() if state == "started"}


@pytest.fixture
def account(snowflake_settings: Callable[..., Settings]) -> Account:
    return Account(snowflake_settings())


class TestStatements:
    def test_suspend_a_root_first_and_resume_it_last(self, settings):
        tasks = [*DAILY, *MONTHLY]
        assert changes(settings, tasks) == [
            *(("suspend", name) for name in tasks),
            ("drop", "RETENTION_DAILY"),
            *(("create", name) for name in tasks),
            *(("resume", name) for name in reversed(tasks)),
        ]

    def test_of_one_task_create_those_behind_it_too(self, settings):
        assert changes(settings, DAILY, only="PREDICTION_DAILY") == [
            *(("suspend", name) for name in DAILY),
            *(("create", name) for name in DAILY[1:]),
            *(("resume", name) for name in reversed(DAILY)),
        ]

    def test_of_a_task_alone_leave_the_others(self, settings):
        assert changes(settings, [], only="TRAINING_MONTHLY") == [
            ("suspend", "TRAINING_MONTHLY"),
            ("create", "TRAINING_MONTHLY"),
        ]

    def test_name_the_integration_at_each_root(self, make_settings):
        settings = make_settings(snowflake={"error_integration": "pager"})
        created = [sql for sql in task_statements(settings, "WH", resumed=()) if sql.startswith("CREATE")]
        assert ["ERROR_INTEGRATION = PAGER " in sql for sql in created] == [" AFTER " not in sql for sql in created]

    def test_refuse_an_integration_that_needs_quotes(self, make_settings):
        settings = make_settings(snowflake={"error_integration": "P AS SELECT 1"})
        with pytest.raises(SettingsError, match=r"snowflake\.error_integration is 'P AS SELECT 1'"):
            list(task_statements(settings, "WH", resumed=()))


class TestDeployment:
    def test_links_the_tasks_of_a_day(self, account):
        account.deploy(resume=True)
        links = {name: after.strip('[]"').rpartition(".")[2] for name, after in account.column("predecessors").items()}
        assert links == dict.fromkeys([*DAILY, *MONTHLY], "") | dict(zip(DAILY[1:], DAILY, strict=False))
        assert account.started == {*DAILY, *MONTHLY}

    def test_suspends_tasks_that_were_started(self, account):
        account.deploy(resume=True)
        account.deploy()
        assert account.started == set()

    def test_replaces_tasks_that_followed_their_own_clock(self, account):
        for name in DAILY[:2]:
            account.run(f"CREATE TASK {name} WAREHOUSE = COMPUTE_WH SCHEDULE = 'USING CRON 0 5 * * * UTC' AS SELECT 1")
            account.run(f"ALTER TASK {name} RESUME")
        account.deploy(resume=True)
        assert account.started == {*DAILY, *MONTHLY}

    def test_drops_a_task_that_the_settings_no_longer_have(self, account):
        settings = account.connector.settings.model_copy(update={"retention": RetentionSettings(raw_days=500)})
        account.deploy(settings=settings, resume=True)
        assert "RETENTION_DAILY" in account.started
        account.deploy(resume=True)
        assert "RETENTION_DAILY" not in account.column("state")
        assert "-- The settings have no RETENTION_DAILY: it is dropped if it exists." in account.shown


class TestDeploymentOfOneTask:
    @pytest.mark.parametrize("started", [True, False])
    def test_leaves_its_graph_as_it_was(self, account, started):
        account.deploy(resume=started)
        before = account.column("predecessors"), account.started
        account.deploy(only="prediction_daily")
        assert (account.column("predecessors"), account.started) == before

    def test_keeps_the_links_of_a_root(self, account):
        account.deploy(resume=True)
        before = account.column("predecessors")
        account.deploy(only="DATASET_DAILY")
        assert account.column("predecessors") == before

    def test_resumes_its_graph_if_asked(self, account):
        account.deploy()
        account.deploy(only="MONITORING_DAILY", resume=True)
        assert account.started == set(DAILY)

    def test_of_an_unknown_name_lists_the_names(self, account):
        with pytest.raises(UnknownObject, match="there is no task NOWHERE: name one of DATASET_DAILY, "):
            account.deploy(only="nowhere")

    def test_of_an_absent_task_lists_the_names(self, account):
        """The settings keep raw sessions."""
        with pytest.raises(UnknownObject, match="there is no task RETENTION_DAILY"):
            account.deploy(only="RETENTION_DAILY")


class TestDeploymentOfOneProcedure:
    def test_creates_no_other(self, account):
        deploy_procedures(account.connector, account.shown.append, commit="c", dry=True, only="prediction")
        created = [sql.split("(")[0].split()[-1] for sql in account.shown if sql.startswith("CREATE")]
        assert created == ["PREDICTION"]

    def test_of_an_unknown_name_lists_the_names(self, account):
        with pytest.raises(UnknownObject, match=r"there is no procedure NOWHERE: name one of DATASET, TRAINING, "):
            deploy_procedures(account.connector, print, commit="c", dry=True, only="nowhere")
