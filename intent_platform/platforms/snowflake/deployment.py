"""Stored procedures and tasks, for those who run without Dagster: their SQL, and bringing the code to the stage.

What the procedures do is in `procedures`; here is only how they are declared.
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

_RUNTIME = "3.11"
#: What the code imports inside Snowflake, as locked here.
_PACKAGES = (
    *("snowflake-snowpark-python", "snowflake-ml-python", "catboost", "scikit-learn", "scipy", "numpy", "pandas"),
    *("optuna", "pyarrow", "pydantic", "pydantic-settings", "pyyaml", "sqlglot"),
)
_SUFFIXES = (".py", ".sql", ".json", ".yml", ".typed")
_MOMENT = f"CONVERT_TIMEZONE('{TIMEZONE_NAME}', CURRENT_TIMESTAMP())"
_YESTERDAY = f"DATEADD('day', -1, {_MOMENT}::DATE)"
_THIS_MONTH = f"DATE_TRUNC('month', {_MOMENT})::DATE"


@dataclass(frozen=True)
class Procedure:
    """One procedure: its name, its parameters with their SQL types and defaults, and the function behind it."""

    name: str
    parameters: tuple[tuple[str, str], ...]
    function: str
    meaning: str


@dataclass(frozen=True)
class Task:
    """One task: its name, the asset that its queries are tagged with, and the procedure that it calls."""

    name: str
    asset: str
    statement: str


PROCEDURES = (
    Procedure("DATASET", (("SESSION_DATE", "DATE"),), "run_dataset", "Sessions with model features, of a day"),
    Procedure(
        "TRAINING",
        (("MONTH", "DATE"), ("RUN_ID", "VARCHAR DEFAULT NULL")),
        "run_training",
        "The challenger of a month",
    ),
    Procedure(
        "MODEL_EVALUATION",
        (("MONTH", "DATE"),),
        "run_model_evaluation",
        "Challenger against champion, and the promotion that follows",
    ),
    Procedure(
        "PREDICTION",
        (("SESSION_DATE", "DATE"), ("MODEL", "VARCHAR DEFAULT NULL")),
        "run_prediction",
        "The scores of a day",
    ),
    Procedure(
        "ROLLBACK",
        (("VERSION", "VARCHAR DEFAULT ''"), ("REASON", f"VARCHAR DEFAULT '{NO_REASON}'")),
        "run_rollback",
        "The champion goes back to a version; the one left is quarantined",
    ),
)

#: By clock: the task that it starts.
TASKS = {
    "sessions": Task("DATASET_DAILY", "dataset", f"CALL DATASET({_YESTERDAY})"),
    "scores": Task("PREDICTION_DAILY", "scores", f"CALL PREDICTION({_YESTERDAY})"),
    "training": Task("TRAINING_MONTHLY", "challenger_model", f"CALL TRAINING({_THIS_MONTH})"),
    "evaluation": Task("MODEL_EVALUATION_MONTHLY", "evaluation", f"CALL MODEL_EVALUATION({_THIS_MONTH})"),
}


def procedure_statements(archive: str, commit: str) -> Iterator[str]:
    """One CREATE for each procedure, whose code is `archive` on the stage and was made from `commit`."""
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
    """The tasks with the clocks of the schedules; each computes its day when it runs, in Asia/Tokyo."""
    clocks = clocks_of(settings.schedules)
    for clock in clocks.values():
        task = TASKS[clock.name]
        tag = query_tag(settings.deployment, task=task.name, asset=task.asset)
        yield (
            f"CREATE OR REPLACE TASK {task.name} WAREHOUSE = {warehouse} "
            f"SCHEDULE = 'USING CRON {clock.cron} {TIMEZONE_NAME}' "
            f"QUERY_TAG = '{tag}' SUSPEND_TASK_AFTER_NUM_FAILURES = 3 AS {task.statement}"
        )
    for name in clocks:
        yield f"ALTER TASK {TASKS[name].name} {'RESUME' if resume else 'SUSPEND'}"


def deployment_connector(settings: Settings) -> SnowflakeConnector:
    """The connector to the account that gets procedures and tasks.

    Raises:
        SettingsError: the deployment is local.
    """
    if settings.deployment == "local":
        raise SettingsError(
            "local has neither procedures nor tasks, Dagster does their work: set INTENT_PLATFORM_DEPLOYMENT to dev or "
            "prod"
        )
    return SnowflakeConnector(settings)


def deploy_procedures(connector: SnowflakeConnector, show: Callable[[str], None], *, commit: str, dry: bool) -> None:
    """Bring the code to the stage and declare the procedures, showing each statement first; with `dry`, show only.

    Raises:
        WarehouseError, SettingsError: see `SnowflakeConnector`.
    """
    with TemporaryDirectory() as folder:
        archive = pack(Path(folder), connector.settings)
        upload = f"PUT 'file://{archive.as_posix()}' @{STAGE} AUTO_COMPRESS = FALSE OVERWRITE = TRUE"
        run(connector, [upload, *procedure_statements(archive.name, commit)], show, schema=True, dry=dry)


def deploy_tasks(connector: SnowflakeConnector, show: Callable[[str], None], *, resume: bool, dry: bool) -> None:
    """Declare the tasks and resume or suspend them, showing each statement first; with `dry`, show only."""
    statements = task_statements(connector.settings, connector.parameters["warehouse"], resume=resume)
    run(connector, list(statements), show, schema=True, dry=dry)


def pack(folder: Path, settings: Settings) -> Path:
    """The package as a zip in `folder`, its `config.yml` holding what these settings change of the defaults.

    The name holds a digest of the content: a procedure never sees half of a new release.
    """
    package = Path(intent_platform.__file__).parent
    files = {
        str(path.relative_to(package.parent)): path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.suffix in _SUFFIXES and "__pycache__" not in path.parts
    }
    # Not sorted: the search draws its parameters in the order that they are written in.
    config = yaml.safe_dump(changes_of(_inside_a_procedure(settings)), sort_keys=False)
    files[str(CONFIG_FILE.relative_to(package.parent))] = config.encode()
    digest = sha256(b"".join(name.encode() + text for name, text in files.items())).hexdigest()[:12]
    archive = folder / f"{package.name}_{digest}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return archive


def _inside_a_procedure(settings: Settings) -> Settings:
    """The settings without connection, alerts and secrets. A challenger is trained where the procedure runs."""
    return settings.model_copy(
        update={
            "home": Path("/tmp/intent_platform"),  # noqa: S108  nothing is written there
            "snowflake": SnowflakeSettings(),
            "alerts": AlertSettings(),
            "training": settings.training.model_copy(update={"place": "process"}),
        }
    )
