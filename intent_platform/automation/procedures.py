"""What the stored procedures do: the same functions as the assets', on the session that Snowflake gives them.

Runs inside Snowflake, where there is no Dagster. How they get there is in `platforms.snowflake.deployment`. Each
returns a JSON text that says what was done.
"""

import json
import uuid
from contextlib import nullcontext
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING

from intent_platform.errors import TrainingRefused
from intent_platform.partitions import days_window
from intent_platform.pipeline.dataset import build_dataset
from intent_platform.pipeline.evaluation import evaluate
from intent_platform.pipeline.observation import observed_table
from intent_platform.pipeline.promotion import carry_out, newest_promotion
from intent_platform.pipeline.promotion import roll_back as go_back
from intent_platform.pipeline.scoring import CHAMPION, score_window, serve_versions
from intent_platform.pipeline.training import train_challenger
from intent_platform.platforms.ports import Platform
from intent_platform.platforms.snowflake.registry import SnowflakeRegistry
from intent_platform.platforms.snowflake.warehouse import BorrowedWarehouse
from intent_platform.settings import load_settings

if TYPE_CHECKING:
    from snowflake.snowpark import Session


def dataset(session: "Session", session_date: date) -> str:
    """Replace a day of DATASET (the sandbox's DATASET)."""
    window = days_window([session_date.isoformat()])
    with _platform(session).warehouse.session(writing=True) as statements:
        counts = build_dataset(statements, window, observed_table(load_settings())).counts
    return _said(window=str(window), rows=counts.accepted, rejected=counts.rejected)


def training(session: "Session", month: date, run_id: str | None) -> str:
    """Train and log the challenger of a month; too little to train on is an answer, not a failure."""
    platform, key = _platform(session), month.replace(day=1).isoformat()
    try:
        trained = train_challenger(platform, key, load_settings().training, run_id=_run(run_id))
    except TrainingRefused as error:
        return _said(refused=str(error))
    return _said(version=trained.version.name, trials=[asdict(trial) for trial in trained.trials])


def model_evaluation(session: "Session", month: date) -> str:
    """Evaluate a month's challenger, and promote it if that is what was decided."""
    platform, run_id = _platform(session), _run(None)
    _, decision = evaluate(platform, month.replace(day=1).isoformat(), load_settings(), run_id=run_id)
    champion = platform.registry.champion()
    request = newest_promotion(platform, champion)
    if request is not None:
        carry_out(platform, request, champion, run_id=run_id)
    return _said(
        decision=decision.outcome,
        reasons=[reason.sentence for reason in decision.reasons],
        champion=platform.registry.champion(),
    )


def prediction(session: "Session", session_date: date, model: str | None) -> str:
    """Replace the scores of a day by the champion's, or by those of a version by name."""
    platform, window = _platform(session), days_window([session_date.isoformat()])
    spans = serve_versions(platform, model or CHAMPION, window)
    with platform.warehouse.session(writing=True) as statements:
        rows = sum(score_window(statements, span, served) for span, served in spans)
    return _said(window=str(window), rows=rows, version=", ".join(served.version for _, served in spans))


def rollback(session: "Session", version: str, reason: str) -> str:
    """Go back to a version (empty: the champion before) and quarantine the champion left."""
    done = go_back(_platform(session), version, reason, run_id=_run(None))
    return _said(left=done.left, champion=done.to.name, moved=done.proof is not None)


def _platform(session: "Session") -> Platform:
    return Platform(
        warehouse=BorrowedWarehouse(session.connection), registry=SnowflakeRegistry(lambda: nullcontext(session))
    )


def _run(run_id: str | None) -> str:
    """What stands for the Dagster run in ledger and provenance when there is none."""
    return run_id or f"procedure-{uuid.uuid4()}"


def _said(**facts: object) -> str:
    return json.dumps(facts, default=str)
