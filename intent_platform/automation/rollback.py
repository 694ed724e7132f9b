"""The rollback job. It makes an earlier version champion at once and quarantines the version it replaces.

The move is that of a promotion (`platforms.champion`). The version scores a sample first, the pointer moves last, and
the ledger records the move.
"""

from typing import Any

import dagster as dg

from intent_platform.assets.champion_alias import ASSET, champion_metadata
from intent_platform.assets.checks import check_result
from intent_platform.assets.config import TextConfig
from intent_platform.assets.failures import fails_with_its_message
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


class RollbackConfig(TextConfig):
    """The `version` to go back to, empty for the previous champion. The ledger keeps the `reason`."""

    version: str = ""
    reason: str = NO_REASON


def rollback_config(version: str, reason: str) -> dict[str, object]:
    """Return the run config of the rollback job."""
    return {"ops": {"rollback_champion": {"config": {"version": version, "reason": reason}}}}


def define_rollback_job(settings: Settings, source: Feed | ObservedTable) -> dg.JobDefinition:
    """Return the job. Its only op moves the champion completely or not at all."""

    @dg.op(pool=WRITER_POOL, out=dg.Out(dg.Nothing))
    @fails_with_its_message
    def rollback_champion(
        context: dg.OpExecutionContext, config: RollbackConfig, platform: dg.ResourceParam[Platform]
    ) -> None:
        """Make `config.version` champion, quarantine the version it replaces, and record both on `champion_alias`."""
        target = platform.registry.version(config.version) if config.version else None
        rollback = roll_back_to(platform, target, config.reason, run_id=context.run_id)
        for sentence in rollback.repairs:
            context.log.warning(sentence)
        if rollback.proof is None:
            context.log.warning(f"{rollback.champion.name} is already the champion. Nothing was moved.")
            return
        context.log.info(
            f"The champion moved from {rollback.rolled_back_from.name} to {rollback.champion.name}, "
            f"which scored a sample of {rollback.proof.sessions} sessions first."
        )
        # The op is not the asset, so Dagster neither records a materialization nor runs the asset's checks by itself.
        context.log_event(dg.AssetMaterialization(ASSET, metadata=champion_metadata(platform, rollback.champion)))
        for check in CHECKS:
            result = check_result(check, check.judge(CheckContext(platform, settings, source)))
            evaluation: Any = dg.AssetCheckEvaluation(  # log_event accepts it, but its annotation does not
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
        tags={"dagster/priority": "10"},  # a rollback goes first in the run queue
        description=(
            "Make an earlier version champion. Config: `version` (empty for the previous champion) and `reason`. "
            "The version loads and scores a sample before anything moves. The version you roll back from is "
            "quarantined. The champion sensor then requests new scores for recent days."
        ),
    )
    def rollback_job() -> None:
        rollback_champion()

    return rollback_job
