"""The peers: models of other libraries, with our features and the same budget of trials and folds.

Their search spaces are as wide as ours, and their first trial is a sensible default. `tuning` has the search itself.
"""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from bench import sandbox
from bench.tuning import Job, Peer
from intent_platform.settings.training import TrainingSettings

if TYPE_CHECKING:
    import optuna

_CODES = ("BROWSER", "REGION", "TRAFFICTYPE", "OPERATINGSYSTEMS", "MONTH")
# With a few thousand rows, several OpenMP threads spend more time waiting for each other than working.
_BOOSTER_THREADS = 1
_RARE = 10  # codes with fewer training rows share one column in the logistic regression


def peers(training: TrainingSettings) -> list[Peer]:
    """All peers. Boosted models have our limits on the number of trees and on the patience of early stopping."""
    most, patience = training.iterations, training.patience
    return [
        sandbox.SANDBOX,
        Peer(
            "RandomForest, our features",
            sandbox.fit,
            sandbox.suggest,
            first={
                "n_estimators": 250,
                "max_depth": 15,
                "min_samples_split": 10,
                "min_samples_leaf": 5,
                "max_features": "sqrt",
                "criterion": "gini",
            },
        ),
        Peer("LightGBM", _lightgbm(most, patience), _suggest_lightgbm, first=_boosting_first("min_child_samples")),
        Peer("XGBoost", _xgboost(most, patience), _suggest_xgboost, first=_boosting_first("min_child_weight")),
        Peer("HistGradientBoosting", _histogram(most, patience), _suggest_histogram, first=_HISTOGRAM_FIRST),
        Peer("logistic regression", _fit_logistic, _suggest_logistic, first={"C": 0.1}),
    ]


def installed(candidates: list[Peer]) -> tuple[list[Peer], list[str]]:
    """The candidates whose package is installed, and a sentence about each of the others."""
    needs = {"LightGBM": "lightgbm", "XGBoost": "xgboost"}
    missing = {
        peer.name: needs[peer.name] for peer in candidates if peer.name in needs and not find_spec(needs[peer.name])
    }
    there = [peer for peer in candidates if peer.name not in missing]
    return there, [f"{name} is left out: the package {package} is not installed" for name, package in missing.items()]


def _boosting_first(leaf: str) -> Mapping[str, Any]:
    return {
        "max_depth": 3,
        "learning_rate": 0.12,
        "reg_lambda": 5.0,
        leaf: 10,
        "colsample_bytree": 0.7,
        "subsample": 0.8,
    }


def _suggest_boosting(trial: "optuna.Trial", leaf: str) -> dict[str, Any]:
    return {
        "max_depth": trial.suggest_int("max_depth", 2, 5),
        "learning_rate": trial.suggest_float("learning_rate", 0.05, 0.3, log=True),
        "reg_lambda": trial.suggest_float("reg_lambda", 1.0, 30.0, log=True),
        leaf: trial.suggest_int(leaf, 1, 50, log=True),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.4, 1.0),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
    }


def _suggest_lightgbm(trial: "optuna.Trial") -> Mapping[str, Any]:
    return _suggest_boosting(trial, "min_child_samples")


def _lightgbm(most: int, patience: int) -> Callable[[Job], tuple[Any, int | None]]:
    def fit(job: Job) -> tuple[Any, int | None]:
        import lightgbm

        model = lightgbm.LGBMClassifier(
            **job.parameters,
            n_estimators=job.trees or most,
            num_leaves=2 ** job.parameters["max_depth"],
            subsample_freq=1,
            random_state=job.seed,
            n_jobs=_BOOSTER_THREADS,
            deterministic=True,
            force_row_wise=True,
            verbosity=-1,
        )
        if job.held_out is None:
            return model.fit(job.inputs, job.labels), job.trees
        inputs, labels = job.held_out
        stop = lightgbm.early_stopping(patience, verbose=False)
        model.fit(job.inputs, job.labels, eval_X=inputs, eval_y=labels, eval_metric="binary_logloss", callbacks=[stop])
        return model, int(model.best_iteration_)

    return fit


def _suggest_xgboost(trial: "optuna.Trial") -> Mapping[str, Any]:
    return _suggest_boosting(trial, "min_child_weight")


def _xgboost(most: int, patience: int) -> Callable[[Job], tuple[Any, int | None]]:
    def fit(job: Job) -> tuple[Any, int | None]:
        import xgboost

        model = xgboost.XGBClassifier(
            **job.parameters,
            n_estimators=job.trees or most,
            tree_method="hist",
            eval_metric="logloss",
            early_stopping_rounds=None if job.held_out is None else patience,
            random_state=job.seed,
            n_jobs=_BOOSTER_THREADS,
            verbosity=0,
        )
        if job.held_out is None:
            return model.fit(job.inputs, job.labels), job.trees
        model.fit(job.inputs, job.labels, eval_set=[job.held_out], verbose=False)
        return model, int(model.best_iteration) + 1

    return fit


_HISTOGRAM_FIRST: Mapping[str, Any] = {
    "max_depth": 3,
    "learning_rate": 0.12,
    "l2_regularization": 5.0,
    "min_samples_leaf": 10,
    "max_features": 0.7,
}


def _suggest_histogram(trial: "optuna.Trial") -> Mapping[str, Any]:
    return {
        "max_depth": trial.suggest_int("max_depth", 2, 5),
        "learning_rate": trial.suggest_float("learning_rate", 0.05, 0.3, log=True),
        "l2_regularization": trial.suggest_float("l2_regularization", 1.0, 30.0, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 50, log=True),
        "max_features": trial.suggest_float("max_features", 0.4, 1.0),
    }


def _histogram(most: int, patience: int) -> Callable[[Job], tuple[Any, int | None]]:
    def fit(job: Job) -> tuple[Any, int | None]:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits

        model = HistGradientBoostingClassifier(
            **job.parameters,
            max_iter=job.trees or most,
            early_stopping=job.held_out is not None,
            n_iter_no_change=patience,
            random_state=job.seed,
        )
        with threadpool_limits(_BOOSTER_THREADS):
            if job.held_out is None:
                return model.fit(job.inputs, job.labels), job.trees
            inputs, labels = job.held_out
            model.fit(job.inputs, job.labels, X_val=inputs, y_val=labels)
        return model, int(model.n_iter_)

    return fit


def _suggest_logistic(trial: "optuna.Trial") -> Mapping[str, Any]:
    return {"C": trial.suggest_float("C", 1e-3, 10.0, log=True)}


def _fit_logistic(job: Job) -> tuple[Any, int | None]:
    """Numbers as standardised logarithms (none is negative, most are skewed), and codes one-hot encoded."""
    import numpy as np
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    codes = [name for name in job.inputs.columns if name in _CODES]
    numbers = [name for name in job.inputs.columns if name not in _CODES]
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(FunctionTransformer(np.log1p), StandardScaler()), numbers),
            ("codes", OneHotEncoder(min_frequency=_RARE, handle_unknown="infrequent_if_exist"), codes),
        ]
    )
    model = make_pipeline(columns, LogisticRegression(**job.parameters, max_iter=2000))
    return model.fit(job.inputs, job.labels), None
