"""The operations that are killed: how each begins, what it does, and what it must have brought about in the end."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from bench.torture import steps, work
from bench.torture.homes import NOW, Room, room_of, use
from bench.torture.invariants import broken_at_any_time
from bench.torture.processes import answer_of
from bench.torture.state import WAREHOUSE, HomeState, state_of
from bench.torture.steps import Step
from bench.torture.work import FILES, MARKED, ROWS, SUPERSEDED


@dataclass(frozen=True)
class Operation:
    """One operation of the package.

    Attributes:
        name: its name in the results.
        template: returns the home that it begins with; None for a new home.
        run: does it in the home of a trial, in a process of its own.
        steps: the named steps at which it is killed.
        outcome: what an uninterrupted run and a killed run that was repeated have in common.
        together: the tables that it writes in one transaction.
        found: further violations in the folder of a trial, read after the kill and after the repetition. The second
            argument is the state of the home, and the third one says whether the operation has ended.
        settles: whether the home can be used before the operation has been repeated.
    """

    name: str
    template: Callable[[Room], Path | None]
    run: Callable[[Path], Any]
    steps: tuple[Step, ...]
    outcome: Callable[[HomeState], object]
    together: tuple[str, ...] = ()
    found: Callable[[Path, HomeState, bool], list[str]] = lambda *_: []
    settles: bool = True


def _with_files(room: Room) -> Path:
    def fill(home: Path) -> None:
        shutil.copytree(room.shop(), home)
        work.drop_files(home / "landing", FILES, "first")

    return room.made("landing", fill)


def _with_other_source(room: Room) -> Path:
    """A shop whose SOURCE has other rows than its DATASET."""

    def fill(home: Path) -> None:
        shutil.copytree(room.shop(), home)
        answer_of(lambda: work.load(home), room.folder / "load.log")

    return room.made("other_source", fill)


def _with_old_files(room: Room) -> Path:
    """A shop with accepted files of January, which are too old, and of April, and with an old staged folder."""

    def fill(home: Path) -> None:
        shutil.copytree(room.shop(), home)
        accepted = home / "landing" / "accepted"
        work.drop_files(accepted, FILES, "old", first=date(2025, 1, 5))
        work.drop_files(accepted, FILES, "young")
        for done in accepted.glob("*.done"):
            done.unlink()
        (home / ".staged-7-killed").mkdir()
        os.utime(home / ".staged-7-killed", (0, 0))

    return room.made("old_files", fill)


def _days(state: HomeState) -> object:
    return state.days


def _moves(state: HomeState) -> object:
    return state.pointer, state.marks, [(move.from_version, move.to_version) for move in state.ledger]


def _newest_model(state: HomeState) -> object:
    newest = state.versions[max(state.versions)]
    return newest.logged, newest.stored, newest.is_complete


def _landing_violations(folder: Path, state: HomeState, ended: bool) -> list[str]:
    landing = folder / "home" / "landing"
    waiting, accepted = ({path.name for path in place.glob("*.csv")} for place in (landing, landing / "accepted"))
    loaded = sum(state.by_feed.get("landing", (0, 0)))
    found = []
    if loaded not in ((FILES * ROWS,) if ended else (0, FILES * ROWS)):
        found.append(f"{FILES * ROWS} rows were delivered, and {loaded} were accepted or rejected")
    if len(waiting | accepted) != FILES:
        found.append(f"{FILES - len(waiting | accepted)} of {FILES} landing files are gone")
    if accepted and not loaded:
        found.append(f"{len(accepted)} landing files moved to accepted/ before their rows were committed")
    return found


def _retention_violations(folder: Path, state: HomeState, ended: bool) -> list[str]:
    """What is wrong with the raw sessions: they go together with their record, and the files go after the rows."""
    import duckdb

    with duckdb.connect(str(folder / "home" / WAREHOUSE), read_only=True) as connection:
        recorded = connection.execute("SELECT KEPT_FROM::VARCHAR, SESSIONS, REJECTED FROM RAW_DELETIONS").fetchall()
    first = (NOW - timedelta(days=work.RAW_DAYS)).date().isoformat()
    raw = {day for table in ("SOURCE", "SOURCE_REJECTED") for day in state.table(table)}
    files = sorted(path.name for path in (folder / "home" / "landing" / "accepted").glob("*.csv"))
    old, young = (sum(f"_{age}_" in name for name in files) for age in ("old", "young"))
    found = []
    if len(recorded) > 1 or [day for day, *_ in recorded] not in ([], [first]):
        found.append(f"RAW_DELETIONS has {recorded}, not one deletion up to {first}")
    if bool(recorded) == any(day < first for day in raw):
        found.append(f"RAW_DELETIONS has {len(recorded)} rows, and the first day with raw sessions is {min(raw)}")
    if not any(day < first for day in state.table("DATASET")):
        found.append(f"DATASET lost its days before {first}")
    if young != FILES or (old < FILES and not recorded):
        found.append(f"accepted/ has {young} young and {old} old files, and {len(recorded)} deletions are recorded")
    if ended and (old or not recorded):
        found.append(f"{old} old files and {len(recorded)} recorded deletions are left")
    return found


def _back_up(home: Path) -> None:
    work.back_up(home, home.parent / "backup")


def _backup_violations(folder: Path, state: HomeState, ended: bool) -> list[str]:
    from intent_platform.errors import BackupError
    from intent_platform.upkeep.backup import restore, verified_manifest

    backup = folder / "backup"
    if not backup.exists():
        return ["there is no backup"] if ended else []
    try:
        verified_manifest(backup)
    except BackupError as error:
        return [f"the backup is not complete: {error}"]
    if not ended:
        return []
    restore(use(folder / "restored"), backup)
    restored = state_of(folder / "restored")
    found = [] if restored == state else ["the restored home differs from the home"]
    unfinished = [path.name for path in folder.iterdir() if path.name.endswith(".unfinished")]
    return found + [f"the unfinished backup {name} was left" for name in unfinished]


def saved(room: Room) -> Path:
    """A backup of the shop."""
    return room.made("saved", lambda to: answer_of(partial(work.back_up, room.shop(), to), room.folder / "saved.log"))


def _before_restore(room: Room) -> Path:
    """A shop with another champion and other rows than the backup."""

    def change(home: Path) -> None:
        work.force_place(MARKED, home)
        work.load(home)

    def fill(home: Path) -> None:
        shutil.copytree(room.shop(), home)
        answer_of(partial(change, home), room.folder / "changed.log")

    saved(room)
    return room.made("before_restore", fill)


def _restore(home: Path) -> None:
    work.command(home, "restore", "--from", str(saved(room_of(home))))


def _restore_violations(folder: Path, state: HomeState, ended: bool) -> list[str]:
    """After a kill the home is whole, or it has no warehouse and every connection is refused."""
    from intent_platform.errors import WarehouseError

    if ended:
        return []
    if state.days:
        return broken_at_any_time(state)
    try:
        work.platform_of(folder / "home").warehouse.connect().__enter__()
    except WarehouseError as refusal:
        return [] if "make restore from=…" in str(refusal) else [f"no way out of a half restored home: {refusal}"]
    return ["a half restored home got an empty warehouse"]


def _shop(room: Room) -> Path:
    return room.shop()


FIRST_START = Operation("first start", lambda _: None, work.start, steps.FIRST_START, _days, ("SOURCE",))
OPERATIONS = (
    Operation("rollback", _shop, partial(work.roll_back_to_place, SUPERSEDED), steps.ROLLBACK, _moves),
    Operation(
        "rollback to a quarantined version",
        _shop,
        partial(work.roll_back_to_place, MARKED),
        steps.ROLLBACK_TO_MARKED,
        _moves,
    ),
    Operation("forced promotion", _shop, partial(work.force_place, MARKED), steps.FORCE_OF_MARKED, _moves),
    Operation("promotion", _shop, work.promote, steps.PROMOTION, _moves),
    Operation("challenger", _shop, work.train, steps.CHALLENGER, _newest_model),
    Operation("scores", _shop, work.score, steps.SCORES, _days, ("SCORES",)),
    Operation("dataset", _with_other_source, work.build_dataset, steps.DATASET, _days, ("DATASET",)),
    Operation("source load", _shop, work.load, steps.LOAD, _days, ("SOURCE", "SOURCE_REJECTED")),
    Operation(
        "landing load",
        _with_files,
        work.load_landing,
        steps.LANDING_LOAD,
        _days,
        ("SOURCE", "SOURCE_REJECTED"),
        _landing_violations,
    ),
    Operation(
        "retention",
        _with_old_files,
        work.delete_expired,
        steps.RETENTION,
        _days,
        ("SOURCE", "SOURCE_REJECTED", "DATASET", "SCORES"),
        _retention_violations,
    ),
    Operation("prune", _shop, work.prune, steps.PRUNE, lambda state: sorted(state.versions)),
    Operation("rollback command", _shop, work.roll_back_by_command, steps.ROLLBACK_COMMAND, _moves),
    Operation("demo", _shop, work.play_demo, steps.DEMO, lambda state: (_days(state), _moves(state))),
    FIRST_START,
    Operation("backup", _shop, _back_up, steps.BACKUP, _days, found=_backup_violations),
    Operation(
        "restore",
        _before_restore,
        _restore,
        steps.RESTORE,
        lambda state: replace(state, leftovers=()),
        found=_restore_violations,
        settles=False,
    ),
)
