"""Train and score one model on one split, and store its scores.

Our model is trained by the product's own `train`, and a peer by `tuning`. `intervals` compares the scores.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from bench import peers, sandbox, tuning
from bench.store import Store, code_of, packages
from bench.tuning import Budget, Peer, Scored, score
from intent_platform.modelling import calibration, folds, model, search, training
from intent_platform.settings.training import TrainingSettings

OURS = "ours"
_DIGITS = 9


@dataclass(frozen=True)
class Runs:
    """Training runs on a set of rows with the fingerprint `content`. `store` keeps the results."""

    store: Store
    content: str

    def ours(self, name: str, rows: pa.Table, test: pa.Table, settings: TrainingSettings) -> Scored:
        """Score our model. The model calibrates its own scores, so the raw and calibrated scores are equal."""

        def compute() -> Mapping[str, Any]:
            started = time.process_time()
            probabilities = training.train(rows, settings).model.predict(test)
            return _stored(Scored(probabilities, probabilities, time.process_time() - started))

        depends_on = {
            "content": self.content,
            "split": name,
            "settings": settings.model_dump(mode="json", exclude={"threads"}),
            "code": code_of(calibration, folds, model, search, training),
            "packages": packages("catboost", "optuna", "scikit-learn", "numpy"),
        }
        return _scored(self.store.get_or(OURS, depends_on, compute))

    def peer(self, peer: Peer, name: str, rows: pa.Table, test: pa.Table, settings: TrainingSettings) -> Scored:
        """Score a peer that is searched with our features and our number of trials and folds."""
        budget = Budget(settings.trials, settings.folds, settings.threads, settings.seed)
        depends_on = {
            "content": self.content,
            "split": name,
            "peer": peer.name,
            "columns": peer.columns or settings.features,
            "budget": [budget.trials, budget.folds, budget.seed, settings.iterations, settings.patience],
            "code": code_of(peers, sandbox, tuning),
            "packages": packages("lightgbm", "xgboost-cpu", "xgboost", "optuna", "scikit-learn", "numpy"),
        }
        return _scored(
            self.store.get_or("peers", depends_on, lambda: _stored(score(peer, rows, test, settings.features, budget)))
        )


def _stored(scored: Scored) -> Mapping[str, Any]:
    return {
        "raw": scored.raw.round(_DIGITS).tolist(),
        "calibrated": scored.calibrated.round(_DIGITS).tolist(),
        "seconds": scored.seconds,
    }


def _scored(result: Mapping[str, Any]) -> Scored:
    return Scored(np.asarray(result["raw"]), np.asarray(result["calibrated"]), float(result["seconds"]))
