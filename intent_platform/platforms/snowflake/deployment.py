"""Deploys stored procedures and tasks, which run the platform without Dagster.

The module has their SQL and uploads the code. `procedures` has the functions that the procedures call.
"""

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

import intent_platform
from intent_platform.clocks import clocks_of
from intent_platform.errors import SettingsError
from intent_platform.partitions import TIMEZONE_NAME
from intent_platform.platforms.ledger import NO_REASON
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.preparation import STAGE, run
from intent_platform.platforms.snowflake.query_tag import query_tag
from intent_platform.platforms.sql import statement_beside
from intent_platform.settings import CONFIG_FILE, Settings, changes_of
from intent_platform.settings.operation import AlertSettings
from intent_platform.settings.platforms import SnowflakeSettings

_RUNTIME = "3.11"  # of Python inside Snowflake
#: The packages that the code imports inside Snowflake. The procedures require the versions that are installed here.
_PACKAGES = (
    *("snowflake-snowpark-python", "snowflake-ml-python", "catboost", "scikit-learn", "scipy", "numpy", "pandas"),
    *("optuna", "pyarrow", "pydantic", "pydantic-settings", "pyyaml", "sqlglot"),
)
_SUFFIXES = (".py", ".sql", ".json", ".yml", ".typed")
_NOW = f"CONVERT_TIMEZONE('{TIMEZONE_NAME}', CURRENT_TIMESTAMP())"
_YESTERDAY = f"DATEADD('day', -1, {_NOW}::DATE)"
_THIS_MONTH = f"DATE_TRUNC('month', {_NOW})::DATE"


@dataclass(frozen=True)
class Procedure:
    """One stored procedure.

    Attributes:
        name: its name in Snowflake.
        parameters: the name of each parameter, and its SQL type with the default.
        function: the function of `procedures` that it calls.
        meaning: one phrase, for the comment in the database.
    """

    name: str
    parameters: tuple[tuple[str, str], ...]
    function: str
    meaning: str


@dataclass(frozen=True)
class Task:
    """One task: its name, the asset in its query tag, and the statement that calls its procedure."""

    name: str
    asset: str
    statement: str


PROCEDURES = (
    Procedure("DATASET", (("SESSION_DATE", "DATE"),), "run_dataset", "Builds the features of a day"),
    Procedure(
        "TRAINING",
        (("MONTH", "DATE"), ("RUN_ID", "VARCHAR DEFAULT NULL")),
        "run_training",
        "Trains the challenger of a month",
    ),
    Procedure(
        "MODEL_EVALUATION",
        (("MONTH", "DATE"),),
        "run_model_evaluation",
        "Compares the challenger with the champion, and promotes it if the gate decides so",
    ),
    Procedure(
        "PREDICTION",
        (("SESSION_DATE", "DATE"), ("MODEL", "VARCHAR DEFAULT NULL")),
        "run_prediction",
        "Scores a day",
    ),
    Procedure("MONITORING", (("SESSION_DATE", "DATE"),), "run_monitoring", "Measures the scores of a day"),
    Procedure("RETENTION", (), "run_retention", "Deletes raw sessions that are older than retention.raw_days"),
    Procedure(
        "ROLLBACK",
        (("VERSION", "VARCHAR DEFAULT ''"), ("REASON", f"VARCHAR DEFAULT '{NO_REASON}'")),
        "run_rollback",
        "Makes an earlier version champion and quarantines the version it replaces",
    ),
)

#: The task of each clock.
TASKS = {
    "retention": Task("RETENTION_DAILY", "source", "CALL RETENTION()"),
    "sessions": Task("DATASET_DAILY", "dataset", f"CALL DATASET({_YESTERDAY})"),
    "scores": Task("PREDICTION_DAILY", "scores", f"CALL PREDICTION({_YESTERDAY})"),
    "training": Task("TRAINING_MONTHLY", "challenger_model", f"CALL TRAINING({_THIS_MONTH})"),
    "evaluation": Task("MODEL_EVALUATION_MONTHLY", "evaluation", f"CALL MODEL_EVALUATION({_THIS_MONTH})"),
}


