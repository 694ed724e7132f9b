"""The query tag of a session: which deployment, asset, partition and run a statement is paid for.

A JSON object, so that `QUERY_HISTORY` can be grouped by any of them.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snowflake.snowpark import Session

_LONGEST = 2_000  # Snowflake's limit


def query_tag(deployment: str, **about: str) -> str:
    """What the statements of a session opened now are tagged with; `about` what, else the Dagster step under way."""
    tag = {"app": "intent_platform", "deployment": deployment, **(about or _running_step())}
    text = json.dumps(tag)
    return text if len(text) <= _LONGEST else json.dumps({key: str(value)[:200] for key, value in tag.items()})


@contextmanager
def tagged(session: "Session", tag: str) -> Iterator[None]:
    """Tag the statements of a session that belongs to somebody else; its own tag is back afterwards."""
    before = session.sql("SHOW PARAMETERS LIKE 'QUERY_TAG' IN SESSION").collect()[0]["value"]
    session.query_tag = tag
    try:
        yield
    finally:
        session.query_tag = before


def _running_step() -> dict[str, str]:
    """The Dagster step under way in this thread; nothing outside of one, or where there is no Dagster."""
    if "dagster" not in sys.modules:
        return {}
    import dagster as dg

    try:
        context = dg.OpExecutionContext.get()
    except dg.DagsterInvariantViolationError:
        return {}
    found = {"run": context.run_id, "job": context.job_name, "step": str(context.op_handle)}
    if context.has_assets_def:  # of a check, the asset that it is about
        assets = {*context.assets_def.keys, *(check.asset_key for check in context.assets_def.check_keys)}
        found["asset"] = ", ".join(sorted(key.to_user_string() for key in assets))
    if context.has_partition_key_range or context.has_partition_key:
        keys = context.partition_key_range
        found["partitions"] = keys.start if keys.start == keys.end else f"{keys.start}...{keys.end}"
    return found
