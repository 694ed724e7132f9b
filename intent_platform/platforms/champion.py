"""Moves the champion: the one code path for the first champion, promotion, force and rollback. Repairs killed moves.

A version must load and score a sample before anything moves. `modelling.promotion` decides whether a challenger
deserves to be champion.
"""

import json
import logging
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date

import numpy as np

from intent_platform.errors import ChampionMoved, PromotionRefused, VersionUnfit
from intent_platform.partitions import now, wall_clock
from intent_platform.platforms.ledger import Cause, Ledger, Move, read_ledger, write_move
from intent_platform.platforms.ports import PREDICT_FUNCTION, Connection, ModelRegistry, Platform
from intent_platform.platforms.versions import ModelVersion, ensure_champion
from intent_platform.tables import CHAMPION_HISTORY, CHAMPION_INTENTS, DATASET

#: The reason in the ledger for a move of the pointer that the platform did not make.
NO_RECORD = "the pointer was moved outside the platform"
_LONGEST_REASON = 10_000  # characters; MLflow's mark of a quarantine holds 100,000
_SAMPLE_ROWS = 1_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Proof:
    """The result of scoring a sample: the number of sessions, and the lowest and the highest score."""

    sessions: int
    lowest: float
    highest: float


def prove_fit(platform: Platform, version: ModelVersion) -> Proof:
    """Prove that a version works: the warehouse scores the newest sessions of DATASET (at most 1,000) with it.

    Raises:
        UnknownVersion, WarehouseError: the version was deleted.
        VersionUnfit: the version cannot be loaded, needs columns that DATASET lacks, or returns values that are not
            probabilities.
    """
    scoring_model = platform.registry.scoring_model(version)
    missing = sorted(set(scoring_model.features) - set(DATASET.column_names))
    if missing:
        raise VersionUnfit(
            f"version {version.name} needs {', '.join(missing)}, which {DATASET.name} lacks: choose another version"
        )
    with platform.warehouse.connect() as connection:
        connection.use_model(scoring_model)
        scores = connection.fetch(
            f"SELECT {PREDICT_FUNCTION}({', '.join(scoring_model.features)}) AS SCORE "
            f"FROM (SELECT * FROM {DATASET.name} ORDER BY SESSION_DATE DESC, UID LIMIT :rows) NEWEST",
            rows=_SAMPLE_ROWS,
        )["SCORE"].to_numpy()
        if len(scores) == 0:  # DATASET is empty, but a made-up session also proves that the version can score
            zeros = ", ".join("0.0" for _ in scoring_model.features)
            scores = connection.fetch(f"SELECT {PREDICT_FUNCTION}({zeros}) AS SCORE")["SCORE"].to_numpy()
    if not np.all(np.isfinite(scores)) or scores.min() < 0 or scores.max() > 1:
        raise VersionUnfit(
            f"version {version.name} returned values that are not probabilities for the newest {len(scores)} "
            "sessions: choose another version"
        )
    return Proof(len(scores), float(scores.min()), float(scores.max()))


def move_champion(
    platform: Platform,
    to: ModelVersion,
    *,
    replacing: ModelVersion | None,
    cause: Cause,
    reason: str,
    metrics: Mapping[str, object],
    run_id: str,
    effective_date: date | None = None,
    quarantine_reason: str | None = None,
) -> Proof:
    """Make `to` the champion if `replacing` is still the champion, and write the ledger.

    Moves run one after the other. The pointer moves after the ledger row is written and before it is committed. If the
    move or the commit fails, ledger and pointer keep their old values, and the champion is not quarantined. If the
    process is killed between the two, `settle` completes the move from its row in `CHAMPION_INTENTS`.

    Args:
        platform: the platform whose champion changes.
        to: the new champion. If it was quarantined, it no longer is.
        replacing: the champion that the decision compared with `to`; None for the first champion.
        cause: why the pointer moves.
        reason: the reason in words.
        metrics: metrics known at the move. The ledger stores them as JSON.
        run_id: the run that moves the pointer.
        effective_date: the first session date for which `to` counts as champion. The default is today in Asia/Tokyo.
        quarantine_reason: why `replacing` is quarantined. With None it is not.

    Raises:
        UnknownVersion, WarehouseError, VersionUnfit: `to` cannot be champion. Nothing was moved.
        ChampionMoved: somebody else moved the pointer. Nothing was moved.
        PromotionRefused: the reason is too long for the registry. Nothing was moved.
    """
    if len(reason) > _LONGEST_REASON:
        raise PromotionRefused(
            f"the reason has {len(reason):,} characters: shorten it to {_LONGEST_REASON:,} for the registry"
        )
    registry = platform.registry
    proof = prove_fit(platform, to)
    with platform.warehouse.connect(writing=True) as connection, ExitStack() as if_commit_fails:
        latest, moment = read_ledger(connection).latest, now()  # in this order, so moves are in the order of time
        move = Move(
            number=latest.number + 1 if latest else 1,
            moved_at=wall_clock(moment),
            effective_date=effective_date or moment.date(),
            from_version=None if replacing is None else replacing.name,
            to_version=to.name,
            cause=cause,
            reason=reason,
            run_id=run_id,
        )
        write_move(connection, CHAMPION_INTENTS, move, metrics)
        with connection.transaction(), ExitStack() as undo:
            _lock(connection)
            champion = registry.champion()
            ensure_champion(champion, replacing, to)
            if read_ledger(connection).latest != latest:
                raise ChampionMoved(f"the champion moved meanwhile: decide again whether to make {to.name} champion")
            if champion is not None and champion.quarantine != quarantine_reason:
                # The mark comes first. An interruption can then leave a quarantined champion, but never a rolled-back
                # version that an evaluation may promote again. `settle` lifts such a mark, or else the next move.
                undo.callback(registry.set_quarantine, champion, None)
                registry.set_quarantine(champion, quarantine_reason)
            write_move(connection, CHAMPION_HISTORY, move, metrics)
            connection.execute("DELETE FROM CHAMPION_INTENTS WHERE MOVE <= :number", number=move.number)
            registry.move_champion(to, champion)
            if champion is not None:
                undo.callback(registry.move_champion, champion, to)
            if_commit_fails.enter_context(undo.pop_all())
        if_commit_fails.pop_all()
        if to.quarantine:  # evaluations skip quarantined versions, so a person named this one
            registry.set_quarantine(to, None)
        _monitor(platform, connection, to)
    return proof


