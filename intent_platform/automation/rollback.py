"""The rollback job: the champion goes back to an earlier version, at once, and the one left is quarantined.

Same move as a promotion (`platforms.champion`): proven first, pointer last, written to the ledger.
"""

from typing import Any

import dagster as dg

from intent_platform.assets.champion_alias import ASSET, champion_metadata
from intent_platform.assets.checks import check_result
from intent_platform.assets.pools import WRITER_POOL
from intent_platform.pipeline.checks import CheckContext
from intent_platform.pipeline.checks.champion import CHECKS
from intent_platform.pipeline.promotion import roll_back_to
from intent_platform.platforms.ledger import NO_REASON
from intent_platform.platforms.ports import Platform
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.settings import Settings

ROLLBACK_JOB = "rollback"


class RollbackConfig(dg.Config):
    """`version`: where to go back to; the previous champion when empty. `reason`: for the ledger."""

    version: str = ""
    reason: str = NO_REASON


def rollback_config(version: str, reason: str) -> dict[str, object]:
    """The run config of the rollback job."""
    return {"ops": {"rollback_champion": {"config": {"version": version, "reason": reason}}}}


def define_rollback_job(settings: Settings, source: Feed | ObservedTable) -> dg.JobDefinition:
    """The job of one op: it moves the champion completely or not at all."""

    @dg.op(pool=WRITER_POOL, out=dg.Out(dg.Nothing))
    def rollback_champion(
        context: dg.OpExecutionContext, config: RollbackConfig, platform: dg.ResourceParam[Platform]
    ) -> None:
        """Make `config.version` champion, quarantine the version it replaces, and record both on `champion_alias`."""
        to = platform.registry.version(config.version) if config.version else None
        done = roll_back_to(platform, to, config.reason, run_id=context.run_id)
        if done.proof is None:
            context.log.warning(f"{done.rolled_back_from.name} is the champion already: nothing was moved")
            return
        context.log.info(
            f"champion moved from {done.rolled_back_from.name} to {done.champion.name}; "
            f"it scored {done.proof.sessions} sessions first"
        )
        context.log_event(dg.AssetMaterialization(ASSET, metadata=champion_metadata(platform, done.champion)))
        for check in CHECKS:
            result = check_result(check, check.judge(CheckContext(platform, settings, source)))
            evaluation: Any = dg.AssetCheckEvaluation(  # log_event takes it, though its annotation does not say so
                asset_key=dg.AssetKey(ASSET),
                check_name=check.name,
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
            "Roll the champion back. Config: `version` (empty: the previous champion) and `reason`. The version loads "
            "and scores a sample before anything moves. The version you roll back from is quarantined, and the last "
            "scored days are scored again."
        ),
    )
    def rollback_job() -> None:
        rollback_champion()

    return rollback_job