def procedure_statements(archive: str, commit: str) -> Iterator[str]:
    """The CREATE statement of each procedure. `archive` is the file of the code on the stage, `commit` its commit."""
    for procedure in PROCEDURES:
        names = [name.lower() for name, _ in procedure.parameters]
        yield statement_beside(__file__, "procedure.sql").format(
            name=procedure.name,
            parameters=", ".join(f"{name} {kind}" for name, kind in procedure.parameters),
            runtime=_RUNTIME,
            packages=", ".join(f"'{package}=={metadata.version(package)}'" for package in _PACKAGES),
            stage=STAGE,
            archive=archive,
            commit=commit,
            meaning=procedure.meaning,
            function=procedure.function,
            arguments=", ".join(["session", *names]),
        )


def task_statements(settings: Settings, warehouse: str, *, resume: bool) -> Iterator[str]:
    """The statements of the tasks, with the schedules' clocks. A task computes its day at run time, in Asia/Tokyo."""
    clocks, limit = clocks_of(settings), settings.snowflake.statement_timeout_seconds
    # Without it Snowflake ends a task after an hour, whatever the limit of its statements is.
    longest = "" if limit is None else f"USER_TASK_TIMEOUT_MS = {1_000 * limit} "
    for clock in clocks.values():
        task = TASKS[clock.name]
        tag = query_tag(settings.deployment, task=task.name, asset=task.asset)
        yield (
            f"CREATE OR REPLACE TASK {task.name} WAREHOUSE = {warehouse} "
            f"SCHEDULE = 'USING CRON {clock.cron} {TIMEZONE_NAME}' "
            f"QUERY_TAG = '{tag}' {longest}SUSPEND_TASK_AFTER_NUM_FAILURES = 3 AS {task.statement}"
        )
    for name in clocks:
        yield f"ALTER TASK {TASKS[name].name} {'RESUME' if resume else 'SUSPEND'}"


def deployment_connector(settings: Settings) -> SnowflakeConnector:
    """The connector to the account of the procedures and tasks.

    Raises:
        SettingsError: the deployment is local.
    """
    if settings.deployment == "local":
        raise SettingsError(
            "local has neither procedures nor tasks, because Dagster does their work: set INTENT_PLATFORM_DEPLOYMENT "
            "to dev or prod"
        )
    return SnowflakeConnector(settings)


def deploy_procedures(connector: SnowflakeConnector, show: Callable[[str], None], *, commit: str, dry: bool) -> None:
    """Upload the code to the stage and create the procedures. Each statement is shown first; `dry` runs none.

    Raises:
        WarehouseError, SettingsError: see `SnowflakeConnector.open`.
    """
    with TemporaryDirectory() as folder:
        archive = pack(Path(folder), connector.settings)
        upload = f"PUT 'file://{archive.as_posix()}' @{STAGE} AUTO_COMPRESS = FALSE OVERWRITE = TRUE"
        run(connector, [upload, *procedure_statements(archive.name, commit)], show, schema=True, dry=dry)


def deploy_tasks(connector: SnowflakeConnector, show: Callable[[str], None], *, resume: bool, dry: bool) -> None:
    """Create the tasks, and resume or suspend them. Each statement is shown first; `dry` runs none.

    Raises:
        WarehouseError, SettingsError: see `SnowflakeConnector.open`.
    """
    statements = task_statements(connector.settings, connector.parameters["warehouse"], resume=resume)
    run(connector, list(statements), show, schema=True, dry=dry)


def pack(folder: Path, settings: Settings) -> Path:
    """Write the package as a zip file into `folder`. Its `config.yml` has the settings that differ from the defaults.

    The file name contains a digest of the content, so a procedure never uses a mixture of two releases.
    """
    package = Path(intent_platform.__file__).parent
    files = {
        str(path.relative_to(package.parent)): path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.suffix in _SUFFIXES and "__pycache__" not in path.parts
    }
    # Not sorted, because the search draws its parameters in the order of the settings.
    config = yaml.safe_dump(changes_of(_inside_a_procedure(settings)), sort_keys=False)
    files[str(CONFIG_FILE.relative_to(package.parent))] = config.encode()
    digest = sha256(b"".join(name.encode() + text for name, text in files.items())).hexdigest()[:12]
    archive = folder / f"{package.name}_{digest}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return archive


def _inside_a_procedure(settings: Settings) -> Settings:
    """The settings for a procedure: without connection, alerts and secrets, and with training in its own process."""
    return settings.model_copy(
        update={
            "home": Path("/tmp/intent_platform"),  # noqa: S108  a procedure writes nothing there
            "snowflake": SnowflakeSettings(),
            "alerts": AlertSettings(),
            "training": settings.training.model_copy(update={"place": "process"}),
        }
    )
