"""Snowflake's stored procedures: the functions of `pipeline` on the Snowpark session that Snowflake passes.

They run inside Snowflake, without Dagster. `platforms.snowflake.deployment` creates the procedures. Each one returns a
JSON text with its results and the failed checks of its asset.
"""

import json
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING

from intent_platform.errors import SettingsError, TrainingRefused
from intent_platform.partitions import Window, days_window, month_window
from intent_platform.pipeline.checks import ALL_DAYS, CheckContext, failed_verdicts
from intent_platform.pipeline.dataset import build_dataset
from intent_platform.pipeline.evaluation import evaluate
from intent_platform.pipeline.expiry import delete_expired
from intent_platform.pipeline.promotion import carry_out, newest_promotion, roll_back_to
from intent_platform.pipeline.scoring import CHAMPION, score
from intent_platform.pipeline.training import train_challenger
from intent_platform.platforms.champion import settle
from intent_platform.platforms.ports import Platform
from intent_platform.platforms.snowflake.monitor import SnowflakeMonitor
from intent_platform.platforms.snowflake.query_tag import query_tag, tagged
from intent_platform.platforms.snowflake.registry import SnowflakeRegistry
from intent_platform.platforms.snowflake.warehouse import BorrowedWarehouse
from intent_platform.sessions.choice import session_source
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.settings import Settings, load_settings

if TYPE_CHECKING:
    from snowflake.snowpark import Session


_log = logging.getLogger(__name__)  # Snowflake writes this log to the account's event table


def run_dataset(session: "Session", session_date: date) -> str:
    """Replace a day of DATASET."""
    window = days_window([session_date.isoformat()])
    with _called(session, "dataset", window) as call:
        counts = build_dataset(call.platform, window, call.source).counts
        return call.answer(window=str(window), rows=counts.accepted, rejected=counts.rejected)


def run_training(session: "Session", month: date, run_id: str | None) -> str:
    """Train and log the challenger of a month.

    With too few purchases to train on, the procedure succeeds and answers `refused` with the reason.
    """
    window = month_window(month.replace(day=1).isoformat())
    with _called(session, "challenger_model", window, run_id) as call:
        try:
            logged = train_challenger(call.platform, window.keys[0], call.settings.training, run_id=call.run_id)
        except TrainingRefused as error:
            return json.dumps({"refused": str(error)})
        return call.answer(version=logged.version.name, trials=[asdict(trial) for trial in logged.trials])


def run_model_evaluation(session: "Session", month: date) -> str:
    """Evaluate a month's challenger, and promote it if the gate decides so."""
    window = month_window(month.replace(day=1).isoformat())
    with _called(session, "evaluation", window) as call:
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
        )


def run_prediction(session: "Session", session_date: date, model: str | None) -> str:
    """Replace the scores of a day.

    `model` is a version name, `champion` or `at_the_time`. None and the empty text mean `champion`.
    """
    window = days_window([session_date.isoformat()])
    with _called(session, "scores", window) as call:
        scored = score(call.platform, model or CHAMPION, window)
        return call.answer(window=str(window), rows=scored.rows, version=", ".join(scored.versions))


def run_retention(session: "Session") -> str:
    """Delete the raw sessions that are older than `retention.raw_days`.

    Raises:
        SettingsError: the procedures were deployed with settings that keep raw sessions for ever.
    """
    with _called(session, "source") as call:
        raw_days = call.settings.retention.raw_days
        if raw_days is None:
            raise SettingsError(
                "retention.raw_days is null, so raw sessions are kept for ever: set it, then run make deploy-sproc"
            )
        expired = delete_expired(call.platform, call.source, raw_days, call.settings.landing_folder, run_id=call.run_id)
        return json.dumps({"kept_from": expired.kept_from.isoformat(), "rows": expired.rows})


def run_rollback(session: "Session", version: str, reason: str) -> str:
    """Make a version champion and quarantine the version it replaces.

    An empty `version` means the previous champion.
    """
    with _called(session, "champion_alias") as call:
        target = call.platform.registry.version(version) if version else None
        rollback = roll_back_to(call.platform, target, reason, run_id=call.run_id)
        return call.answer(
            rolled_back_from=rollback.rolled_back_from.name,
            champion=rollback.champion.name,
            moved=rollback.proof is not None,
            repairs=rollback.repairs,
        )


@dataclass(frozen=True)
class _Call:
    """One call of a procedure: its platform, its settings, and the days and the asset that it works on.

    `run_id` takes the place of the id of a Dagster run.
    """

    platform: Platform
    settings: Settings
    run_id: str
    asset: str
    window: Window
    source: Feed | ObservedTable

    def answer(self, **facts: object) -> str:
        """Return the facts and the failed checks of the asset as JSON. The event table also gets the failed checks."""
        context = CheckContext(self.platform, self.settings, self.source, self.window)
        failed = failed_verdicts(self.asset, context)
        for check, verdict in failed:
            level = logging.ERROR if verdict.severity == "error" else logging.WARNING
            _log.log(level, "check %s of %s failed: %s", check.name, self.asset, verdict.description)
        checks = {check.name: verdict.description or check.description_for(self.settings) for check, verdict in failed}
        return json.dumps({**facts, "failed_checks": checks}, default=str)


@contextmanager
def _called(session: "Session", asset: str, window: Window = ALL_DAYS, run_id: str | None = None) -> Iterator[_Call]:
    """Open a call. Its statements carry a query tag, and the event table gets its outcome."""
    settings, run_id = load_settings(), run_id or f"procedure-{uuid.uuid4()}"
    place = _place(session)
    platform = Platform(
        warehouse=BorrowedWarehouse(session.connection, place),
        registry=SnowflakeRegistry(lambda: nullcontext(session)),  # Snowflake closes the Snowpark session, not the call
        monitor=SnowflakeMonitor(lambda: place["warehouse"]),
    )
    about = {"run": run_id, "asset": asset, **({} if window == ALL_DAYS else {"partitions": window.start.isoformat()})}
    with tagged(session, query_tag(settings.deployment, **about)):
        try:
            yield _Call(platform, settings, run_id, asset, window, session_source(settings))
        except Exception:
            _log.exception("%s failed", about)
            raise
        _log.info("%s is done", about)


def _place(session: "Session") -> dict[str, str]:
    """The current database, schema, role and warehouse of the Snowpark session, for messages."""
    names = {
        "database": session.get_current_database(),
        "schema": session.get_current_schema(),
        "role": session.get_current_role(),
        "warehouse": session.get_current_warehouse(),
    }
    return {kind: name.strip('"') for kind, name in names.items() if name}  # Snowpark quotes the names
