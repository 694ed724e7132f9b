"""Deploys the stored procedures, which run the platform without Dagster. `tasks` deploys what calls them.

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
from intent_platform.errors import SettingsError
from intent_platform.platforms.ledger import NO_REASON
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.preparation import STAGE, named, run
from intent_platform.platforms.sql import statement_beside
from intent_platform.settings import CONFIG_FILE, Settings, changes_of
from intent_platform.settings.operation import AlertSettings
from intent_platform.settings.platforms import SnowflakeSettings

RUNTIME = "3.11"  # of Python inside Snowflake
#: The packages that the code imports inside Snowflake. The procedures require the versions that are installed here.
_PACKAGES = (
    *("snowflake-snowpark-python", "snowflake-ml-python", "catboost", "scikit-learn", "scipy", "numpy", "pandas"),
    *("optuna", "pyarrow", "pydantic", "pydantic-settings", "pyyaml", "sqlglot"),
)
_SUFFIXES = (".py", ".sql", ".json", ".yml", ".typed")


@dataclass(frozen=True)
class Procedure:
    """One stored procedure.

    Attributes:
        name: its name in Snowflake.
        parameters: the name of each parameter, and its SQL type with the default.
        function: the function that it calls.
        meaning: one phrase, for the comment in the database.
        module: the module of the function.
    """

    name: str
    parameters: tuple[tuple[str, str], ...]
    function: str
    meaning: str
    module: str = "intent_platform.procedures"


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


def procedure_statements(archive: str, commit: str, only: str | None = None) -> Iterator[str]:
    """The CREATE statement of each procedure. `archive` is the file of the code on the stage, `commit` its commit.

    Raises:
        UnknownObject: there is no procedure `only`.
    """
    for procedure in PROCEDURES if only is None else [named("procedure", only, PROCEDURES)]:
        yield procedure_statement(procedure, archive, commit)


def procedure_statement(procedure: Procedure, archive: str, commit: str) -> str:
    """The CREATE statement of a procedure; see `procedure_statements`."""
    names = [name.lower() for name, _ in procedure.parameters]
    return statement_beside(__file__, "procedure.sql").format(
        name=procedure.name,
        parameters=", ".join(f"{name} {kind}" for name, kind in procedure.parameters),
        runtime=RUNTIME,
        packages=", ".join(f"'{requirement}'" for requirement in procedure_requirements()),
        stage=STAGE,
        archive=archive,
        commit=commit,
        meaning=procedure.meaning,
        module=procedure.module,
        function=procedure.function,
        arguments=", ".join(["session", *names]),
    )


def procedure_requirements() -> list[str]:
    """The packages of the procedures, in the versions that are installed here."""
    return [f"{package}=={metadata.version(package)}" for package in _PACKAGES]


def upload_statement(archive: Path) -> str:
    """The statement that puts the file of the code on the stage."""
    return f"PUT 'file://{archive.as_posix()}' @{STAGE} AUTO_COMPRESS = FALSE OVERWRITE = TRUE"


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


def deploy_procedures(
    connector: SnowflakeConnector, show: Callable[[str], None], *, commit: str, dry: bool, only: str | None = None
) -> None:
    """Upload the code to the stage and create the procedures. Each statement is shown first; `dry` runs none.

    With `only`, the other procedures keep the code of their deployment.

    Raises:
        UnknownObject: there is no procedure `only`.
        WarehouseError, SettingsError: see `SnowflakeConnector.open`.
    """
    with TemporaryDirectory() as folder:
        archive = pack(Path(folder), connector.settings)
        statements = [upload_statement(archive), *procedure_statements(archive.name, commit, only)]
        run(connector, statements, show, schema=True, dry=dry)


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
