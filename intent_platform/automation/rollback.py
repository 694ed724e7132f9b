"""The rollback job: the champion goes back to an earlier version, at once, and the one left is quarantined.

Same move as a promotion (`platforms.champion`): proven first, pointer last, written to the ledger.
"""

from typing import Any

import dagster as dg

from intent_platform.assets.champion_alias import (
    ASSET,
    champion_metadata,
    check_champion_scores,
    check_pointer_matches_ledger,
)
from intent_platform.assets.presentation import WRITER_POOL
from intent_platform.pipeline.promotion import roll_back_to
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.ports import ModelRegistry, Platform, Warehouse

ROLLBACK_JOB = "rollback"


class RollbackConfig(dg.Config):
    """`version`: where to go back to; the previous champion when empty. `reason`: for the ledger."""

    version: str = ""
    reason: str = "no reason given"


@dg.op(pool=WRITER_POOL, out=dg.Out(dg.Nothing))
def rollback_champion(
    context: dg.OpExecutionContext,
    config: RollbackConfig,
    warehouse: dg.ResourceParam[Warehouse],
    registry: dg.ResourceParam[ModelRegistry],
) -> None:
    """Move the champion to `config.version`, quarantine the version left, and record it on `champion_alias`."""
    platform = Platform(warehouse, registry)
    to = registry.version(config.version) if config.version else None
    done = roll_back_to(platform, to, config.reason, run_id=context.run_id)
    if done.proof is None:
        context.log.warning(f"{done.rolled_back_from.name} is the champion already: nothing was moved")
        return
    scored = done.proof.sessions
    context.log.info(
        f"champion moved from {done.rolled_back_from.name} to {done.champion.name}; it scored {scored} sessions first"
    )
    with warehouse.connect() as connection:
        metadata = champion_metadata(done.champion, read_ledger(connection))
    context.log_event(dg.AssetMaterialization(ASSET, metadata=metadata))
    for result in (check_champion_scores(platform), check_pointer_matches_ledger(platform)):
        evaluation: Any = dg.AssetCheckEvaluation(  # log_event takes it, though its annotation does not say so
            asset_key=dg.AssetKey(ASSET),
            check_name=str(result.check_name),
            passed=result.passed,
            metadata=result.metadata,
            severity=result.severity,
            description=result.description,
        )
        context.log_event(evaluation)


@dg.job(
    name=ROLLBACK_JOB,
    tags={"dagster/priority": "10"},  # ahead of whatever waits in the queue
    description=(
        "Roll the champion back. Config: `version` (empty: the previous champion) and `reason`. The version is loaded "
        "and scores a sample before anything moves; the one left is quarantined; the last scored days are scored again."
    ),
)
def rollback_job() -> None:
    """One op, so that it is all or nothing."""
    rollback_champion()
