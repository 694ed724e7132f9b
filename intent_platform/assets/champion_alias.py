"""`champion_alias`: the pointer to the version that scores. Carries out what the newest evaluation decided.

The gate is here, in the code that moves the pointer; the checks below only report.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from intent_platform.assets.presentation import WRITER_POOL, markdown_table
from intent_platform.errors import PromotionRefused, UnknownVersion, VersionUnfit
from intent_platform.partitions import day_of
from intent_platform.pipeline.promotion import carry_out, forced_promotion, newest_promotion
from intent_platform.platforms.champion import prove_fit
from intent_platform.platforms.ledger import Ledger, read_ledger
from intent_platform.platforms.ports import ModelRegistry, Platform, Warehouse
from intent_platform.platforms.versions import ModelVersion, name_or_nobody
from intent_platform.settings import Settings

ASSET = "champion_alias"


class ChampionAliasConfig(dg.Config):
    """Empty to carry out the newest evaluation; `force` and `reason` for a decision of one's own.

    `force` names the version to make champion whatever the gate says, `reason` is for the ledger.
    `effective_date` is the session date (YYYY-MM-DD) that a move counts from in the past; empty for today.
    """

    force: str = ""
    reason: str = ""
    effective_date: str = ""


def champion_alias(settings: Settings) -> Sequence[dg.AssetsDefinition | dg.AssetChecksDefinition]:
    """The asset and its checks."""

    @dg.asset(
        description=(
            "Who is champion: the registry's pointer. Moved here when the newest evaluation says so or a person names "
            "a version, and by the rollback job; every move is in the ledger CHAMPION_HISTORY."
        ),
        group_name="model",
        kinds={"mlflow"},
        owners=[settings.owner],
        tags={"domain": "model"},
        code_version="1",
        deps=["evaluation"],
        pool=WRITER_POOL,
    )
    def champion_alias(
        context: dg.AssetExecutionContext,
        config: ChampionAliasConfig,
        warehouse: dg.ResourceParam[Warehouse],
        registry: dg.ResourceParam[ModelRegistry],
    ) -> dg.MaterializeResult[None]:
        platform = Platform(warehouse, registry)
        champion = registry.champion()
        if config.reason and not config.force:
            raise PromotionRefused("a reason was given without force: name the version to make champion in force")
        if config.force:
            request = forced_promotion(registry, registry.version(config.force), config.reason, champion)
        else:
            request = newest_promotion(platform, champion)
        if request is None:
            context.log.info(f"champion stays {name_or_nobody(champion)}: nothing asks for a move")
        else:
            effective = day_of(config.effective_date) if config.effective_date else None
            carry_out(platform, request, champion, run_id=context.run.run_id, effective_date=effective)
            context.log.info(f"champion moved from {name_or_nobody(champion)} to {request.to.name} ({request.cause})")
        with warehouse.connect() as connection:
            return dg.MaterializeResult(
                metadata=champion_metadata(request.to if request else champion, read_ledger(connection))
            )

    @dg.asset_check(asset=ASSET, name="champion_scores", description="The champion loads and scores a sample.")
    def champion_scores(
        warehouse: dg.ResourceParam[Warehouse], registry: dg.ResourceParam[ModelRegistry]
    ) -> dg.AssetCheckResult:
        return check_champion_scores(Platform(warehouse, registry))

    @dg.asset_check(
        asset=ASSET, name="pointer_matches_ledger", description="The pointer is where the ledger's last move put it."
    )
    def pointer_matches_ledger(
        warehouse: dg.ResourceParam[Warehouse], registry: dg.ResourceParam[ModelRegistry]
    ) -> dg.AssetCheckResult:
        return check_pointer_matches_ledger(Platform(warehouse, registry))

    return [champion_alias, champion_scores, pointer_matches_ledger]


def check_champion_scores(platform: Platform) -> dg.AssetCheckResult:
    """Whether the champion loads and scores the newest sessions."""
    champion = platform.registry.champion()
    if champion is None:
        return _not_yet("champion_scores")
    try:
        proof = prove_fit(platform, champion)
    except (UnknownVersion, VersionUnfit) as error:
        return dg.AssetCheckResult(
            check_name="champion_scores", passed=False, description=str(error), metadata={"version": champion.name}
        )
    return dg.AssetCheckResult(
        check_name="champion_scores",
        passed=True,
        metadata={
            "version": champion.name,
            "sessions": proof.sessions,
            "lowest": proof.lowest,
            "highest": proof.highest,
        },
    )


def check_pointer_matches_ledger(platform: Platform) -> dg.AssetCheckResult:
    """Whether registry and ledger tell the same story."""
    champion = platform.registry.champion()
    pointer = champion.name if champion else None
    with platform.warehouse.connect() as connection:
        latest = read_ledger(connection).latest
    if champion is None and latest is None:
        return _not_yet("pointer_matches_ledger")
    written = latest.to_version if latest else None
    return dg.AssetCheckResult(
        check_name="pointer_matches_ledger",
        passed=pointer == written,
        description=None if pointer == written else f"pointer at {pointer}, ledger says {written}",
        metadata={"pointer": name_or_nobody(champion), "ledger": written or "nobody"},
    )


def champion_metadata(champion: ModelVersion | None, ledger: Ledger) -> dict[str, Any]:
    """What a materialization of the pointer shows: the champion and its last moves."""
    recent = [
        (m.number, m.moved_at.isoformat(sep=" ", timespec="seconds"), m.from_version, m.to_version, m.cause, m.reason)
        for m in reversed(ledger.moves[-10:])
    ]
    return {
        "champion": name_or_nobody(champion),
        "moves": len(ledger.moves),
        "ledger": markdown_table(("move", "when (Asia/Tokyo)", "from", "to", "cause", "reason"), recent),
    }


def _not_yet(check: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=check,
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description="no version is champion yet",
    )
