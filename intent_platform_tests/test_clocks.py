"""The clocks, and that schedules and tasks tick with them."""

from datetime import date, datetime

import pytest

from intent_platform.clocks import Clock, clocks_of
from intent_platform.definitions import build_definitions
from intent_platform.partitions import TIMEZONE, TIMEZONE_NAME, Window
from intent_platform.platforms.snowflake.deployment import task_statements

DAILY, MONTHLY = Clock("daily", 5), Clock("monthly", 10, 15)
JUNE = Window(date(2024, 6, 1), date(2024, 7, 1))
#: By clock: its cron string, its schedule's job and the task that it starts.
EXPECTED = {
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
            "sessions_hour": 4,
            "scores_hour": 9,
            "training_hour": 11,
            "training_day": 2,
            "evaluation_hour": 12,
            "evaluation_day": 16,
        }
    )


def test_a_daily_clock_ticks_every_day():
    assert DAILY.cron == "0 5 * * *"
    assert all(DAILY.ticks_on(day) for day in JUNE)
    assert DAILY.ticks_in(JUNE)[-1] == datetime(2024, 6, 30, 5, tzinfo=TIMEZONE)


def test_a_monthly_clock_ticks_once_a_month():
    assert MONTHLY.cron == "0 10 15 * *"
    assert [day for day in JUNE if MONTHLY.ticks_on(day)] == [date(2024, 6, 15)]
    assert MONTHLY.ticks_in(JUNE) == [datetime(2024, 6, 15, 10, tzinfo=TIMEZONE)]


def test_every_clock_has_its_schedule(settings):
    schedules = build_definitions(settings).get_repository_def().schedule_defs
    found = {schedule.name: (schedule.cron_schedule, schedule.job_name) for schedule in schedules}
    assert found == {f"{name}_schedule": expected[:2] for name, expected in EXPECTED.items()}
    assert {schedule.execution_timezone for schedule in schedules} == {TIMEZONE_NAME}
    crons = {name: clock.cron for name, clock in clocks_of(settings.schedules).items()}
    assert crons == {name: expected[0] for name, expected in EXPECTED.items()}


def test_every_clock_has_its_task(settings):
    statements = list(task_statements(settings, "WH", resume=True))
    for (cron, _, task, call), created, altered in zip(EXPECTED.values(), statements[:4], statements[4:], strict=True):
        assert created.startswith(
            f"CREATE OR REPLACE TASK {task} WAREHOUSE = WH SCHEDULE = 'USING CRON {cron} {TIMEZONE_NAME}' QUERY_TAG = "
        )
        assert call in created
        assert altered == f"ALTER TASK {task} RESUME"


def test_a_clock_that_is_added_needs_a_job_and_a_task(settings, monkeypatch):
    """A forgotten entry fails where the code location loads, and where the tasks are made."""
    more = {**clocks_of(settings.schedules), "weekly": Clock("weekly", 6)}
    for module in ("intent_platform.automation.schedules", "intent_platform.platforms.snowflake.deployment"):
        monkeypatch.setattr(f"{module}.clocks_of", lambda _: more)
    with pytest.raises(KeyError, match="weekly"):
        build_definitions(settings)
    with pytest.raises(KeyError, match="weekly"):
        list(task_statements(settings, "WH", resume=False))
