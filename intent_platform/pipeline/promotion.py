"""Who asks for a move of the champion: the newest evaluation, a person by name, or a rollback.

The move itself, one for all, is `platforms.champion`'s.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from intent_platform.errors import NoChampion, PromotionRefused
from intent_platform.pipeline.evaluation import newest_evaluation
from intent_platform.platforms.champion import Proof, move_champion
from intent_platform.platforms.ledger import Cause, Ledger, read_ledger
from intent_platform.platforms.ports import Connection, ModelRegistry, Platform
from intent_platform.platforms.versions import ModelVersion, validated_version_name


@dataclass(frozen=True)
class PromotionRequest:
    """A move that somebody asks for: the evaluation of a month, or a person."""

    month: date | None
    to: str
    cause: Cause
    reason: str
    metrics: Mapping[str, object]


def pending_promotion(connection: Connection, ledger: Ledger, champion: str | None) -> PromotionRequest | None:
    """What the newest evaluation asks for, if it says promote and still holds.

    It does not hold any more when the champion it was decided against has moved since: a promotion is a
    statement about two versions, and about no others.
    """
    newest = newest_evaluation(connection)
    if not newest or newest["DECISION"] != "promote" or newest["CHAMPION"] != (champion or ""):
        return None
    decided_at: datetime = newest["DECIDED_AT"]
    if ledger.latest is not None and ledger.latest.moved_at >= decided_at:
        return None
    return PromotionRequest(
        month=newest["MONTH"],
        to=newest["CHALLENGER"],
        cause="promotion" if champion else "first",
        reason="; ".join(json.loads(newest["REASONS"])),
        metrics=json.loads(newest["DETAILS"]),
    )


def forced_promotion(registry: ModelRegistry, name: str, reason: str, champion: str | None) -> PromotionRequest | None:
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
    return PromotionRequest(
        month=None, to=version.name, cause="force", reason=reason, metrics=version.provenance.metrics
    )


def newest_promotion(platform: Platform, champion: str | None) -> PromotionRequest | None:
    """What the newest evaluation asks for, unless that version was quarantined since."""
    with platform.warehouse.connect() as connection:
        request = pending_promotion(connection, read_ledger(connection), champion)
    if request is not None and platform.registry.version(request.to).quarantine:
        return None
    return request


def carry_out(
    platform: Platform,
    request: PromotionRequest,
    champion: str | None,
    *,
    run_id: str,
    effective_date: date | None = None,
) -> Proof:
    """Move the champion as asked for, if it still is `champion`."""
    return move_champion(
        platform,
        request.to,
        expected=champion,
        cause=request.cause,
        reason=request.reason,
        metrics=request.metrics,
        run_id=run_id,
        effective_date=effective_date,
    )


@dataclass(frozen=True)
class RollbackResult:
    """What a rollback did: from where to where, and the proof; none when the target was champion already."""

    rolled_back_from: str
    champion: ModelVersion
    proof: Proof | None


def roll_back_to(platform: Platform, version: str, reason: str, *, run_id: str) -> RollbackResult:
    """Go back to `version` (empty: the previous champion) and quarantine the champion left.

    Raises:
        NoChampion: there is nobody to roll back from, or nobody to go back to.
        InvalidVersionName, UnknownVersion, VersionUnfit, ChampionMoved: see `move_champion`; nothing was moved.
    """
    registry = platform.registry
    champion = registry.champion()
    if champion is None:
        raise NoChampion("there is no champion to roll back from: none was ever promoted")
    if version:
        target = registry.version(validated_version_name(version))
    else:
        with platform.warehouse.connect() as connection:
            ledger = read_ledger(connection)
        quarantined = [known.name for known in registry.versions() if known.quarantine]
        target = registry.version(ledger.previous_champion(champion, unfit=quarantined))
    if target.name == champion:
        return RollbackResult(champion, target, None)
    proof = move_champion(
        platform,
        target.name,
        expected=champion,
        cause="rollback",
        reason=reason,
        metrics=target.provenance.metrics,
        run_id=run_id,
        quarantine_reason=f"rolled back from: {reason}",
    )
    return RollbackResult(champion, target, proof)
