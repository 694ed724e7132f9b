"""`challenger_model`: one version a month, trained on the months before it and logged to the registry."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pyarrow as pa

from intent_platform.assets.presentation import markdown_table
from intent_platform.errors import TrainingRefused, VersionUnfit
from intent_platform.modelling.search import Trial
from intent_platform.modelling.training import train
from intent_platform.partitions import TIMEZONE_NAME, Window, day_of, monthly_partitions, training_window
from intent_platform.platforms.champion import prove_fit
from intent_platform.platforms.ports import ModelRegistry, Session, Warehouse
from intent_platform.platforms.publish import in_window
from intent_platform.platforms.versions import Provenance
from intent_platform.settings import Settings, TrainingSettings
from intent_platform.tables import DATASET


def challenger_model(settings: Settings) -> Sequence[dg.AssetsDefinition | dg.AssetChecksDefinition]:
    """The asset and its checks."""
    months = settings.training.months

    @dg.asset(
        description=(
            f"The challenger of a month: CatBoost, trained on the {months} months before it, calibrated, logged to the "
            "registry under a version name. Training a month again supersedes its earlier challenger."
        ),
        group_name="model",
        kinds={"catboost", "mlflow"},
        owners=[settings.owner],
        tags={"domain": "model"},
        code_version="1",
        deps=[
            dg.AssetDep(
                "dataset",
                partition_mapping=dg.TimeWindowPartitionMapping(
                    start_offset=-months, end_offset=-1, allow_nonexistent_upstream_partitions=True
                ),
            )
        ],
        partitions_def=monthly_partitions(settings.first_day),
    )
    def challenger_model(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        registry: dg.ResourceParam[ModelRegistry],
    ) -> dg.MaterializeResult[None]:
        month = context.partition_key
        window = training_window(month, months)
        with warehouse.session() as session:
            rows = training_rows(session, window, settings.training)
        try:
            training = train(rows, settings.training, report=lambda trial: context.log.info(_sentence(trial)))
        except TrainingRefused as error:
            raise TrainingRefused(f"no challenger for {month[:7]}, training window {window}: {error}") from error
        version = registry.log(
            training.model,
            Provenance(
                month=day_of(month),
                training_window=window,
                sessions=training.sessions,
                positives=training.positives,
                features=training.model.features,
                parameters=training.parameters,
                metrics=training.metrics.as_dict(),
                iterations=training.iterations,
                git_commit=git_commit(),
                run_id=context.run.run_id,
            ),
            training.trials,
        )
        return dg.MaterializeResult(
            metadata={
                "version": version.name,
                "training_window": f"{window}, {TIMEZONE_NAME}",
                "sessions": training.sessions,
                "purchases": training.positives,
                "pr_auc": training.metrics.pr_auc or 0.0,
                "out_of_fold_metrics": markdown_table(("metric", "value"), training.metrics.as_dict().items()),
                "parameters": dict(training.parameters),
                "trials": markdown_table(
                    ("trial", "PR-AUC", "state", "parameters"),
                    [(t.number, t.value, t.state, t.parameters) for t in training.trials],
                ),
            }
        )

    @dg.asset_check(
        asset="challenger_model",
        name="newest_version_is_fit",
        description="The version trained last loads, scores a sample, and ranks better than chance out of fold.",
    )
    def newest_version_is_fit(
        warehouse: dg.ResourceParam[Warehouse], registry: dg.ResourceParam[ModelRegistry]
    ) -> dg.AssetCheckResult:
        versions = registry.versions()
        if not versions:
            return dg.AssetCheckResult(
                passed=False, severity=dg.AssetCheckSeverity.WARN, description="no version was trained yet"
            )
        newest = versions[-1]
        try:
            prove_fit(warehouse, registry, newest.name)
        except VersionUnfit as error:
            return dg.AssetCheckResult(passed=False, description=str(error))
        pr_auc = newest.provenance.metrics.get("pr_auc") or 0.0
        prevalence = newest.provenance.positives / newest.provenance.sessions
        return dg.AssetCheckResult(
            passed=pr_auc > prevalence,
            description=f"{newest.name}: out-of-fold PR-AUC {pr_auc:.3f}, share of purchases {prevalence:.3f}",
        )

    return [challenger_model, newest_version_is_fit]


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


def _sentence(trial: Trial) -> str:
    shown = "–" if trial.value is None else f"{trial.value:.4f}"
    return f"trial {trial.number}: PR-AUC {shown} ({trial.state}, {trial.seconds:.1f} s)"


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
