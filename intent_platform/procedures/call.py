"""One call of a stored procedure: what it works on, its answer, its log and its query tag.

The functions of the procedures are in `procedures`.
"""

import json
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intent_platform.partitions import Window
from intent_platform.pipeline.checks import ALL_DAYS, CheckContext, failed_verdicts
from intent_platform.pipeline.rescoring import rescore
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


@dataclass(frozen=True)
class Call:
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

    def rescored(self) -> dict[str, object]:
        """Score the days again that `champion_sensor` would ask for, and return facts for the answer.

        An error does not fail the call, because the move of the champion stands. `not_rescored` then has the days, and
        the event table gets the error.
        """
        rescoring = rescore(self.platform, self.settings)
        if rescoring.failure is not None:
            days = ", ".join(map(str, rescoring.left))
            _log.error("the days %s are not scored again: %s", days, rescoring.failure, exc_info=rescoring.failure)
        return {"rescored": [*map(str, rescoring.done)], "not_rescored": [*map(str, rescoring.left)]}


@contextmanager
def called(session: "Session", asset: str, window: Window = ALL_DAYS, run_id: str | None = None) -> Iterator[Call]:
    """Open a call. Its statements carry a query tag, and the event table gets its outcome."""
    settings, run_id = load_settings(), run_id or f"procedure-{uuid.uuid4()}"
    place = _place(session)
    warehouse = BorrowedWarehouse(session.connection, place)
    # Snowflake closes the Snowpark session, not the call.
    registry = SnowflakeRegistry(warehouse.connect, lambda: nullcontext(session))
    platform = Platform(warehouse, registry, SnowflakeMonitor(lambda: place["warehouse"]))
    about = {"run": run_id, "asset": asset, **({} if window == ALL_DAYS else {"partitions": window.start.isoformat()})}
    with tagged(session, query_tag(settings.deployment, **about)):
        try:
            yield Call(platform, settings, run_id, asset, window, session_source(settings))
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
