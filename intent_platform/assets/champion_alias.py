"""`champion_alias`: the pointer to the version that scores. Carries out what the newest evaluation decided.

The gate is here, in the code that moves the pointer; the checks below only report.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from intent_platform.assets.presentation import WRITER_POOL, markdown_table
from intent_platform.errors import UnknownVersion, VersionUnfit
from intent_platform.partitions import day_of
from intent_platform.platforms.champion import move_champion, prove_fit
from intent_platform.platforms.ledger import Ledger, read_ledger
from intent_platform.platforms.ports import ModelRegistry, Platform, Session, Warehouse
from intent_platform.settings import Settings

ASSET = "champion_alias"


class ChampionAliasConfig(dg.Config):
    """`effective_date`: the session date (YYYY-MM-DD) that a move counts from in the past; empty for today."""

    effective_date: str = ""


def pending_promotion(session: Session, ledger: Ledger, champion: str | None) -> dict[str, object] | None:
    """The newest evaluation, if it says promote and still holds.

    It does not hold any more when the champion it was decided against has moved since: a promotion is a
    statement about two versions, and about no others.
    """
    newest = session.fetch(
        "SELECT CHALLENGER, CHAMPION, DECISION, REASONS, DETAILS, DECIDED_AT FROM EVALUATIONS "
        "ORDER BY DECIDED_AT DESC, MONTH DESC LIMIT 1"
    ).to_pylist()
    if not newest or newest[0]["DECISION"] != "promote" or newest[0]["CHAMPION"] != (champion or ""):
        return None
    decided_at: datetime = newest[0]["DECIDED_AT"]
    if ledger.latest is not None and ledger.latest.moved_at >= decided_at:
        return None
    return dict(newest[0])


def champion_alias(settings: Settings) -> Sequence[dg.AssetsDefinition | dg.AssetChecksDefinition]:
    """The asset and its checks."""

    @dg.asset(
        description=(
            "Who is champion: the registry's pointer. Moved here when the newest evaluation says so, and by the "
            "rollback job; every move is in the ledger CHAMPION_HISTORY."
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
        champion = registry.champion()
        with warehouse.session() as session:
            promotion = pending_promotion(session, read_ledger(session), champion)
        challenger = str(promotion["CHALLENGER"]) if promotion else None
        if promotion is None or challenger is None or registry.version(challenger).quarantine:
            context.log.info(f"champion stays {champion or 'nobody'}: no evaluation asks for a move")
        else:
            move_champion(
                Platform(warehouse, registry),
                challenger,
                expected=champion,
                cause="promotion" if champion else "first",
                reason="; ".join(json.loads(str(promotion["REASONS"]))),
                metrics=json.loads(str(promotion["DETAILS"])),
                run_id=context.run.run_id,
                effective_date=day_of(config.effective_date) if config.effective_date else None,
            )
            context.log.info(f"champion moved from {champion or 'nobody'} to {challenger}")
        with warehouse.session() as session:
            return dg.MaterializeResult(metadata=champion_metadata(registry.champion(), read_ledger(session)))

    @dg.asset_check(asset=ASSET, name="champion_scores", description="The champion loads and scores a sample.")
    def champion_scores(
        warehouse: dg.ResourceParam[Warehouse], registry: dg.ResourceParam[ModelRegistry]
    ) -> dg.AssetCheckResult:
        return check_champion_scores(warehouse, registry)

    @dg.asset_check(
        asset=ASSET, name="pointer_matches_ledger", description="The pointer is where the ledger's last move put it."
    )
    def pointer_matches_ledger(
        warehouse: dg.ResourceParam[Warehouse], registry: dg.ResourceParam[ModelRegistry]
    ) -> dg.AssetCheckResult:
        return check_pointer_matches_ledger(warehouse, registry)

    return [champion_alias, champion_scores, pointer_matches_ledger]


def check_champion_scores(warehouse: Warehouse, registry: ModelRegistry) -> dg.AssetCheckResult:
    """Whether the champion loads and scores the newest sessions."""
    champion = registry.champion()
    if champion is None:
        return _not_yet("champion_scores")
    try:
        proof = prove_fit(warehouse, registry, champion)
    except (UnknownVersion, VersionUnfit) as error:
        return dg.AssetCheckResult(
            check_name="champion_scores", passed=False, description=str(error), metadata={"version": champion}
        )
    return dg.AssetCheckResult(
        check_name="champion_scores",
        passed=True,
        metadata={"version": champion, "sessions": proof.sessions, "lowest": proof.lowest, "highest": proof.highest},
    )


def check_pointer_matches_ledger(warehouse: Warehouse, registry: ModelRegistry) -> dg.AssetCheckResult:
    """Whether registry and ledger tell the same story."""
    champion = registry.champion()
    with warehouse.session() as session:
        latest = read_ledger(session).latest
    if champion is None and latest is None:
        return _not_yet("pointer_matches_ledger")
    written = latest.to_version if latest else None
    return dg.AssetCheckResult(
        check_name="pointer_matches_ledger",
        passed=champion == written,
        description=None if champion == written else f"pointer at {champion}, ledger says {written}",
        metadata={"pointer": champion or "nobody", "ledger": written or "nobody"},
    )


def champion_metadata(champion: str | None, ledger: Ledger) -> dict[str, Any]:
    """What a materialization of the pointer shows: the champion and its last moves."""
    recent = [
        (m.number, m.moved_at.isoformat(sep=" ", timespec="seconds"), m.from_version, m.to_version, m.cause, m.reason)
        for m in reversed(ledger.moves[-10:])
    ]
    return {
        "champion": champion or "nobody",
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