@dataclass(frozen=True)
class SettledChampion:
    """The champion that pointer and ledger agree on, and a sentence about each repair that this took."""

    version: ModelVersion | None
    repairs: tuple[str, ...] = ()


def is_settled(champion: ModelVersion | None, ledger: Ledger) -> bool:
    """Whether the ledger's last move made `champion` champion, and the champion is not quarantined."""
    if champion is None or ledger.latest is None:
        return champion is None and ledger.latest is None
    return ledger.latest.to_version == champion.name and not champion.quarantine


def settle(platform: Platform) -> SettledChampion:
    """Complete what a killed move left undone, and return the champion. Without such a move nothing is written.

    The pointer decides. If the ledger's last move names another version, the ledger gets the missing row with the
    cause `repair`. A champion loses its quarantine mark. A pointer that was lost returns to the version of the last
    move. Aliases that name other versions are set again, and the ledger does not record this.

    Raises:
        UnknownVersion: the pointer was lost, and the registry does not have the version of the last move.
    """
    registry = platform.registry
    state = registry.state()
    with platform.warehouse.connect() as connection:
        if is_settled(state.champion, read_ledger(connection)) and state.aliases == state.chosen:
            return SettledChampion(state.champion)
    with platform.warehouse.connect(writing=True) as connection:
        with connection.transaction():
            champion, repairs = _settle(registry, connection)
        if champion is not None:
            _monitor(platform, connection, champion)
    return SettledChampion(champion, tuple(repairs))


def _settle(registry: ModelRegistry, connection: Connection) -> tuple[ModelVersion | None, list[str]]:
    """Make the repairs inside a transaction, and return the champion with a sentence about each."""
    repairs: list[str] = []
    _lock(connection)
    state, latest = registry.state(), read_ledger(connection).latest  # a move may have ended meanwhile
    champion = state.champion
    if champion is None and latest is not None:
        champion = registry.version(latest.to_version)
        registry.move_champion(champion, None)
        repairs.append(f"the registry named no champion: {champion.name} is champion again, as the ledger says")
    if champion is not None and (latest is None or latest.to_version != champion.name):
        repairs.append(_write_missing_move(connection, champion, latest))
    if champion is not None and champion.quarantine:
        registry.set_quarantine(champion, None)
        champion = champion.model_copy(update={"quarantine": None})
        repairs.append(f"the champion {champion.name} was marked as quarantined: it is no longer marked")
    if state.aliases != state.chosen and registry.align_aliases():
        repairs.append("the aliases named other versions than the champion and the challenger: they were set again")
    return champion, repairs


def _monitor(platform: Platform, connection: Connection, champion: ModelVersion) -> None:
    """Let the monitor follow the champion. The move is committed, so a failure is only logged."""
    if platform.monitor is None:
        return
    try:
        platform.monitor.follow(connection, champion)
    except Exception:  # noqa: BLE001  a monitor never fails a move
        _log.warning("the model monitor does not follow %s: run make monitor", champion.name, exc_info=True)


def _write_missing_move(connection: Connection, champion: ModelVersion, latest: Move | None) -> str:
    """Write the ledger row that the move to `champion` lacks, and return a sentence about it.

    The row repeats what the move had recorded in `CHAMPION_INTENTS`. Without a record, somebody moved the pointer in
    the registry itself.
    """
    number, before = (latest.number + 1, latest.to_version) if latest else (1, None)
    moment = now()
    intent = connection.row(
        "SELECT MOVED_AT, EFFECTIVE_DATE, CAUSE, REASON, METRICS, RUN_ID FROM CHAMPION_INTENTS "
        "WHERE MOVE = :number AND TO_VERSION = :to_version ORDER BY MOVED_AT DESC",
        number=number,
        to_version=champion.name,
    )
    move = Move(
        number=number,
        moved_at=intent.get("MOVED_AT", wall_clock(moment)),
        effective_date=intent.get("EFFECTIVE_DATE", moment.date()),
        from_version=before,
        to_version=champion.name,
        cause="repair",
        reason=f"{intent['CAUSE']}, cut off before its row was written: {intent['REASON']}" if intent else NO_RECORD,
        run_id=intent.get("RUN_ID", "unknown"),
    )
    metrics = json.loads(intent["METRICS"]) if intent else {}
    write_move(connection, CHAMPION_HISTORY, move, metrics)
    connection.execute("DELETE FROM CHAMPION_INTENTS WHERE MOVE <= :number", number=number)
    return f"the ledger lacked the move from {before or 'nobody'} to {champion.name}: it is written ({move.reason})"


def _lock(connection: Connection) -> None:
    """Make other moves wait for the end of this transaction.

    On Snowflake an update waits for another update of the same table, but an insert does not. Before the first move
    the ledger has no row to update, so the moves that have begun take its place. The ledger comes again after that,
    because the first move may have ended meanwhile.
    """
    for table in (CHAMPION_HISTORY, CHAMPION_INTENTS, CHAMPION_HISTORY):
        if connection.execute(f"UPDATE {table.name} SET MOVE = MOVE WHERE MOVE = 1"):
            return
