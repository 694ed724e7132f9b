"""Moving the champion: the one code path of first promotion, promotion and rollback.

A version is proven to load and score before anything moves (D3); the pointer moves last. Whether a
challenger deserves it is `modelling.promotion`'s to decide, not this module's.
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
    """What a version did on a sample: how many sessions it scored, and between which scores."""

    sessions: int
    lowest: float
    highest: float


def prove_fit(platform: Platform, version: ModelVersion) -> Proof:
    """Let a version score the newest sessions of DATASET (at most 1,000) where they are.

    Raises:
        UnknownVersion, WarehouseError: the version was deleted.
        VersionUnfit: it cannot be loaded, or gives something else than probabilities.
    """
    scoring_model = platform.registry.scoring_model(version)
    gone = sorted(set(scoring_model.features) - set(DATASET.column_names))
    if gone:
        raise VersionUnfit(
            f"version {version.name} needs {', '.join(gone)}, which {DATASET.name} has no more: choose another version"
        )
    with platform.warehouse.connect() as connection:
        connection.use_model(scoring_model)
        scores = connection.fetch(
            f"SELECT {PREDICT_FUNCTION}({', '.join(scoring_model.features)}) AS SCORE "
            f"FROM (SELECT * FROM {DATASET.name} ORDER BY SESSION_DATE DESC, UID LIMIT :rows) NEWEST",
            rows=_SAMPLE_ROWS,
        )["SCORE"].to_numpy()
        if len(scores) == 0:  # a made-up session still proves that the version scores
            zeros = ", ".join("0.0" for _ in scoring_model.features)
            scores = connection.fetch(f"SELECT {PREDICT_FUNCTION}({zeros}) AS SCORE")["SCORE"].to_numpy()
    if not np.all(np.isfinite(scores)) or scores.min() < 0 or scores.max() > 1:
        raise VersionUnfit(
            f"version {version.name} gave something else than probabilities on the newest {len(scores)} sessions: "
            "choose another version"
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
    """Make `to` the champion if `replacing` still is, and write the ledger.

    The ledger row is written first and committed last, around the move of the pointer: a failure of either
    leaves both as they were, but for the first champion, whom a failed commit leaves without a row.
    `effective_date` (default: today in Asia/Tokyo) is the first session date that the new champion stands for
    when the past is reconstructed. `quarantine_reason` is why the champion left is quarantined; None leaves it as it
    is. The new champion is in quarantine no longer.

    Raises:
        UnknownVersion, WarehouseError, VersionUnfit: `to` cannot be champion; nothing was moved.
        ChampionMoved: somebody else moved the pointer; nothing was moved.
    """
    registry = platform.registry
    proof = prove_fit(platform, to)
    with ExitStack() as undo:
        if replacing is not None and quarantine_reason is not None:
            # Marked first: an interruption then leaves a marked champion, never an unmarked loser.
            undo.callback(registry.set_quarantine, replacing, replacing.quarantine)
            registry.set_quarantine(replacing, quarantine_reason)
        with platform.warehouse.connect(writing=True) as connection, connection.transaction():
            # Where sessions do not exclude each other, an update waits for others of the table and an insert does not.
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
        undo.pop_all()
    if to.quarantine:  # asked for by name
        registry.set_quarantine(to, None)
    return proof
