"""The input of a replay of promotion policies: the challenger of every month and its scores of all sessions.

This module only reads the warehouse and the registry. `modelling.replay` applies the policies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from intent_platform.errors import FeedError, TrainingRefused
from intent_platform.modelling.head_to_head import Contender
from intent_platform.modelling.metrics import Metrics
from intent_platform.modelling.model import IntentModel
from intent_platform.modelling.replay import History
from intent_platform.modelling.training import train
from intent_platform.partitions import Window, add_months, month_window, training_window
from intent_platform.pipeline.training import training_rows
from intent_platform.platforms.loading import in_window
from intent_platform.platforms.ports import Platform, challenger_of
from intent_platform.settings.training import TrainingSettings
from intent_platform.tables import DATASET


@dataclass(frozen=True)
class ReplayedChallenger:
    """The version of a month, from the registry or trained in memory."""

    name: str
    training_window: Window
    out_of_fold: Metrics
    model: IntentModel


def dataset_months(platform: Platform) -> Window:
    """The whole months that DATASET covers.

    Raises:
        FeedError: DATASET is empty.
    """
    with platform.warehouse.connect() as connection:
        days = connection.row("SELECT MIN(SESSION_DATE) AS FIRST_DAY, MAX(SESSION_DATE) AS LAST_DAY FROM DATASET")
    first, last = days["FIRST_DAY"], days["LAST_DAY"]
    if first is None:
        raise FeedError("DATASET is empty: load sessions with `make demo` first")
    return Window(add_months(first, 0), add_months(last, 1))


def replayed_challenger(platform: Platform, month: date, policy: TrainingSettings) -> ReplayedChallenger | None:
    """The month's version in the registry, or one trained in memory; None without enough training data."""
    version = challenger_of(platform.registry.versions(), month)
    if version is not None:
        provenance = version.provenance
        model = platform.registry.load(version)
        return ReplayedChallenger(
            version.name, provenance.training_window, Metrics.from_dict(provenance.metrics), model
        )
    window = training_window(month.isoformat(), policy.months)
    with platform.warehouse.connect() as connection:
        rows = training_rows(connection, window, policy)
    try:
        training = train(rows, policy)
    except TrainingRefused:
        return None
    return ReplayedChallenger(f"{month:%Y-%m} (in memory)", window, training.metrics, training.model)


def score_history(
    platform: Platform, months: Sequence[date], challengers: Mapping[date, ReplayedChallenger]
) -> History:
    """The scores of all sessions by every version. Memory holds the features of one month at a time."""
    features = sorted({feature for challenger in challengers.values() for feature in challenger.model.features})
    columns = ("REVENUE", "SESSION_DATE", "VISITORTYPE")
    facts: list[list[np.ndarray]] = []
    scores: dict[date, list[np.ndarray]] = {month: [] for month in challengers}
    with platform.warehouse.connect() as connection:
        for month in months:
            window = month_window(month.isoformat())
            rows = connection.fetch(
                f"SELECT {', '.join((*columns, *features))} FROM DATASET "
                f"WHERE {in_window(DATASET)} ORDER BY SESSION_DATE, UID",
                **window.bounds,
            )
            facts.append([rows[name].to_numpy() for name in columns])
            for of, challenger in challengers.items():
                scores[of].append(challenger.model.predict(rows))
    labels, days, slices = (np.concatenate(parts) for parts in zip(*facts, strict=True))
    contenders = {
        of: Contender(c.name, np.concatenate(scores[of]), c.training_window, c.out_of_fold)
        for of, c in challengers.items()
    }
    return History(labels, days, slices, contenders)
