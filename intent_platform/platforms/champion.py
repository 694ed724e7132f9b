"""Moves the champion: the one code path for the first champion, promotion, force and rollback.

A version must load and score a sample before anything moves. `modelling.promotion` decides whether a challenger
deserves to be champion.
"""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date

import numpy as np

from intent_platform.errors import VersionUnfit
from intent_platform.partitions import now, wall_clock
from intent_platform.platforms.ledger import Cause, read_ledger
from intent_platform.platforms.ports import PREDICT_FUNCTION, Platform
from intent_platform.platforms.versions import ModelVersion
from intent_platform.tables import DATASET

_SAMPLE_ROWS = 1_000


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

    The pointer moves after the ledger row is written and before it is committed. If the move or the commit fails,
    ledger, pointer and quarantine marks keep their old values. The first champion is an exception: if its commit
    fails, the pointer stays on it and the ledger has no row.

    Args:
        platform: the platform whose champion changes.
        to: the new champion. If it was quarantined, it no longer is.
        replacing: the champion that the decision compared with `to`; None for the first champion.
        cause: why the pointer moves.
        reason: the reason in words.
        metrics: metrics known at the move. The ledger stores them as JSON.
        run_id: the run that moves the pointer.
        effective_date: the first session date for which `to` counts as champion. The default is today in Asia/Tokyo.
        quarantine_reason: why `replacing` is quarantined. With None its quarantine does not change.

    Raises:
        UnknownVersion, WarehouseError, VersionUnfit: `to` cannot be champion. Nothing was moved.
        ChampionMoved: somebody else moved the pointer. Nothing was moved.
    """
    registry = platform.registry
    proof = prove_fit(platform, to)
    with ExitStack() as undo:
        if replacing is not None and quarantine_reason is not None:
            # The mark comes first. An interruption can then leave a quarantined champion, but never a rolled-back
            # version that an evaluation may promote again.
            undo.callback(registry.set_quarantine, replacing, replacing.quarantine)
            registry.set_quarantine(replacing, quarantine_reason)
        with platform.warehouse.connect(writing=True) as connection, connection.transaction():
            # This update changes no value. On Snowflake it makes concurrent moves run one after the other: an update
            # waits for another update of the same table, but an insert does not.
            connection.execute("UPDATE CHAMPION_HISTORY SET MOVE = MOVE WHERE MOVE = 1")
            latest, moment = read_ledger(connection).latest, now()
            connection.execute(
                "INSERT INTO CHAMPION_HISTORY SELECT :move, :moved_at, :effective_date, :from_version, :to_version, "
                ":cause, :reason, :metrics, :run_id",
                move=latest.number + 1 if latest else 1,
                moved_at=wall_clock(moment),
                effective_date=effective_date or moment.date(),
                from_version=None if replacing is None else replacing.name,
                to_version=to.name,
                cause=cause,
                reason=reason,
                metrics=json.dumps(dict(metrics)),
                run_id=run_id,
            )
            registry.move_champion(to, replacing)
            if replacing is not None:
                undo.callback(registry.move_champion, replacing, to)
        undo.pop_all()  # the move is committed, so nothing must be undone
    if to.quarantine:  # evaluations skip quarantined versions, so a person named this one
        registry.set_quarantine(to, None)
    return proof
