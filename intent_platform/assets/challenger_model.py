"""`challenger_model`: one version a month, trained on the months before and logged to the registry."""

import dagster as dg

from intent_platform.assets.failures import fails_with_its_message
from intent_platform.assets.presentation import markdown_table
from intent_platform.modelling.search import Trial
from intent_platform.partitions import TIMEZONE_NAME, monthly_partitions
from intent_platform.pipeline.training import train_challenger, train_in_warehouse
from intent_platform.platforms.ports import Platform
from intent_platform.settings import Settings


def define_challenger_model(settings: Settings) -> dg.AssetsDefinition:
    """The asset."""
    months = settings.training.months

    @dg.asset(
        description=(
            f"The challenger of a month: a calibrated CatBoost model, trained on the {months} months before it and "
            "logged to the registry. Training a month again supersedes its earlier challenger."
        ),
        group_name="model",
        kinds={"catboost", "mlflow"},
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
    @fails_with_its_message
    def challenger_model(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult[None]:
        run_id = context.run.run_id

        def log_trial(trial: Trial) -> None:
            context.log.info(_sentence(trial, settings.training.trials))

        if settings.training.place == "warehouse":
            logged = train_in_warehouse(platform, context.partition_key, run_id=run_id)
            for trial in logged.trials:  # a procedure reports nothing before it ends
                log_trial(trial)
        else:
            logged = train_challenger(
                platform, context.partition_key, settings.training, run_id=run_id, report=log_trial
            )
        provenance = logged.version.provenance
        return dg.MaterializeResult(
            metadata={
                "version": logged.version.name,
                "training_window": f"{provenance.training_window}, {TIMEZONE_NAME}",
                "sessions": provenance.sessions,
                "purchases": provenance.purchases,
                "pr_auc": provenance.metrics.get("pr_auc") or 0.0,
                "out_of_fold_metrics": markdown_table(("metric", "value"), provenance.metrics.items()),
                "parameters": dict(provenance.parameters),
                "trials": markdown_table(
                    ("trial", "PR-AUC", "state", "parameters"),
                    [(t.number, t.value, t.state, t.parameters) for t in logged.trials],
                ),
            }
        )

    return challenger_model


def _sentence(trial: Trial, trials: int) -> str:
    found = trial.state if trial.value is None else f"PR-AUC {trial.value:.4f}"
    return f"trial {trial.number + 1} of {trials}: {found} ({trial.seconds:.1f} s)"
