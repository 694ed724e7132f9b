"""The tasks, which call the stored procedures without Dagster: their order, their statements and their deployment.

A task follows its clock, or it runs after the success of another task. `deployment` has the procedures.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from intent_platform.clocks import Clock, clocks_of
from intent_platform.partitions import TIMEZONE_NAME
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.preparation import named, plain_name, run
from intent_platform.platforms.snowflake.query_tag import query_tag
from intent_platform.settings import Settings

#: When the task's graph was due. A retry on a later day, and a task that runs after midnight, keep their day.
_DUE = (
    f"CONVERT_TIMEZONE('{TIMEZONE_NAME}', "
    "SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP')::TIMESTAMP_LTZ)"
)
_YESTERDAY = f"DATEADD('day', -1, {_DUE}::DATE)"
_THIS_MONTH = f"DATE_TRUNC('month', {_DUE})::DATE"
_FAILURES = 3  # in a row, after which Snowflake suspends a graph


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        name: its name in Snowflake.
        asset: the asset in its query tag.
        statement: the call of its procedure.
        after: the task whose success starts it. Without one, its clock starts it.
    """

    name: str
    asset: str
    statement: str
    after: str | None = None


#: The tasks of each clock. Tasks that follow another one come behind it.
TASKS = {
    "retention": (Task("RETENTION_DAILY", "source", "CALL RETENTION()"),),
    "sessions": (Task("DATASET_DAILY", "dataset", f"CALL DATASET({_YESTERDAY})"),),
    "scores": (
        Task("PREDICTION_DAILY", "scores", f"CALL PREDICTION({_YESTERDAY})", after="DATASET_DAILY"),
        Task("MONITORING_DAILY", "monitoring", f"CALL MONITORING({_YESTERDAY})", after="PREDICTION_DAILY"),
    ),
    "training": (Task("TRAINING_MONTHLY", "challenger_model", f"CALL TRAINING({_THIS_MONTH})"),),
    "evaluation": (Task("MODEL_EVALUATION_MONTHLY", "evaluation", f"CALL MODEL_EVALUATION({_THIS_MONTH})"),),
}


def task_statements(
    settings: Settings, warehouse: str, *, resumed: Collection[str], only: str | None = None
) -> Iterator[str]:
    """The statements that create the tasks and drop those that the settings do not have.

    Snowflake changes a graph only while its root is suspended, so the roots are suspended first and resumed last.

    Args:
        settings: the clocks, and the limits of a run.
        warehouse: where the tasks run.
        resumed: the names of the tasks to resume. The others stay suspended.
        only: the task to create. Snowflake takes it out of its graph, so the tasks behind it are created again, too.

    Raises:
        UnknownObject: the settings do not have the task `only`.
        SettingsError: the notification integration has a name that needs quotes.
    """
    clock_of = _clocks(settings)
    tasks = [*clock_of]
    created = tasks if only is None else _with_followers(tasks, only)
    graph = [task for task in tasks if _root_of(task, tasks) in {_root_of(one, tasks) for one in created}]
    yield from (f"ALTER TASK IF EXISTS {task.name} SUSPEND" for task in graph)
    if only is None:
        yield from (f"DROP TASK IF EXISTS {task.name}" for task in absent_tasks(settings))
    yield from (_created(task, clock_of[task], settings, warehouse) for task in created)
    yield from (f"ALTER TASK {task.name} RESUME" for task in reversed(graph) if task.name in resumed)


def absent_tasks(settings: Settings) -> list[Task]:
    """The tasks that these settings do not have. An earlier deployment may have created them."""
    present = _clocks(settings)
    return [task for tasks in TASKS.values() for task in tasks if task not in present]


def deploy_tasks(
    connector: SnowflakeConnector, show: Callable[[str], None], *, resume: bool, dry: bool, only: str | None = None
) -> None:
    """Create the tasks, suspended unless `resume`. Each statement is shown first; `dry` runs none.

    With `only`, its graph goes on as it was: the tasks that were started are resumed.

    Raises:
        UnknownObject, SettingsError: see `task_statements`.
        WarehouseError: see `SnowflakeConnector.open`.
    """
    settings, only = connector.settings, only.upper() if only else None
    resumed = {task.name for task in _clocks(settings)} if resume else set()
    warehouse = connector.parameters["warehouse"]
    statements = [*task_statements(settings, warehouse, resumed=resumed, only=only)]  # refuses before any connection
    if only and not resume and not dry:
        statements = [*task_statements(settings, warehouse, resumed=_started(connector), only=only)]
    if only is None:
        for task in absent_tasks(settings):
            show(f"-- The settings have no {task.name}: it is dropped if it exists.")
    run(connector, statements, show, schema=True, dry=dry)


def _clocks(settings: Settings) -> dict[Task, Clock]:
    """The tasks of these settings with their clocks, each one behind the task that it follows."""
    return {task: clock for clock in clocks_of(settings).values() for task in TASKS[clock.name]}


def _with_followers(tasks: Sequence[Task], only: str) -> list[Task]:
    found = [named("task", only, tasks)]
    for task in tasks:
        if task.after in {one.name for one in found}:
            found.append(task)
    return found


def _root_of(task: Task, tasks: Sequence[Task]) -> str:
    before = next((one for one in tasks if one.name == task.after), None)
    return _root_of(before, tasks) if before else task.name


def _created(task: Task, clock: Clock, settings: Settings, warehouse: str) -> str:
    limit = settings.snowflake.statement_timeout_seconds
    # Without it Snowflake ends a task after an hour, whatever the limit of its statements is.
    longest = "" if limit is None else f"USER_TASK_TIMEOUT_MS = {1_000 * limit} "
    tag = query_tag(settings.deployment, task=task.name, asset=task.asset)
    options = f"QUERY_TAG = '{tag}' TIMEZONE = '{TIMEZONE_NAME}' {longest}"
    created = f"CREATE OR REPLACE TASK {task.name} WAREHOUSE = {warehouse}"
    if task.after is not None:
        return f"{created} {options}AFTER {task.after} AS {task.statement}"
    integration = settings.snowflake.error_integration
    told = f"ERROR_INTEGRATION = {plain_name('error_integration', integration)} " if integration else ""
    return (
        f"{created} SCHEDULE = 'USING CRON {clock.cron} {TIMEZONE_NAME}' {options}"
        f"SUSPEND_TASK_AFTER_NUM_FAILURES = {_FAILURES} {told}AS {task.statement}"
    )


def _started(connector: SnowflakeConnector) -> set[str]:
    """The names of the tasks in the schema that are not suspended."""
    with connector.connect() as connection:
        return {str(task["name"]) for task in connection.show("SHOW TASKS IN SCHEMA") if task["state"] == "started"}
