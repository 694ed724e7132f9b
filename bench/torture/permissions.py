"""Homes without permissions: of another user, read-only, or with single files that their user may not use.

Root may do everything, so as root the questions are asked by the user `nobody`.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from bench.torture.damage import expected
from bench.torture.homes import Room
from bench.torture.parts import with_files
from bench.torture.questions import asked, broken_answer, broken_repair, crashes_in
from bench.torture.trials import Outcome, Size, Trial, drawn

_NOBODY = 65_534
_ALL = ("rows", "versions", "scores", "rollback", "landing load", "setup", "backup")
_OFFERS = ("can write", "can read and write", "your user to read and write", "folders writable", "make restore from=…")


@dataclass(frozen=True)
class Barrier:
    """Something that a user may not do.

    Attributes:
        name: its name in the results.
        paths: what loses permissions in a home.
        taken: the permissions that it loses.
        questions: what needs it.
        is_foreign: whether the home belongs to another user. Only root can give it away.
    """

    name: str
    paths: Callable[[Path], list[Path]]
    taken: int
    questions: tuple[str, ...]
    is_foreign: bool = False


def _everything(home: Path) -> list[Path]:
    return [home, *home.rglob("*")]


def _only(*names: str) -> Callable[[Path], list[Path]]:
    return lambda home: [path for name in names for path in home.glob(name)]


BARRIERS = (
    Barrier("read-only home", _everything, 0o222, _ALL),
    Barrier("home of another user", _only(), 0, _ALL, is_foreign=True),
    Barrier("closed home of another user", lambda home: [home], 0o077, _ALL, is_foreign=True),
    Barrier("read-only warehouse", _only("warehouse.duckdb"), 0o222, ("scores", "rollback", "landing load", "backup")),
    Barrier("closed warehouse", _only("warehouse.duckdb"), 0o777, ("rows", "scores", "rollback", "backup")),
    Barrier("read-only registry", _only("mlflow.db"), 0o222, ("versions", "promotion", "backup")),
    Barrier("closed registry", _only("mlflow.db"), 0o777, ("versions", "scores", "rollback", "backup")),
    Barrier("closed lock of the registry", _only("registry.lock"), 0o777, ("versions", "promotion", "backup")),
    Barrier("closed model files", _only("mlartifacts/*/artifacts/model/model.cb"), 0o777, ("scores", "backup")),
    Barrier("read-only store of Dagster", _only("dagster", "dagster/**/*"), 0o222, ("rollback", "setup", "backup")),
    Barrier("closed landing folder", _only("landing"), 0o777, ("landing load", "setup")),
    Barrier("read-only landing folder", _only("landing"), 0o222, ("landing load", "setup")),
)


def permissions(size: Size, random: Random) -> Iterator[Trial]:
    """The barriers, in random order."""
    trials = [
        Trial("permissions", f"permissions: {barrier.name}", partial(_asked_behind, barrier))
        for barrier in BARRIERS
        if os.geteuid() == 0 or not barrier.is_foreign
    ]
    yield from drawn(trials, size.damages, random)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be a user without privileges."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    yield


def _asked_behind(barrier: Barrier, room: Room, _: Random) -> Outcome:
    found, names = list[str](), expected(room, room.shop(), "names")
    room.folder.chmod(0o711)
    for question in barrier.questions:
        right = expected(room, with_files(room), question)
        with room.copy(with_files(room)) as folder:
            home = folder / "home"
            if os.geteuid() == 0:
                for path in [folder, *([] if barrier.is_foreign else _everything(home))]:
                    os.chown(path, _NOBODY, _NOBODY)
            modes = {path: path.stat().st_mode for path in barrier.paths(home)}
            for path, mode in reversed(modes.items()):
                path.chmod(mode & ~barrier.taken)
            answer = asked(question, folder, names, unprivileged)
            found += broken_answer(answer, right, (str(home),), _OFFERS)
            for path, mode in modes.items():
                path.chmod(mode)
            found += crashes_in(home)
            if answer.kind == "refused" and not barrier.is_foreign:
                again = asked(question, folder, names, unprivileged)
                found += broken_repair(again, right, "the permissions were given back")
    return Outcome(found)
