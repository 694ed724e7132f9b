"""The baseline: the RandomForest of the sandbox that this project grew out of.

The features, search space and search are the sandbox's own. This module only adds seeds where the sandbox has none.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bench.tuning import Job, Peer

if TYPE_CHECKING:
    import optuna

NUMERIC = (
    *("ADMINISTRATIVE", "ADMINISTRATIVE_DURATION", "INFORMATIONAL", "INFORMATIONAL_DURATION"),
    *("PRODUCTRELATED", "PRODUCTRELATED_DURATION", "BOUNCERATES", "EXITRATES", "PAGEVALUES", "SPECIALDAY"),
)
CATEGORICAL = ("BROWSER", "REGION", "TRAFFICTYPE", "VISITORTYPE", "WEEKEND", "MONTH")
_KEPT_SHARE = 0.8
_TPE_DEFAULT_STARTUP = 10


def kept_rows(count: int, seed: int) -> npt.NDArray[np.intp]:
    """The row numbers of the four fifths to train on; the sandbox holds out the other rows at random."""
    from sklearn.model_selection import train_test_split

    kept, _ = train_test_split(np.arange(count), train_size=_KEPT_SHARE, random_state=seed)
    return np.asarray(np.sort(kept), dtype=np.intp)


def suggest(trial: "optuna.Trial") -> Mapping[str, Any]:
    """Draw one point of the search space."""
    return {
        "n_estimators": trial.suggest_int("n_estimators", 10, 500),
        "max_depth": trial.suggest_int("max_depth", 2, 30),
        "min_samples_split": trial.suggest_int("min_samples_split", 2, 20),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 10),
        "max_features": trial.suggest_categorical("max_features", ["sqrt", "log2"]),
        "criterion": trial.suggest_categorical("criterion", ["gini", "entropy"]),
    }


def fit(job: Job) -> tuple[Any, int | None]:
    """Scale the numbers, encode the categories as codes (-1 for an unknown one), and fit the forest."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder, StandardScaler

    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    categorical = [name for name in job.inputs.columns if name in CATEGORICAL]
    numeric = [name for name in job.inputs.columns if name not in CATEGORICAL]
    columns = ColumnTransformer([("numeric", StandardScaler(), numeric), ("codes", encoder, categorical)])
    forest = RandomForestClassifier(**job.parameters, random_state=job.seed, n_jobs=job.threads)
    return Pipeline([("columns", columns), ("forest", forest)]).fit(job.inputs, job.labels), None


SANDBOX = Peer(
    "sandbox: RandomForest",
    fit,
    suggest,
    columns=(*NUMERIC, *CATEGORICAL[:-1]),
    startup=_TPE_DEFAULT_STARTUP,
    kept=kept_rows,
)
