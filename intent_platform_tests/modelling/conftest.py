"""Frames with the columns of DATASET, made or real, and a quick training on the made ones."""

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest

from intent_platform.modelling.folds import Folds
from intent_platform.modelling.model import feature_matrix
from intent_platform.modelling.search import Trial
from intent_platform.modelling.training import TrainedModel, train
from intent_platform.settings import load_settings
from intent_platform.settings.training import IntRange, TrainingSettings
from intent_platform.tables import DATASET, MODEL_INPUTS


def made_sessions(rows: int, seed: int = 0) -> pa.Table:
    """`rows` sessions of DATASET. Purchases depend on page value and exit rate, with much left to chance."""
    generator = np.random.default_rng(seed)
    exit_rate = generator.beta(1, 12, rows)
    page_value = np.where(generator.random(rows) < 0.3, generator.gamma(2, 10, rows), 0.0)
    log_odds = -2.6 + 0.12 * page_value - 12 * exit_rate
    returning = (generator.random(rows) < 0.85).astype(np.int64)
    columns: dict[str, object] = {
        column.name: generator.integers(0, 2 if column.maximum == 1 else 12, rows)
        if column.type == "INTEGER"
        else generator.exponential(1.0, rows)
        for column in MODEL_INPUTS
    }
    columns |= {
        "UID": [str(UUID(bytes=generator.bytes(16))) for _ in range(rows)],
        "SESSION_DATE": [date(2024, 5, 1 + n % 28) for n in range(rows)],
        "REVENUE": (generator.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(np.int32),
        "VISITORTYPE": np.where(returning == 1, "Returning_Visitor", "New_Visitor"),
        "EXITRATES": exit_rate,
        "PAGEVALUES": page_value,
        "IS_RETURNING_VISITOR": returning,
        "IS_NEW_VISITOR": 1 - returning,
    }
    return pa.table({name: columns[name] for name in DATASET.column_names})


@pytest.fixture(scope="session")
def uci_rows(uci_csv: Path) -> Callable[[str], pa.Table]:
    """The real sessions of one month as DATASET has them, without the derived features."""
    with uci_csv.open(newline="") as file:
        sessions = [{name.upper(): cell for name, cell in row.items()} for row in csv.DictReader(file)]

    def of_month(month: str) -> pa.Table:
        chosen = [(number, row) for number, row in enumerate(sessions) if row["MONTH"] == month]
        columns: dict[str, list[object]] = {
            "UID": [str(UUID(int=number)) for number, _ in chosen],
            "SESSION_DATE": [date(2024, 1, 1)] * len(chosen),
        }
        for name in ("REVENUE", "WEEKEND"):
            columns[name] = [int(row[name] == "TRUE") for _, row in chosen]
        columns["IS_RETURNING_VISITOR"] = [int(row["VISITORTYPE"] == "Returning_Visitor") for _, row in chosen]
        for column in MODEL_INPUTS:
            if column.name in sessions[0] and column.name not in columns:
                columns[column.name] = [float(row[column.name]) for _, row in chosen]
        return pa.table(columns)

    return of_month


def quickened(training: TrainingSettings) -> TrainingSettings:
    """These settings with fewer trials, folds and trees."""
    search_space = {**training.search_space, "depth": IntRange(low=2, high=3)}
    return training.model_copy(update={"trials": 2, "folds": 3, "iterations": 60, "search_space": search_space})


@pytest.fixture(scope="session")
def quick() -> TrainingSettings:
    """The configured training, on fewer trials, folds and trees."""
    return quickened(load_settings().training)


def folds_of(rows: pa.Table, settings: TrainingSettings) -> Folds:
    """The rows, quantized and split as a training does."""
    matrix = feature_matrix([rows[name] for name in settings.features])
    labels = rows["REVENUE"].to_numpy().astype(np.int64)
    return Folds.of(matrix, labels, rows["SESSION_DATE"].to_numpy(), settings)


#: The sessions of most trainings in these tests.
ROWS = made_sessions(1_200)


@pytest.fixture(scope="session")
def trained_with_reports(quick: TrainingSettings) -> tuple[TrainedModel, list[Trial]]:
    """One quick training on `ROWS`, and the trials that it reported."""
    reported: list[Trial] = []
    return train(ROWS, quick, reported.append), reported


@pytest.fixture(scope="session")
def trained(trained_with_reports: tuple[TrainedModel, list[Trial]]) -> TrainedModel:
    """One quick training on `ROWS`, for the tests that only look at it."""
    return trained_with_reports[0]
