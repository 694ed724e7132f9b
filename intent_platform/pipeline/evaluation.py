"""The evaluation of a month: its challenger against the champion of that moment, on days that neither has seen.

This module gathers the facts and stores the decision of `modelling.promotion`. It does not move the champion.
"""

import json
from datetime import date
from functools import partial
from typing import Any

import pyarrow as pa

from intent_platform.errors import EvaluationRefused
from intent_platform.modelling.head_to_head import windows_to_pool
from intent_platform.modelling.metrics import Metrics
from intent_platform.modelling.promotion import Contender, Decision, HeadToHead, decide
from intent_platform.partitions import Window, day_of, evaluation_window, now, unseen_months, wall_clock
from intent_platform.pipeline.counts import purchases
from intent_platform.platforms.loading import in_window
from intent_platform.platforms.ports import (
    PREDICT_FUNCTION,
    Connection,
    Platform,
    ScoringModel,
    Value,
    challenger_of,
)
from intent_platform.platforms.versions import ModelVersion
from intent_platform.settings import Settings
from intent_platform.settings.evaluation import GateSettings
from intent_platform.tables import DATASET, EVALUATIONS


def evaluate(platform: Platform, month: str, settings: Settings, *, run_id: str) -> tuple[HeadToHead, Decision]:
    """Compare the challenger of monthly key `month` with the champion, and store the decision.

    Raises:
        EvaluationRefused: the test window is not over, or the month has no challenger.
    """
    window = evaluation_window(month, settings.evaluation.days)
    if window.end > now().date():
        raise EvaluationRefused(f"the test window {window} of {month[:7]} is not over: evaluate from {window.end} on")
    challenger = challenger_of(platform.registry.versions(), day_of(month))
    if challenger is None:
        raise EvaluationRefused(f"{month[:7]} has no challenger: materialize challenger_model {month} first")
    head_to_head = gather(platform, challenger, platform.registry.champion(), window, settings.gate)
    decision = decide(head_to_head, settings.gate)
    with platform.warehouse.connect(writing=True) as connection:
        store(connection, day_of(month), head_to_head, decision, run_id)
    return head_to_head, decision


def gather(
    platform: Platform,
    challenger: ModelVersion,
    champion: ModelVersion | None,
    window: Window,
    policy: GateSettings,
) -> HeadToHead:
    """The scores of both versions on the test sessions, with everything the gate needs to know about them.

    When the test window has too few purchases, earlier months join it, newest first, until there are enough. Neither
    version may have been trained on such a month. A first champion needs no earlier months, because it has no rival.
    The warehouse scores, and the features stay in it.
    """
    contenders = [challenger] if champion is None else [challenger, champion]
    trained = [version.provenance.training_window for version in contenders]
    earlier = unseen_months(window.start.isoformat(), policy.pool_months, trained) if champion else []
    models = [platform.registry.scoring_model(version) for version in contenders]
    with platform.warehouse.connect() as connection:
        pooled = windows_to_pool(window, earlier, partial(purchases, connection), policy.pool_below_purchases)
        scored = [_scored(connection, (window, *pooled), model) for model in models]
    rows = scored[0]
    return HeadToHead(
        challenger=_contender(challenger, scored[0]),
        champion=_contender(champion, scored[1]) if champion else None,
        test_window=window,
        labels=rows["REVENUE"].to_numpy(),
        days=rows["SESSION_DATE"].to_numpy(),
        slices=rows["VISITORTYPE"].to_numpy(),
        pooled=pooled,
    )


def _scored(connection: Connection, windows: tuple[Window, ...], scoring_model: ScoringModel) -> pa.Table:
    """REVENUE, SESSION_DATE, VISITORTYPE and SCORE of the sessions, in the same order for every version."""
    connection.use_model(scoring_model)
    query = (
        "SELECT REVENUE, SESSION_DATE, VISITORTYPE, "
        f"{PREDICT_FUNCTION}({', '.join(scoring_model.features)}) AS SCORE FROM DATASET "
        f"WHERE {in_window(DATASET)} ORDER BY SESSION_DATE, UID"
    )
    return pa.concat_tables([connection.fetch(query, **window.bounds) for window in windows])


def _contender(version: ModelVersion, scored: pa.Table) -> Contender:
    return Contender(
        name=version.name,
        scores=scored["SCORE"].to_numpy(),
        training_window=version.provenance.training_window,
        out_of_fold=Metrics.from_dict(version.provenance.metrics),
        quarantine=version.quarantine,
    )


def newest_evaluation(connection: Connection) -> dict[str, Any]:
    """The row of EVALUATIONS that was decided last; empty when nothing was evaluated yet."""
    return connection.row(
        "SELECT MONTH, CHALLENGER, CHAMPION, DECISION, REASONS, DETAILS, DECIDED_AT FROM EVALUATIONS "
        "ORDER BY DECIDED_AT DESC, MONTH DESC LIMIT 1"
    )


def store(connection: Connection, month: date, head_to_head: HeadToHead, decision: Decision, run_id: str) -> None:
    """Store the complete decision. It replaces an earlier one about the same month and versions."""
    key: dict[str, Value] = {
        "month": month,
        "challenger": head_to_head.challenger.name,
        "champion": head_to_head.champion.name if head_to_head.champion else "",
    }
    with connection.transaction():
        connection.execute(
            "DELETE FROM EVALUATIONS WHERE MONTH = :month AND CHALLENGER = :challenger AND CHAMPION = :champion", **key
        )
        connection.execute(
            f"INSERT INTO EVALUATIONS ({', '.join(EVALUATIONS.column_names)}) "
            "SELECT :month, :challenger, :champion, :test_start, :test_end, :sessions, :purchases, :challenger_pr_auc, "
            ":champion_pr_auc, :low, :high, :decision, :reasons, :details, :decided_at, :run_id",
            **key,
            test_start=head_to_head.test_window.start,
            test_end=head_to_head.test_window.end,
            sessions=decision.challenger.sessions,
            purchases=decision.challenger.positives,
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
