"""The ledger `CHAMPION_HISTORY`: its moves, and the champion of each day.

The table is append-only, and only `platforms.champion` writes it. The registry names the current champion.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from intent_platform.errors import NoChampion
from intent_platform.partitions import Window
from intent_platform.platforms.ports import Connection
from intent_platform.tables import CHAMPION_HISTORY, Table

#: The ledger stores this text if nobody gave a reason for a move.
NO_REASON = "no reason given"
#: `repair` is a move that was found without its row, because the run that moved the pointer was cut off.
Cause = Literal["first", "promotion", "force", "rollback", "repair"]


@dataclass(frozen=True)
class Move:
    """One row of the ledger. `moved_at` is Asia/Tokyo wall-clock time."""

    number: int
    moved_at: datetime
    effective_date: date
    from_version: str | None
    to_version: str
    cause: Cause
    reason: str
    run_id: str


@dataclass(frozen=True)
class Ledger:
    """All moves of the champion, oldest first."""

    moves: tuple[Move, ...]

    @property
    def latest(self) -> Move | None:
        """The last move; None if there was no move yet."""
        return self.moves[-1] if self.moves else None

    def until(self, number: int) -> "Ledger":
        """The ledger as it was after the move of that number."""
        return Ledger(tuple(move for move in self.moves if move.number <= number))

    def made_by(self, run_id: str) -> Move | None:
        """The move of that run; None if the run moved nothing."""
        return next((move for move in self.moves if move.run_id == run_id and move.cause != "repair"), None)

    def previous_champion(self, current: str, unfit: Collection[str]) -> str:
        """The last champion before `current` that is not one of `unfit`, such as quarantined versions.

        Raises:
            NoChampion: the ledger has no such version.
        """
        for move in reversed(self.moves):
            for version in (move.to_version, move.from_version):
                if version is not None and version != current and version not in unfit:
                    return version
        raise NoChampion(
            f"the ledger has no earlier champion than {current} that is not quarantined: name the version to go back to"
        )

    def champions_of(self, window: Window) -> list[tuple[Window, str]]:
        """The champion of each day of `window`, as consecutive windows with one version each.

        A move counts from its effective date. If several moves count on a day, the last one decides. Example: a move
        from A to B, effective on the 15th, splits `[1st, 29th)` into `([1st, 15th), A), ([15th, 29th), B)`.

        Raises:
            NoChampion: a day of the window had no champion.
        """
        starts: list[tuple[date, str]] = []
        for day in window:
            champions = [move.to_version for move in self.moves if move.effective_date <= day]
            if not champions:
                raise NoChampion(
                    f"the ledger has no champion for {day}: score it with the current champion or name a version"
                )
            if not starts or starts[-1][1] != champions[-1]:
                starts.append((day, champions[-1]))
        ends = [day for day, _ in starts[1:]] + [window.end]
        return [(Window(start, end), version) for (start, version), end in zip(starts, ends, strict=True)]


def read_ledger(connection: Connection) -> Ledger:
    """The current ledger."""
    rows = connection.fetch(
        "SELECT MOVE, MOVED_AT, EFFECTIVE_DATE, FROM_VERSION, TO_VERSION, CAUSE, REASON, RUN_ID "
        "FROM CHAMPION_HISTORY ORDER BY MOVE"
    )
    return Ledger(tuple(Move(*row.values()) for row in rows.to_pylist()))


def write_move(connection: Connection, table: Table, move: Move, metrics: Mapping[str, object]) -> None:
    """Append a move to the ledger, or to the table of the moves that have begun."""
    connection.execute(
        f"INSERT INTO {table.name} ({', '.join(CHAMPION_HISTORY.column_names)}) SELECT :number, :moved_at, "
        ":effective_date, :from_version, :to_version, :cause, :reason, :metrics, :run_id",
        metrics=json.dumps(dict(metrics)),
        **vars(move),
    )
