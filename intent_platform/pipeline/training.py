"""A month's challenger: the rows it is trained on, and logging it with where it came from."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from intent_platform.errors import TrainingRefused
from intent_platform.modelling.search import Trial
from intent_platform.modelling.training import Training, train
from intent_platform.partitions import Window, day_of, training_window
from intent_platform.platforms.ports import Platform, Session
from intent_platform.platforms.publish import in_window
from intent_platform.platforms.versions import ModelVersion, Provenance
from intent_platform.settings import TrainingSettings
from intent_platform.tables import DATASET


def train_challenger(
    platform: Platform,
    month: str,
    training: TrainingSettings,
    *,
    run_id: str,
    report: Callable[[Trial], None] | None = None,
) -> tuple[ModelVersion, Training]:
    """Train the challenger of monthly key `month` and log it; `report` is told of every trial.

    Raises:
        TrainingRefused: the training window cannot carry a model.
    """
    window = training_window(month, training.months)
    with platform.warehouse.session() as session:
        rows = training_rows(session, window, training)
    try:
        trained = train(rows, training, report=report)
    except TrainingRefused as error:
        raise TrainingRefused(f"no challenger for {month[:7]}, training window {window}: {error}") from error
    version = platform.registry.log(
        trained.model,
        Provenance(
            month=day_of(month),
            training_window=window,
            sessions=trained.sessions,
            positives=trained.positives,
            features=trained.model.features,
            parameters=trained.parameters,
            metrics=trained.metrics.as_dict(),
            iterations=trained.iterations,
            git_commit=git_commit(),
            run_id=run_id,
        ),
        trained.trials,
    )
    return version, trained


def training_rows(session: Session, window: Window, training: TrainingSettings) -> pa.Table:
    """The sessions of `window` with the features to train on, all of them or `max_sessions` at most.

    The sample keeps the share of purchases, is the same every time, and is drawn where the data is.
    """
    columns = ", ".join(("UID", "SESSION_DATE", "REVENUE", *training.features))
    query = f"SELECT {columns} FROM DATASET WHERE {in_window(DATASET)}"  # noqa: S608
    if training.max_sessions is None:
        return session.fetch(query, start=window.start, end=window.end)
    return session.fetch(
        query + " QUALIFY ROW_NUMBER() OVER (PARTITION BY REVENUE "
        "ORDER BY MD5(CONCAT(:seed, UID, CAST(SESSION_DATE AS VARCHAR))), UID, SESSION_DATE) "
        "<= FLOOR(COUNT(*) OVER (PARTITION BY REVENUE) * LEAST(1, :most / COUNT(*) OVER ()))",
        start=window.start,
        end=window.end,
        seed=str(training.seed),
        most=training.max_sessions,
    )


def git_commit() -> str:
    """The commit of this code: what git says, or `GIT_COMMIT` where there is no checkout."""
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
