"""`evaluation`: the challenger of a month against the champion of that moment, on days that neither has seen.

`pipeline.evaluation` gathers and stores, `modelling.promotion` decides. This module shows the result.
"""

from typing import Any

import dagster as dg

from intent_platform.assets.failures import fails_with_its_message
from intent_platform.assets.figures import calibration_figure, precision_recall_figure
from intent_platform.assets.pools import WRITER_POOL
from intent_platform.assets.presentation import markdown_table, table_metadata
from intent_platform.modelling.metrics import precision_recall_curve, reliability
from intent_platform.modelling.promotion import Decision, HeadToHead
from intent_platform.partitions import monthly_partitions
from intent_platform.pipeline.evaluation import evaluate
from intent_platform.platforms.ports import Platform
from intent_platform.settings import Settings
from intent_platform.tables import EVALUATIONS


def define_evaluation(settings: Settings) -> dg.AssetsDefinition:
    """The asset."""

    @dg.asset(
        description=EVALUATIONS.meaning + f", on the first {settings.evaluation.days} days of the month.",
        group_name="model",
        kinds={"catboost", "table"},
        tags={"domain": "model"},
        code_version="1",
        deps=[
            "challenger_model",
            dg.AssetDep(
                "dataset", partition_mapping=dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)
            ),
        ],
        partitions_def=monthly_partitions(settings.first_day),
        metadata=table_metadata(EVALUATIONS),
        pool=WRITER_POOL,
    )
    @fails_with_its_message
    def evaluation(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult[None]:
        head_to_head, decision = evaluate(platform, context.partition_key, settings, run_id=context.run.run_id)
        context.log.info(f"{decision.outcome}: {'; '.join(r.sentence for r in decision.reasons)}")
        return dg.MaterializeResult(metadata=_metadata(head_to_head, decision))

    return evaluation


def _metadata(head_to_head: HeadToHead, decision: Decision) -> dict[str, Any]:
    scores = {f"challenger {head_to_head.challenger.name}": head_to_head.challenger.scores}
    if head_to_head.champion:
        scores[f"champion {head_to_head.champion.name}"] = head_to_head.champion.scores
    champion = decision.champion.as_dict() if decision.champion else {}
    shown: dict[str, Any] = {
        "decision": decision.outcome,
        "reasons": dg.MetadataValue.md("\n".join(f"- {reason.sentence}" for reason in decision.reasons)),
        "challenger": head_to_head.challenger.name,
        "champion": head_to_head.champion.name if head_to_head.champion else "nobody",
        "test_window": str(head_to_head.test_window),
        "pooled_windows": ", ".join(map(str, head_to_head.pooled)) or "none",
        "sessions": decision.challenger.sessions,
        "purchases": decision.challenger.positives,
        "metrics": markdown_table(
            ("metric", "challenger", "champion"),
            [(name, value, champion.get(name)) for name, value in decision.challenger.as_dict().items()],
        ),
    }
    if decision.challenger.pr_auc is not None:
        shown["pr_auc"] = decision.challenger.pr_auc
        shown["calibration_error"] = decision.challenger.calibration_error
        shown["precision_recall"] = precision_recall_figure(
            {name: precision_recall_curve(head_to_head.labels, values) for name, values in scores.items()},
            decision.challenger.positives / decision.challenger.sessions,
        )
        shown["calibration"] = calibration_figure(
            {name: reliability(head_to_head.labels, values) for name, values in scores.items()}
        )
    if decision.difference:
        shown["differences"] = markdown_table(
            ("challenger minus champion", "estimate", "from", "to", "by"),
            [
                (name, i.estimate, i.low, i.high, f"{method}, {'days' if decision.clustered else 'sessions'}")
                for name, i, method in (
                    ("PR-AUC", decision.difference, "paired bootstrap"),
                    ("ROC-AUC", decision.roc_auc_difference, "DeLong"),
                )
                if i is not None
            ],
        )
    if decision.guardrails:
        shown["guardrails"] = markdown_table(
            ("metric", "visitors", "challenger worse by", "at worst", "allowed", "holds"),
            [(g.metric, g.slice or "all", g.worse_by, g.at_worst, g.margin, g.holds) for g in decision.guardrails],
        )
    return shown
