"""The query tag of a session: which deployment, run, asset and partition a statement is paid for.

A JSON object, so that `QUERY_HISTORY` can be grouped by any of them.
"""

import json
import sys

_LONGEST = 2_000  # Snowflake's limit


def query_tag(deployment: str) -> str:
    """What the statements of a session opened now are tagged with."""
    tag = {"app": "intent_platform", "deployment": deployment, **_running_step()}
    text = json.dumps(tag)
    return text if len(text) <= _LONGEST else json.dumps({key: str(value)[:200] for key, value in tag.items()})


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
    if context.has_partition_key_range or context.has_partition_key:
        keys = context.partition_key_range
        found["partitions"] = keys.start if keys.start == keys.end else f"{keys.start}...{keys.end}"
    return found
