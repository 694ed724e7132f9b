"""What the stored procedures do: the same functions as the assets', on the session that Snowflake gives them.

Runs inside Snowflake, where there is no Dagster. How they get there is in `platforms.snowflake.deployment`. Each
returns a JSON text that says what was done.
"""

import json
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING

from intent_platform.errors import TrainingRefused
from intent_platform.partitions import days_window
from intent_platform.pipeline.dataset import build_dataset
from intent_platform.pipeline.evaluation import evaluate
from intent_platform.pipeline.observation import observed_table
from intent_platform.pipeline.promotion import carry_out, newest_promotion, roll_back_to
from intent_platform.pipeline.scoring import CHAMPION, score_window, scoring_models
from intent_platform.pipeline.training import train_challenger
from intent_platform.platforms.ports import Platform
from intent_platform.platforms.snowflake.query_tag import query_tag, tagged
from intent_platform.platforms.snowflake.registry import SnowflakeRegistry
from intent_platform.platforms.snowflake.warehouse import BorrowedWarehouse
from intent_platform.settings import Settings, load_settings

if TYPE_CHECKING:
    from snowflake.snowpark import Session


_log = logging.getLogger(__name__)  # goes to the account's event table


@dataclass(frozen=True)
class _Call:
    """One call of a procedure: where it works, with which settings, and what stands for the Dagster run."""

    platform: Platform
    settings: Settings
    run_id: str


def run_dataset(session: "Session", session_date: date) -> str:
    """Replace a day of DATASET (the sandbox's DATASET)."""
    window = days_window([session_date.isoformat()])
    with _called(session, "dataset", window.keys[0]) as call, call.platform.warehouse.connect() as connection:
        counts = build_dataset(connection, window, observed_table(call.settings)).counts
        return _said(window=str(window), rows=counts.accepted, rejected=counts.rejected)


def run_training(session: "Session", month: date, run_id: str | None) -> str:
    """Train and log the challenger of a month; too little to train on is an answer, not a failure."""
    key = month.replace(day=1).isoformat()
    with _called(session, "challenger_model", key, run_id) as call:
        try:
            trained = train_challenger(call.platform, key, call.settings.training, run_id=call.run_id)
        except TrainingRefused as error:
            return _said(refused=str(error))
        return _said(version=trained.version.name, trials=[asdict(trial) for trial in trained.trials])


def run_model_evaluation(session: "Session", month: date) -> str:
    """Evaluate a month's challenger, and promote it if that is what was decided."""
    key = month.replace(day=1).isoformat()
    with _called(session, "evaluation", key) as call:
        _, decision = evaluate(call.platform, key, call.settings, run_id=call.run_id)
        champion = call.platform.registry.champion()
        request = newest_promotion(call.platform, champion)
        if request is not None:
            carry_out(call.platform, request, champion, run_id=call.run_id)
        return _said(
            decision=decision.outcome,
            reasons=[reason.sentence for reason in decision.reasons],
            champion=request.to.name if request else champion.name if champion else None,
        )


def run_prediction(session: "Session", session_date: date, model: str | None) -> str:
    """Replace the scores of a day by the champion's, or by those of a version by name."""
    window = days_window([session_date.isoformat()])
    with _called(session, "scores", window.keys[0]) as call:
        spans = scoring_models(call.platform, model or CHAMPION, window)
        with call.platform.warehouse.connect(writing=True) as connection:
            rows = sum(score_window(connection, span, scoring_model) for span, scoring_model in spans)
        return _said(
            window=str(window), rows=rows, version=", ".join(scoring_model.version for _, scoring_model in spans)
        )


def run_rollback(session: "Session", version: str, reason: str) -> str:
    """Go back to a version (empty: the champion before) and quarantine the champion left."""
    with _called(session, "champion_alias") as call:
        to = call.platform.registry.version(version) if version else None
        done = roll_back_to(call.platform, to, reason, run_id=call.run_id)
        return _said(
            rolled_back_from=done.rolled_back_from.name, champion=done.champion.name, moved=done.proof is not None
        )


@contextmanager
def _called(session: "Session", asset: str, partition: str = "", run_id: str | None = None) -> Iterator[_Call]:
    """What a call works with: its statements carry its tag, and how it ends is logged."""
    settings, run_id = load_settings(), run_id or f"procedure-{uuid.uuid4()}"
    platform = Platform(
        warehouse=BorrowedWarehouse(session.connection, _place(session)),
        registry=SnowflakeRegistry(lambda: nullcontext(session)),
    )
    about = {"run": run_id, "asset": asset, **({"partitions": partition} if partition else {})}
    with tagged(session, query_tag(settings.deployment, **about)):
        try:
            yield _Call(platform, settings, run_id)
        except Exception:
            _log.exception("%s failed", about)
            raise
        _log.info("%s is done", about)


def _place(session: "Session") -> dict[str, str]:
    """Where the session is, for messages."""
    names = {
        "database": session.get_current_database(),
        "schema": session.get_current_schema(),
        "role": session.get_current_role(),
        "warehouse": session.get_current_warehouse(),
    }
    return {what: name.strip('"') for what, name in names.items() if name}


def _said(**facts: object) -> str:
    return json.dumps(facts, default=str)
