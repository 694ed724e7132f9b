"""`challenger_model`: one version a month, trained on the months before it and logged to the registry."""

from collections.abc import Sequence

import dagster as dg

from intent_platform.assets.presentation import markdown_table
from intent_platform.errors import VersionUnfit
from intent_platform.modelling.search import Trial
from intent_platform.partitions import TIMEZONE_NAME, monthly_partitions
from intent_platform.pipeline.training import train_challenger, train_in_warehouse
from intent_platform.platforms.champion import prove_fit
from intent_platform.platforms.ports import ModelRegistry, Platform, Warehouse
from intent_platform.settings import Settings


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
        platform, run_id = Platform(warehouse, registry), context.run.run_id

        def say(trial: Trial) -> None:
            context.log.info(_sentence(trial, settings.training.trials))

        if settings.training.place == "warehouse":
            trained = train_in_warehouse(platform, context.partition_key, run_id=run_id)
            for trial in trained.trials:  # a procedure says nothing before it is over
                say(trial)
        else:
            trained = train_challenger(platform, context.partition_key, settings.training, run_id=run_id, report=say)
        provenance = trained.version.provenance
        return dg.MaterializeResult(
            metadata={
                "version": trained.version.name,
                "training_window": f"{provenance.training_window}, {TIMEZONE_NAME}",
                "sessions": provenance.sessions,
                "purchases": provenance.purchases,
                "pr_auc": provenance.metrics.get("pr_auc") or 0.0,
                "out_of_fold_metrics": markdown_table(("metric", "value"), provenance.metrics.items()),
                "parameters": dict(provenance.parameters),
                "trials": markdown_table(
                    ("trial", "PR-AUC", "state", "parameters"),
                    [(t.number, t.value, t.state, t.parameters) for t in trained.trials],
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
            prove_fit(Platform(warehouse, registry), newest)
        except VersionUnfit as error:
            return dg.AssetCheckResult(passed=False, description=str(error))
        pr_auc = newest.provenance.metrics.get("pr_auc") or 0.0
        prevalence = newest.provenance.purchases / newest.provenance.sessions
        return dg.AssetCheckResult(
            passed=pr_auc > prevalence,
            description=f"{newest.name}: out-of-fold PR-AUC {pr_auc:.3f}, share of purchases {prevalence:.3f}",
        )

    return [challenger_model, newest_version_is_fit]


def _sentence(trial: Trial, trials: int) -> str:
    found = trial.state if trial.value is None else f"PR-AUC {trial.value:.4f}"
    return f"trial {trial.number + 1} of {trials}: {found} ({trial.seconds:.1f} s)"
