"""Snowflake's stored procedures: the functions of `pipeline` on the Snowpark session that Snowflake passes.

They run inside Snowflake, without Dagster. `platforms.snowflake.deployment` creates the procedures. Each one returns a
JSON text with its results and the failed checks of its asset.
"""

import json
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING

from intent_platform.errors import SettingsError, TrainingRefused
from intent_platform.partitions import days_window, month_window
from intent_platform.pipeline.dataset import build_dataset
from intent_platform.pipeline.evaluation import evaluate
from intent_platform.pipeline.expiry import delete_expired
from intent_platform.pipeline.monitoring import monitor
from intent_platform.pipeline.promotion import carry_out, newest_promotion, roll_back_to
from intent_platform.pipeline.scoring import CHAMPION, score
from intent_platform.pipeline.training import train_challenger
from intent_platform.platforms.champion import settle
from intent_platform.procedures.call import called

if TYPE_CHECKING:
    from snowflake.snowpark import Session


def run_dataset(session: "Session", session_date: date) -> str:
    """Replace a day of DATASET."""
    window = days_window([session_date.isoformat()])
    with called(session, "dataset", window) as call:
        counts = build_dataset(call.platform, window, call.source).counts
        return call.answer(window=str(window), rows=counts.accepted, rejected=counts.rejected)


def run_training(session: "Session", month: date, run_id: str | None) -> str:
    """Train and log the challenger of a month.

    With too few purchases to train on, the procedure succeeds and answers `refused` with the reason.
    """
    window = month_window(month.replace(day=1).isoformat())
    with called(session, "challenger_model", window, run_id) as call:
        try:
            logged = train_challenger(call.platform, window.keys[0], call.settings.training, run_id=call.run_id)
        except TrainingRefused as error:
            return json.dumps({"refused": str(error)})
        return call.answer(version=logged.version.name, trials=[asdict(trial) for trial in logged.trials])


def run_model_evaluation(session: "Session", month: date) -> str:
    """Evaluate a month's challenger, and promote it if the gate decides so. Its champion scores recent days again."""
    window = month_window(month.replace(day=1).isoformat())
    with called(session, "evaluation", window) as call:
        _, decision = evaluate(call.platform, window.keys[0], call.settings, run_id=call.run_id)
        settled = settle(call.platform)
        champion = settled.version
        request = newest_promotion(call.platform, champion)
        if request is not None:
            carry_out(call.platform, request, champion, run_id=call.run_id)
        return call.answer(
            decision=decision.outcome,
            reasons=[reason.sentence for reason in decision.reasons],
            champion=request.to.name if request else champion.name if champion else None,
            repairs=settled.repairs,
            **call.rescored(),
        )


def run_prediction(session: "Session", session_date: date, model: str | None) -> str:
    """Replace the scores of a day.

    `model` is a version name, `champion` or `at_the_time`. None and the empty text mean `champion`.
    """
    window = days_window([session_date.isoformat()])
    with called(session, "scores", window) as call:
        scored = score(call.platform, model or CHAMPION, window)
        return call.answer(window=str(window), rows=scored.rows, version=", ".join(scored.versions))


def run_monitoring(session: "Session", session_date: date) -> str:
    """Measure the scores of a day, and replace its rows of MONITORING.

    `flagged` has the sentences of the flagged measures, by measure.
    """
    window = days_window([session_date.isoformat()])
    with called(session, "monitoring", window) as call:
        measured = monitor(call.platform, window, call.settings)
        flagged = {measure.metric: measure.sentence for measure in measured if measure.flagged}
        return call.answer(window=str(window), rows=len(measured), flagged=flagged)


def run_retention(session: "Session") -> str:
    """Delete the raw sessions that are older than `retention.raw_days`.

    Raises:
        SettingsError: the procedures were deployed with settings that keep raw sessions for ever.
    """
    with called(session, "source") as call:
        raw_days = call.settings.retention.raw_days
        if raw_days is None:
            raise SettingsError(
                "retention.raw_days is null, so raw sessions are kept for ever: set it, then run make deploy-sproc"
            )
        expired = delete_expired(call.platform, call.source, raw_days, call.settings.landing_folder, run_id=call.run_id)
        return json.dumps({"kept_from": expired.kept_from.isoformat(), "rows": expired.rows})


def run_rollback(session: "Session", version: str, reason: str) -> str:
    """Make a version champion and quarantine the version it replaces. The new champion scores recent days again.

    An empty `version` means the previous champion. Naming the champion itself moves nothing, and scores the days that
    an earlier call left.
    """
    with called(session, "champion_alias") as call:
        target = call.platform.registry.version(version) if version else None
        rollback = roll_back_to(call.platform, target, reason, run_id=call.run_id)
        return call.answer(
            rolled_back_from=rollback.rolled_back_from.name,
            champion=rollback.champion.name,
            moved=rollback.proof is not None,
            repairs=rollback.repairs,
            **call.rescored(),
        )
