"""What users ask of a home. A damaged home must answer as the undamaged one does, or refuse.

Each question runs in a process of its own in the folder of a trial, which has the home and perhaps a backup.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from bench.torture import work
from bench.torture.calls import Answer, answered
from bench.torture.homes import use
from bench.torture.processes import Child
from bench.torture.state import HomeState, state_of
from bench.torture.work import MARKED, SUPERSEDED, WINDOW, platform_of
from intent_platform.tables import TABLES

#: Python's announcement of a stack trace.
_TRACE = "Traceback (most recent call last)"
_SHOWN = 400  # characters


#: A question takes the folder of a trial and the names of the shop's versions by age.
Question = Callable[[Path, list[str]], Any]


def asked(
    question: str, folder: Path, names: list[str], around: Callable[[], AbstractContextManager[object]] = nullcontext
) -> Answer:
    """Ask the home of a trial in a new process, within the context. A stack trace in its output is a failure."""

    def ask(_: str) -> Any:
        with around():
            return json.loads(json.dumps(QUESTIONS[question](folder, names)))  # as a stored answer

    ended = Child(partial(answered, question, ask), folder / "asked.log").end()
    if _TRACE in ended.output:
        return Answer(question, "failed", text=ended.output[-_SHOWN:])
    answer: Answer = ended.answer or Answer(question, "failed", text=ended.failure or f"signal {ended.code}")
    return answer


def broken_answer(answer: Answer, expected: Any, names: Sequence[str], offers: Sequence[str]) -> list[str]:
    """How the answer of a damaged home breaks the promise.

    Args:
        answer: of the damaged home.
        expected: the result of the undamaged home.
        names: the names of what is damaged. Every refusal has one of these texts in it.
        offers: ways out. Every refusal has one of these texts in it.
    """
    if answer.kind == "failed":
        found = [f"failed: {' / '.join(answer.text.splitlines()[-4:])}"]
    elif answer.kind == "refused":
        found = [] if not answer.is_long_winded else ["was refused with more than a sentence"]
        found += [] if any(name in answer.text for name in names) else [f"was refused without the name {names[0]}"]
        found += [] if any(offer in answer.text for offer in offers) else ["was refused without a way out"]
        found = [f"{violation}: {answer.text}" for violation in found]
    else:
        same = answer.result == expected
        found = [] if same else [f"answered {str(answer.result)[:_SHOWN]} instead of {str(expected)[:_SHOWN]}"]
    return [f"{answer.who} {violation}" for violation in found]


def broken_repair(again: Answer, expected: Any, repair: str) -> list[str]:
    """How an answer after a repair differs from that of an undamaged home."""
    return [] if again.result == expected else [f"{again.who} after {repair}: {again.text or again.result}"]


def crashes_in(home: Path) -> list[str]:
    """A sentence for each traceback that a command left in the home."""
    return [f"a traceback was left in crashes/{path.name}" for path in sorted((home / "crashes").glob("*"))]


def _rows(folder: Path, _: list[str]) -> object:
    """A digest of the stored rows of each table."""
    with platform_of(folder / "home").warehouse.connect() as connection:
        found = {table.name: connection.fetch(f"SELECT * FROM {table.name}").to_pylist() for table in TABLES}
    return {name: [len(rows), _digest(sorted(map(repr, rows)))] for name, rows in found.items()}


def _versions(folder: Path, _: list[str]) -> object:
    """Everything that the registry says about its versions and its champion."""
    registry = platform_of(folder / "home").registry
    versions, champion = registry.versions(), registry.champion()
    known = [[version.name, version.quarantine, version.digest, repr(version.provenance)] for version in versions]
    return [_digest([str(version) for version in known]), champion and champion.name]


def _scores(folder: Path, _: list[str]) -> object:
    """A digest of new scores by the champion."""
    work.score(folder / "home")
    with platform_of(folder / "home").warehouse.connect() as connection:
        rows = connection.fetch(
            "SELECT UID, SESSION_DATE, MODEL_VERSION, SCORE FROM SCORES "
            "WHERE SESSION_DATE >= :start AND SESSION_DATE < :end",
            **WINDOW.bounds,
        ).to_pylist()
    return [len(rows), _digest(sorted(map(repr, rows)))]


def _rollback(folder: Path, names: list[str]) -> object:
    """The moves after a rollback by its command."""
    work.command(folder / "home", "rollback", "--version", names[SUPERSEDED])
    return _moves(state_of(folder / "home"))


def _promotion(folder: Path, names: list[str]) -> object:
    """The moves after a forced promotion."""
    work.force(platform_of(folder / "home"), names[MARKED])
    return _moves(state_of(folder / "home"))


def _times(folder: Path, _: list[str]) -> object:
    """The times of a new version, which becomes champion by force: in its name and in the ledger."""
    platform = platform_of(folder / "home")
    work.train(folder / "home")
    newest = platform.registry.versions()[-1]
    work.force(platform, newest.name)
    move = state_of(folder / "home").ledger[-1]
    with platform.warehouse.connect() as connection:
        effective = connection.value("SELECT MAX_BY(EFFECTIVE_DATE, MOVE) AS DAY FROM CHAMPION_HISTORY")
    return [newest.name[:-2], move.moved_at[:16], str(effective)]


def _setup(folder: Path, _: list[str]) -> object:
    """The days of the tables after `setup`."""
    work.command(folder / "home", "setup", **work.LANDING)
    return _days(state_of(folder / "home"))


def _landing_load(folder: Path, _: list[str]) -> object:
    """What a load of the landing files says that it did, and where the files are then."""
    loaded = work.load_landing(folder / "home")
    landing = folder / "home" / "landing"
    files = [sorted(path.name for path in place.glob("*.csv")) for place in (landing, landing / "accepted")]
    return [loaded.counts.accepted, loaded.counts.rejected, files]


def _other_landing_files(folder: Path, _: list[str]) -> object:
    """Which landing files but the first are loaded, and whether their rows are stored."""
    work.load_landing(folder / "home")
    accepted = sorted(path.name for path in (folder / "home" / "landing" / "accepted").glob("*.csv"))
    stored = sum(state_of(folder / "home").by_feed["landing"])
    return [[name for name in accepted if name != work.landing_file(0)], stored >= (work.FILES - 1) * work.ROWS]


def _backup(folder: Path, _: list[str]) -> object:
    """The state that a backup restores."""
    from intent_platform.upkeep.backup import back_up

    back_up(use(folder / "home"), folder / "backup")
    return _restored(folder, folder / "backup")


def _restore(folder: Path, _: list[str]) -> object:
    """The state that the saved backup of the trial restores."""
    return _restored(folder, folder / "saved")


def _restored(folder: Path, backup: Path) -> object:
    from intent_platform.upkeep.backup import restore

    restore(use(folder / "restored"), backup)
    state = state_of(folder / "restored")
    return [*state.damage, *state.faults, _days(state), _moves(state), sorted(map(repr, state.versions.items()))]


def _moves(state: HomeState) -> object:
    return [state.pointer, sorted(state.marks), [[move.from_version, move.to_version] for move in state.ledger]]


def _days(state: HomeState) -> object:
    return {table: _digest(sorted(map(repr, days.items()))) for table, days in state.days.items()}


def _digest(texts: list[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


QUESTIONS: Mapping[str, Question] = {
    "rows": _rows,
    "versions": _versions,
    "scores": _scores,
    "rollback": _rollback,
    "promotion": _promotion,
    "times": _times,
    "setup": _setup,
    "landing load": _landing_load,
    "other landing files": _other_landing_files,
    "backup": _backup,
    "restore": _restore,
}
