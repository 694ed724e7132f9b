"""`evaluation`: a month's challenger against the champion of that moment, on days that neither has seen.

Gathers the facts, lets `modelling.promotion` decide, and stores the decision whole. It moves nothing.
"""

import json
from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Any

import dagster as dg
import pyarrow as pa

from intent_platform.assets.checks import table_checks
from intent_platform.assets.presentation import (
    WRITER_POOL,
    calibration_figure,
    markdown_table,
    precision_recall_figure,
    table_metadata,
)
from intent_platform.errors import EvaluationRefused
from intent_platform.modelling.contest import windows_to_pool
from intent_platform.modelling.metrics import Metrics, precision_recall_curve, reliability
from intent_platform.modelling.promotion import Contender, Contest, Decision, decide
from intent_platform.partitions import (
    Window,
    day_of,
    evaluation_window,
    monthly_partitions,
    now,
    unseen_months,
    wall_clock,
)
from intent_platform.platforms.ports import ModelRegistry, Session, Value, Warehouse, challenger_of
from intent_platform.platforms.publish import in_window
from intent_platform.platforms.versions import ModelVersion
from intent_platform.settings import GateSettings, Settings
from intent_platform.tables import DATASET, EVALUATIONS


def evaluation(settings: Settings) -> Sequence[dg.AssetsDefinition | dg.AssetChecksDefinition]:
    """The asset and its checks."""

    @dg.asset(
        description=EVALUATIONS.meaning + f", on the first {settings.evaluation.days} days of the month.",
        group_name="model",
        kinds={"catboost", "table"},
        owners=[settings.owner],
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
    def evaluation(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        registry: dg.ResourceParam[ModelRegistry],
    ) -> dg.MaterializeResult[None]:
        month = day_of(context.partition_key)
        window = evaluation_window(context.partition_key, settings.evaluation.days)
        if window.end > now().date():
            raise EvaluationRefused(
                f"the test window {window} of {month:%Y-%m} is not over: evaluate from {window.end} on"
            )
        challenger = challenger_of(registry.versions(), month)
        if challenger is None:
            raise EvaluationRefused(
                f"{month:%Y-%m} has no challenger: materialize challenger_model {context.partition_key} first"
            )
        name = registry.champion()
        champion = registry.version(name) if name else None
        contest = gather(warehouse, registry, challenger, champion, window, settings.gate)
        decision = decide(contest, settings.gate)
        with warehouse.session(writing=True) as session:
            store(session, month, contest, decision, context.run.run_id)
        context.log.info(f"{decision.outcome}: {'; '.join(r.sentence for r in decision.reasons)}")
        return dg.MaterializeResult(metadata=_metadata(contest, decision))

    @dg.asset_check(
        asset="evaluation",
        name="evidence_suffices",
        description="The newest evaluation had enough purchases to decide on. Reported here, acted upon by the gate.",
    )
    def evidence_suffices(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
        with warehouse.session() as session:
            newest = session.fetch(
                "SELECT DECISION, REASONS FROM EVALUATIONS ORDER BY DECIDED_AT DESC, MONTH DESC LIMIT 1"
            ).to_pylist()
        decided = bool(newest) and newest[0]["DECISION"] != "insufficient"
        return dg.AssetCheckResult(
            passed=decided,
            severity=dg.AssetCheckSeverity.WARN,
            description="; ".join(json.loads(newest[0]["REASONS"])) if newest else "nothing was evaluated yet",
        )

    return [evaluation, *table_checks("evaluation", EVALUATIONS), evidence_suffices]


def gather(
    warehouse: Warehouse,
    registry: ModelRegistry,
    challenger: ModelVersion,
    champion: ModelVersion | None,
    window: Window,
    policy: GateSettings,
) -> Contest:
    """Both versions' scores of the sessions tested on, and the facts that a comparison may stumble over.

    A test window with too few purchases is joined by earlier months that neither was trained on, newest first, until
    there are enough. A first champion needs none: it meets nobody.
    """
    contenders = [challenger] if champion is None else [challenger, champion]
    features = sorted({feature for version in contenders for feature in version.provenance.features})
    trained = [version.provenance.training_window for version in contenders]
    earlier = unseen_months(window.start.isoformat(), policy.pool_months, trained) if champion else []
    with warehouse.session() as session:
        pooled = windows_to_pool(window, earlier, partial(purchases, session), policy.pool_below_positives)
        rows = pa.concat_tables([_sessions(session, tested, features) for tested in (window, *pooled)])
    return Contest(
        challenger=_contender(registry, challenger, rows),
        champion=_contender(registry, champion, rows) if champion else None,
        test_window=window,
        labels=rows["REVENUE"].to_numpy(),
        days=rows["SESSION_DATE"].to_numpy(),
        slices=rows["VISITORTYPE"].to_numpy(),
        pooled=pooled,
    )


def _sessions(session: Session, window: Window, features: Sequence[str]) -> pa.Table:
    return session.fetch(
        f"SELECT UID, SESSION_DATE, REVENUE, VISITORTYPE, {', '.join(features)} FROM DATASET "  # noqa: S608
        f"WHERE {in_window(DATASET)} ORDER BY SESSION_DATE, UID",
        start=window.start,
        end=window.end,
    )


def purchases(session: Session, window: Window) -> int:
    """How many sessions of DATASET in a window are purchases."""
    counted = session.fetch(
        f"SELECT COALESCE(SUM(REVENUE), 0) AS PURCHASES FROM DATASET WHERE {in_window(DATASET)}",  # noqa: S608
        start=window.start,
        end=window.end,
    )
    return int(counted["PURCHASES"][0].as_py())


def _contender(registry: ModelRegistry, version: ModelVersion, rows: pa.Table) -> Contender:
    return Contender(
        name=version.name,
        scores=registry.load(version.name).predict(rows),
        training_window=version.provenance.training_window,
        out_of_fold=Metrics.from_dict(version.provenance.metrics),
        quarantine=version.quarantine,
    )


def store(session: Session, month: date, contest: Contest, decision: Decision, run_id: str) -> None:
    """Write the decision whole; an earlier one about the same month and versions is replaced."""
    key: dict[str, Value] = {
        "month": month,
        "challenger": contest.challenger.name,
        "champion": contest.champion.name if contest.champion else "",
    }
    with session.transaction():
        session.execute(
            "DELETE FROM EVALUATIONS WHERE MONTH = :month AND CHALLENGER = :challenger AND CHAMPION = :champion", **key
        )
        session.execute(
            f"INSERT INTO EVALUATIONS ({', '.join(EVALUATIONS.column_names)}) "
            "SELECT :month, :challenger, :champion, :test_start, :test_end, :sessions, :positives, :challenger_pr_auc, "
            ":champion_pr_auc, :low, :high, :decision, :reasons, :details, :decided_at, :run_id",
            **key,
            test_start=contest.test_window.start,
            test_end=contest.test_window.end,
            sessions=decision.challenger.sessions,
            positives=decision.challenger.positives,
            challenger_pr_auc=decision.challenger.pr_auc,
            champion_pr_auc=decision.champion.pr_auc if decision.champion else None,
            low=decision.difference.low if decision.difference else None,
            high=decision.difference.high if decision.difference else None,
            decision=decision.outcome,
            reasons=json.dumps([reason.sentence for reason in decision.reasons]),
            details=json.dumps(decision.as_dict()),
            decided_at=wall_clock(now()),
            run_id=run_id,
        )


def _metadata(contest: Contest, decision: Decision) -> dict[str, Any]:
    scores = {f"challenger {contest.challenger.name}": contest.challenger.scores}
    if contest.champion:
        scores[f"champion {contest.champion.name}"] = contest.champion.scores
    champion = decision.champion.as_dict() if decision.champion else {}
    shown: dict[str, Any] = {
        "decision": decision.outcome,
        "reasons": dg.MetadataValue.md("\n".join(f"- {reason.sentence}" for reason in decision.reasons)),
        "challenger": contest.challenger.name,
        "champion": contest.champion.name if contest.champion else "nobody",
        "test_window": str(contest.test_window),
        "pooled_windows": ", ".join(map(str, contest.pooled)) or "none",
        "sessions": decision.challenger.sessions,
        "purchases": decision.challenger.positives,
        "metrics": markdown_table(
            ("metric", "challenger", "champion"),
            [(name, value, champion.get(name)) for name, value in decision.challenger.as_dict().items()],
        ),
    }
    if decision.challenger.pr_auc is not None:
        shown["pr_auc"] = decision.challenger.pr_auc
        shown["precision_recall"] = precision_recall_figure(
            {name: precision_recall_curve(contest.labels, values) for name, values in scores.items()},
            decision.challenger.positives / decision.challenger.sessions,
        )
        shown["calibration"] = calibration_figure(
            {name: reliability(contest.labels, values) for name, values in scores.items()}
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
