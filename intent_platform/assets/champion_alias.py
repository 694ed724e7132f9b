"""`champion_alias`: the pointer to the version that scores. Carries out what the newest evaluation decided.

The gate is here, in the code that moves the pointer; the checks below only report.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import dagster as dg

from intent_platform.assets.presentation import WRITER_POOL, markdown_table
from intent_platform.errors import PromotionRefused, UnknownVersion, VersionUnfit
from intent_platform.partitions import day_of
from intent_platform.platforms.champion import move_champion, prove_fit
from intent_platform.platforms.ledger import Cause, Ledger, read_ledger
from intent_platform.platforms.ports import ModelRegistry, Platform, Session, Warehouse
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


@dataclass(frozen=True)
class Request:
    """A move that somebody asks for: the evaluation of a month, or a person."""

    month: date | None
    to: str
    cause: Cause
    reason: str
    metrics: Mapping[str, object]


def pending_promotion(session: Session, ledger: Ledger, champion: str | None) -> Request | None:
    """What the newest evaluation asks for, if it says promote and still holds.

    It does not hold any more when the champion it was decided against has moved since: a promotion is a
    statement about two versions, and about no others.
    """
    newest = session.fetch(
        "SELECT MONTH, CHALLENGER, CHAMPION, DECISION, REASONS, DETAILS, DECIDED_AT FROM EVALUATIONS "
        "ORDER BY DECIDED_AT DESC, MONTH DESC LIMIT 1"
    ).to_pylist()
    if not newest or newest[0]["DECISION"] != "promote" or newest[0]["CHAMPION"] != (champion or ""):
        return None
    decided_at: datetime = newest[0]["DECIDED_AT"]
    if ledger.latest is not None and ledger.latest.moved_at >= decided_at:
        return None
    return Request(
        newest[0]["MONTH"],
        newest[0]["CHALLENGER"],
        "promotion" if champion else "first",
        "; ".join(json.loads(newest[0]["REASONS"])),
        json.loads(newest[0]["DETAILS"]),
    )


def forced_promotion(registry: ModelRegistry, name: str, reason: str, champion: str | None) -> Request | None:
    """What a person asks for by name; None when that version is champion already.

    Raises:
        UnknownVersion, InvalidVersionName: there is no such version.
        PromotionRefused: no reason is given.
    """
    version = registry.version(name)
    if not reason.strip():
        raise PromotionRefused(
            f"{version.name} was to be made champion without a reason: say why, it is kept in the ledger"
        )
    if version.name == champion:
        if version.quarantine:
            registry.set_quarantine(version.name, None)
        return None
    return Request(None, version.name, "force", reason, version.provenance.metrics)


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
        champion = registry.champion()
        if config.reason and not config.force:
            raise PromotionRefused("a reason was given without force: name the version to make champion in force")
        if config.force:
            request = forced_promotion(registry, config.force, config.reason, champion)
        else:
            with warehouse.session() as session:
                request = pending_promotion(session, read_ledger(session), champion)
            if request is not None and registry.version(request.to).quarantine:
                request = None
        if request is None:
            context.log.info(f"champion stays {champion or 'nobody'}: nothing asks for a move")
        else:
            move_champion(
                Platform(warehouse, registry),
                request.to,
                expected=champion,
                cause=request.cause,
                reason=request.reason,
                metrics=request.metrics,
                run_id=context.run.run_id,
                effective_date=day_of(config.effective_date) if config.effective_date else None,
            )
            context.log.info(f"champion moved from {champion or 'nobody'} to {request.to} ({request.cause})")
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
