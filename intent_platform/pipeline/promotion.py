"""Requests to move the champion: by the newest evaluation, by a person who names a version, or by a rollback.

All of them use the one move in `platforms.champion`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from intent_platform.errors import NoChampion, PromotionRefused
from intent_platform.pipeline.evaluation import newest_evaluation
from intent_platform.platforms.champion import Proof, move_champion, settle
from intent_platform.platforms.ledger import Cause, Ledger, read_ledger
from intent_platform.platforms.ports import Connection, Platform
from intent_platform.platforms.versions import ModelVersion


@dataclass(frozen=True)
class PendingPromotion:
    """A promotion that an evaluation decided and nobody has carried out. `challenger` is a version name."""

    month: date
    challenger: str
    reason: str
    metrics: Mapping[str, object]


@dataclass(frozen=True)
class PromotionRequest:
    """A move that an evaluation or a person asks for."""

    to: ModelVersion
    cause: Cause
    reason: str
    metrics: Mapping[str, object]


def pending_promotion(connection: Connection, ledger: Ledger, champion: str | None) -> PendingPromotion | None:
    """The promotion that the newest evaluation decided, if it is still valid.

    A promotion is a statement about two versions. It is void once the champion has moved since the decision.
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


def forced_promotion(version: ModelVersion, reason: str, champion: ModelVersion | None) -> PromotionRequest | None:
    """The request of a person; None when the version is champion already.

    Raises:
        PromotionRefused: the reason is empty.
    """
    if not reason.strip():
        raise PromotionRefused(f"a reason is missing for making {version.name} champion: give one, the ledger keeps it")
    if champion is not None and version.name == champion.name:
        return None
    return PromotionRequest(to=version, cause="force", reason=reason, metrics=version.provenance.metrics)


def newest_promotion(platform: Platform, champion: ModelVersion | None) -> PromotionRequest | None:
    """The request of the newest evaluation; None when it is void or its version has been quarantined since."""
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
    """Move the champion as requested, if it still is `champion`."""
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
    """The result of a rollback. `proof` is None when the target was champion already and nothing moved.

    `repairs` are the sentences of `platforms.champion.settle`, which comes first.
    """

    rolled_back_from: ModelVersion
    champion: ModelVersion
    proof: Proof | None
    repairs: tuple[str, ...]


def roll_back_to(platform: Platform, version: ModelVersion | None, reason: str, *, run_id: str) -> RollbackResult:
    """Make `version` champion (None: the previous champion) and quarantine the version it replaces.

    Raises:
        NoChampion: no version is champion, or none can follow it.
        UnknownVersion, VersionUnfit, ChampionMoved: see `move_champion`; nothing was moved.
    """
    settled = settle(platform)
    champion = settled.version
    if champion is None:
        raise NoChampion("there is no champion to roll back from: none was ever promoted")
    target = _previous_champion(platform, champion) if version is None else version
    if target.name == champion.name:
        return RollbackResult(champion, target, None, settled.repairs)
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
    return RollbackResult(champion, target, proof, settled.repairs)


def _previous_champion(platform: Platform, champion: ModelVersion) -> ModelVersion:
    with platform.warehouse.connect() as connection:
        ledger = read_ledger(connection)
    known = {version.name: version for version in platform.registry.versions()}
    unfit = [version.name for version in known.values() if version.quarantine]
    previous = ledger.previous_champion(champion.name, unfit)
    return known.get(previous) or platform.registry.version(previous)  # a deleted version is refused by its name
