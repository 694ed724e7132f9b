"""The challenger of a month: selecting its training rows, training it, and logging it with its provenance."""

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from intent_platform.errors import TrainingRefused
from intent_platform.modelling.search import Trial
from intent_platform.modelling.training import train
from intent_platform.partitions import Window, day_of, training_window
from intent_platform.platforms.loading import in_window
from intent_platform.platforms.ports import Connection, Platform
from intent_platform.platforms.versions import ModelVersion, Provenance
from intent_platform.settings.training import TrainingSettings
from intent_platform.tables import DATASET


@dataclass(frozen=True)
class LoggedChallenger:
    """The logged challenger of a month, and the trials of its search."""

    version: ModelVersion
    trials: Sequence[Trial]


def train_challenger(
    platform: Platform,
    month: str,
    settings: TrainingSettings,
    *,
    run_id: str,
    report: Callable[[Trial], None] | None = None,
) -> LoggedChallenger:
    """Train the challenger of monthly key `month` and log it. `report` receives every trial when it ends.

    Raises:
        TrainingRefused: the training window has too few sessions or purchases for a model.
    """
    window = training_window(month, settings.months)
    with platform.warehouse.connect() as connection:
        rows = training_rows(connection, window, settings)
    try:
        training = train(rows, settings, report=report)
    except TrainingRefused as error:
        raise TrainingRefused(f"no challenger for {month[:7]}, training window {window}: {error}") from error
    version = platform.registry.log(
        training.model,
        Provenance(
            month=day_of(month),
            training_window=window,
            sessions=training.sessions,
            purchases=training.positives,
            features=training.model.features,
            parameters=training.parameters,
            metrics=training.metrics.as_dict(),
            iterations=training.iterations,
            git_commit=git_commit(),
            run_id=run_id,
            profiles=training.profiles,
        ),
        training.trials,
    )
    return LoggedChallenger(version, training.trials)


def train_in_warehouse(platform: Platform, month: str, *, run_id: str) -> LoggedChallenger:
    """Let the deployed stored procedure TRAINING do the same, next to the data.

    Raises:
        WarehouseError: the procedure does not exist, or no warehouse can run it.
    """
    with platform.warehouse.connect() as connection:
        answer = json.loads(connection.value("CALL TRAINING(:month, :run_id)", month=day_of(month), run_id=run_id))
    if "refused" in answer:
        raise TrainingRefused(answer["refused"])
    return LoggedChallenger(
        platform.registry.version(answer["version"]), [Trial(**trial) for trial in answer["trials"]]
    )


def training_rows(connection: Connection, window: Window, training: TrainingSettings) -> pa.Table:
    """The sessions of `window` with the training features: all of them, or a sample of `max_sessions`.

    The warehouse draws the sample. It keeps the share of purchases and is the same every time.
    """
    columns = ", ".join(("UID", "SESSION_DATE", "REVENUE", *training.features))
    query = f"SELECT {columns} FROM DATASET WHERE {in_window(DATASET)}"
    if training.max_sessions is None:
        return connection.fetch(query, **window.bounds)
    return connection.fetch(
        query + " QUALIFY ROW_NUMBER() OVER (PARTITION BY REVENUE "
        "ORDER BY MD5(CONCAT(:seed, UID, CAST(SESSION_DATE AS VARCHAR))), UID, SESSION_DATE) "
        "<= FLOOR(COUNT(*) OVER (PARTITION BY REVENUE) * LEAST(1, :most / CAST(COUNT(*) OVER () AS DOUBLE)))",
        **window.bounds,
        seed=str(training.seed),
        most=training.max_sessions,
    )


def git_commit() -> str:
    """The commit of this code, from git. Without a checkout, the environment variable `GIT_COMMIT` or `unknown`."""
    folder = Path(__file__).parent
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return os.environ.get("GIT_COMMIT", "unknown")
    return found.stdout.strip()
