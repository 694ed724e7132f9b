"""The clocks, and the schedules and tasks that tick with them."""

from datetime import date, datetime

import pytest

from intent_platform.clocks import Clock, clocks_of
from intent_platform.definitions import build_definitions
from intent_platform.partitions import TIMEZONE, TIMEZONE_NAME, Window
from intent_platform.platforms.snowflake.tasks import task_statements

JUNE = Window(date(2024, 6, 1), date(2024, 7, 1))
#: By clock: its cron string, the job of its schedule, the task that it starts, and the beginning of the task's call.
EXPECTED = {
    "retention": ("0 3 * * *", "retention_job", "RETENTION_DAILY", "CALL RETENTION()"),
    "sessions": ("0 4 * * *", "sessions_job", "DATASET_DAILY", "CALL DATASET(DATEADD('day', -1, "),
    "scores": ("0 9 * * *", "scores_job", "PREDICTION_DAILY", "CALL PREDICTION(DATEADD('day', -1, "),
    "training": ("0 11 2 * *", "training_job", "TRAINING_MONTHLY", "CALL TRAINING(DATE_TRUNC('month', "),
    "evaluation": ("0 12 16 * *", "evaluation_job", "MODEL_EVALUATION_MONTHLY", "CALL MODEL_EVALUATION(DATE_TRUNC("),
}


@pytest.fixture
def settings(make_settings):
    """Hours and days that are not the defaults."""
    return make_settings(
        schedules={
            "retention_hour": 3,
            "sessions_hour": 4,
            "scores_hour": 9,
            "training_hour": 11,
            "training_day": 2,
            "evaluation_hour": 12,
            "evaluation_day": 16,
        },
        retention={"raw_days": 500},
    )


class TestDailyClock:
    clock = Clock("daily", 5)

    def test_has_a_cron_string(self):
        assert self.clock.cron == "0 5 * * *"

    def test_ticks_every_day(self):
        assert all(self.clock.ticks_on(day) for day in JUNE)

    def test_ticks_at_its_hour_in_tokyo(self):
        assert self.clock.ticks_in(JUNE)[-1] == datetime(2024, 6, 30, 5, tzinfo=TIMEZONE)


class TestMonthlyClock:
    clock = Clock("monthly", 10, 15)

    def test_has_a_cron_string(self):
        assert self.clock.cron == "0 10 15 * *"

    def test_ticks_on_one_day_of_the_month(self):
        assert [day for day in JUNE if self.clock.ticks_on(day)] == [date(2024, 6, 15)]

    def test_ticks_at_its_hour_in_tokyo(self):
        assert self.clock.ticks_in(JUNE) == [datetime(2024, 6, 15, 10, tzinfo=TIMEZONE)]


class TestEveryClock:
    def test_follows_the_settings(self, settings):
        crons = {name: clock.cron for name, clock in clocks_of(settings).items()}
        assert crons == {name: cron for name, (cron, *_) in EXPECTED.items()}

    def test_has_its_schedule(self, settings):
        schedules = build_definitions(settings).get_repository_def().schedule_defs
        found = {schedule.name: (schedule.cron_schedule, schedule.job_name) for schedule in schedules}
        assert found == {f"{name}_schedule": (cron, job) for name, (cron, job, *_) in EXPECTED.items()}
        assert {schedule.execution_timezone for schedule in schedules} == {TIMEZONE_NAME}

    def test_has_its_task(self, settings):
        created = [sql for sql in task_statements(settings, "WH", resumed=()) if sql.startswith("CREATE OR REPLACE")]
        for name, (cron, _, task, call) in EXPECTED.items():
            [statement] = [sql for sql in created if f"TASK {task} WAREHOUSE = WH " in sql]
            start = "AFTER DATASET_DAILY AS " if name == "scores" else f"SCHEDULE = 'USING CRON {cron} {TIMEZONE_NAME}'"
            assert start in statement
            assert call in statement


class TestRetentionClock:
    def test_exists_only_with_the_setting(self, settings, make_settings):
        assert clocks_of(settings).keys() - clocks_of(make_settings()).keys() == {"retention"}


class TestAddedClock:
    @pytest.fixture(autouse=True)
    def weekly_clock(self, settings, monkeypatch) -> None:
        clocks = {**clocks_of(settings), "weekly": Clock("weekly", 6)}
        for module in ("intent_platform.automation.schedules", "intent_platform.platforms.snowflake.tasks"):
            monkeypatch.setattr(f"{module}.clocks_of", lambda _: clocks)

    def test_needs_a_job(self, settings):
        """Without a job, the code location does not load."""
        with pytest.raises(KeyError, match="weekly"):
            build_definitions(settings)

    def test_needs_a_task(self, settings):
        """Without a task, the deployment of the tasks stops."""
        with pytest.raises(KeyError, match="weekly"):
            list(task_statements(settings, "WH", resumed=()))
