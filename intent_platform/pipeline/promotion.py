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
from intent_platform.platforms.versions import ModelVersion


@dataclass(frozen=True)
class PendingPromotion:
    """A promotion that the evaluation of a month decided, as EVALUATIONS tells it: `challenger` is a name."""

    month: date
    challenger: str
    reason: str
    metrics: Mapping[str, object]


@dataclass(frozen=True)
class PromotionRequest:
    """A move that somebody asks for: an evaluation, or a person."""

    to: ModelVersion
    cause: Cause
    reason: str
    metrics: Mapping[str, object]


def pending_promotion(connection: Connection, ledger: Ledger, champion: str | None) -> PendingPromotion | None:
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
    return PendingPromotion(
        month=newest["MONTH"],
        challenger=newest["CHALLENGER"],
        reason="; ".join(json.loads(newest["REASONS"])),
        metrics=json.loads(newest["DETAILS"]),
    )


def forced_promotion(
    registry: ModelRegistry, version: ModelVersion, reason: str, champion: ModelVersion | None
) -> PromotionRequest | None:
    """What a person asks for; None when that version is champion already.

    Raises:
        PromotionRefused: no reason is given.
    """
    if not reason.strip():
        raise PromotionRefused(
            f"{version.name} was to be made champion without a reason: say why, it is kept in the ledger"
        )
    if champion is not None and version.name == champion.name:
        if version.quarantine:
            registry.set_quarantine(version, None)
        return None
    return PromotionRequest(to=version, cause="force", reason=reason, metrics=version.provenance.metrics)


def newest_promotion(platform: Platform, champion: ModelVersion | None) -> PromotionRequest | None:
    """What the newest evaluation asks for, unless that version was quarantined since."""
    with platform.warehouse.connect() as connection:
        pending = pending_promotion(connection, read_ledger(connection), champion.name if champion else None)
    if pending is None:
        return None
    challenger = platform.registry.version(pending.challenger)
    if challenger.quarantine:
        return None
    cause: Cause = "promotion" if champion else "first"
    return PromotionRequest(to=challenger, cause=cause, reason=pending.reason, metrics=pending.metrics)


def carry_out(
    platform: Platform,
    request: PromotionRequest,
    champion: ModelVersion | None,
    *,
    run_id: str,
    effective_date: date | None = None,
) -> Proof:
    """Move the champion as asked for, if it still is `champion`."""
    return move_champion(
        platform,
        request.to,
        replacing=champion,
        cause=request.cause,
        reason=request.reason,
        metrics=request.metrics,
        run_id=run_id,
        effective_date=effective_date,
    )


@dataclass(frozen=True)
class RollbackResult:
    """What a rollback did: from where to where, and the proof; none when the target was champion already."""

    rolled_back_from: ModelVersion
    champion: ModelVersion
    proof: Proof | None


def roll_back_to(platform: Platform, version: ModelVersion | None, reason: str, *, run_id: str) -> RollbackResult:
    """Go back to `version` (None: the previous champion) and quarantine the champion left.

    Raises:
        NoChampion: there is nobody to roll back from, or nobody to go back to.
        UnknownVersion, VersionUnfit, ChampionMoved: see `move_champion`; nothing was moved.
    """
    registry = platform.registry
    champion = registry.champion()
    if champion is None:
        raise NoChampion("there is no champion to roll back from: none was ever promoted")
    target = _previous_champion(platform, champion) if version is None else version
    if target.name == champion.name:
        return RollbackResult(champion, target, None)
    proof = move_champion(
        platform,
        target,
        replacing=champion,
        cause="rollback",
        reason=reason,
        metrics=target.provenance.metrics,
        run_id=run_id,
        quarantine_reason=f"rolled back from: {reason}",
    )
    return RollbackResult(champion, target, proof)


def _previous_champion(platform: Platform, champion: ModelVersion) -> ModelVersion:
    with platform.warehouse.connect() as connection:
        ledger = read_ledger(connection)
    known = {version.name: version for version in platform.registry.versions()}
    unfit = [version.name for version in known.values() if version.quarantine]
    previous = ledger.previous_champion(champion.name, unfit)
    return known.get(previous) or platform.registry.version(previous)  # a deleted one is refused by its name
