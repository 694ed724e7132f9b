"""The query tag of a connection: the deployment, asset, partition and run that a statement's cost belongs to.

The tag is a JSON object, so a query on `QUERY_HISTORY` can group statements by each of its keys.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snowflake.snowpark import Session

APP = "intent_platform"
LONGEST = 2_000  # Snowflake's limit


def query_tag(deployment: str, **about: str) -> str:
    """The query tag for a new connection, with the keys of `about`, or else with those of the current Dagster step."""
    tag = {"app": APP, "deployment": deployment, **(about or _running_step())}
    # A step with many assets makes a tag that is too long. Shorter values keep it valid JSON.
    text = json.dumps(tag)
    return text if len(text) <= LONGEST else json.dumps({key: str(value)[:200] for key, value in tag.items()})


@contextmanager
def tagged(session: "Session", tag: str) -> Iterator[None]:
    """Tag the statements of a Snowpark session that the caller opened, and restore its previous tag at the end."""
    previous = session.sql("SHOW PARAMETERS LIKE 'QUERY_TAG' IN SESSION").collect()[0]["value"]
    session.query_tag = tag
    try:
        yield
    finally:
        session.query_tag = previous


def _running_step() -> dict[str, str]:
    """The current Dagster step of this thread; empty outside a step and where Dagster is not installed."""
    if "dagster" not in sys.modules:  # no step can run, and the stored procedures do not have Dagster
        return {}
    import dagster as dg

    try:
        context = dg.OpExecutionContext.get()
    except dg.DagsterInvariantViolationError:
        return {}
    step = {"run": context.run_id, "job": context.job_name, "step": str(context.op_handle)}
    if context.has_assets_def:  # a check counts for the asset that it checks
        assets = {*context.assets_def.keys, *(check.asset_key for check in context.assets_def.check_keys)}
        step["asset"] = ", ".join(sorted(key.to_user_string() for key in assets))
    if context.has_partition_key_range or context.has_partition_key:
        keys = context.partition_key_range
        step["partitions"] = keys.start if keys.start == keys.end else f"{keys.start}...{keys.end}"
    return step
