"""The files of a home by what they are: who asks for them, and what a refusal may say about them.

It has no damage. `damage` damages them.
"""

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.torture import steps, work
from bench.torture.homes import Room, use
from bench.torture.processes import Child, answer_of

_RESTORE, _OTHER_VERSION, _DELETE = "make restore from=…", "choose another version", "delete this file"
_WRITABLE, _NAME_ANOTHER, _OTHER_BACKUP = "your user to read and write", ": name another", "use another one"


@dataclass(frozen=True)
class Part:
    """One file of a home or of its backup.

    Attributes:
        name: what it is.
        file: finds it in the folder of a trial, which has `home` and `saved`, a backup.
        questions: what needs it; see `questions.QUESTIONS`.
        offers: the ways out that a refusal may offer.
        names: what else than the file a refusal may name.
        aims: bit flips fall into the 4,000 bytes after one of these texts; anywhere if there is none.
        template: returns the home that is damaged.
        lost: returns the home whose answers are also right, because the file is what lies between both.
    """

    name: str
    file: Callable[[Path], Path]
    questions: tuple[str, ...]
    offers: tuple[str, ...] = (_RESTORE,)
    names: tuple[str, ...] = ()
    aims: tuple[bytes, ...] = ()
    template: Callable[[Room], Path] = lambda room: with_files(room)
    lost: Callable[[Room], Path] | None = None


def with_files(room: Room) -> Path:
    """A shop in whose landing folder scanned files wait."""

    def scan(home: Path) -> None:
        from intent_platform.sessions.choice import session_source
        from intent_platform.sessions.landing import LandingFeed

        feed = session_source(use(home, **work.LANDING))
        assert isinstance(feed, LandingFeed), "the settings name it"  # noqa: S101  for the type checker
        feed.pending()

    def fill(home: Path) -> None:
        shutil.copytree(room.shop(), home)
        work.drop_files(home / "landing", work.FILES, "first")
        answer_of(partial(scan, home), room.folder / "scan.log")

    return room.made("scanned", fill)


def _with_log(room: Room) -> Path:
    """A shop whose warehouse has a log, because a load was killed right after its commit."""
    (committed,) = (step for step in steps.LOAD if step.name == "sessions committed")

    def load(home: Path) -> None:
        committed.arm()
        work.load(home)

    def fill(home: Path) -> None:
        shutil.copytree(room.shop(), home)
        Child(partial(load, home), room.folder / "killed.log").end()

    return room.made("killed_load", fill)


def _in(place: str) -> Callable[[Path], Path]:
    return lambda folder: folder / place


def _first(pattern: str) -> Callable[[Path], Path]:
    """The first file of this pattern by size and name. Runs have random names."""
    return lambda folder: min(folder.glob(pattern), key=lambda path: (path.stat().st_size, path.name))


def _model_file(place: int, name: str) -> Callable[[Path], Path]:
    """A file of the version at this place of `work.version_names`."""

    def find(folder: Path) -> Path:
        with closing(sqlite3.connect(folder / "home" / "mlflow.db")) as connection:
            runs = connection.execute(
                "SELECT run_id FROM model_versions NATURAL JOIN model_version_tags WHERE key = 'version_name' "
                "ORDER BY value"
            ).fetchall()
        return Path(folder, "home", "mlartifacts", runs[place][0], "artifacts", "model", name)

    return find


_RECORDS = (b'{"format":', b"version_name")
_VERSION = (_RESTORE, _OTHER_VERSION)
_DAGSTER, _ITS_OFFERS = ("rollback", "backup"), (_RESTORE, _DELETE)
_ITS_RUNS = "home/dagster/history/runs"
_BACKUP, _SAVED_MODEL = (_NAME_ANOTHER, _OTHER_BACKUP), "saved/home/mlartifacts/*/artifacts/model/model.cb"
_NEEDS_WAREHOUSE = ("rows", "scores", "rollback", "backup", "landing load")
_NEEDS_REGISTRY = ("versions", "scores", "rollback", "backup")
_NOTE = f"home/landing/.scans/{work.landing_file(0)}.json"
PARTS: Sequence[Part] = (
    Part("warehouse", _in("home/warehouse.duckdb"), _NEEDS_WAREHOUSE),
    Part("log", _in("home/warehouse.duckdb.wal"), ("rows",), names=("warehouse",), template=_with_log, lost=Room.shop),
    Part("registry", _in("home/mlflow.db"), _NEEDS_REGISTRY, _VERSION, ("version v_",), _RECORDS),
    Part("model file of the champion", _model_file(0, "model.cb"), ("scores", "rollback"), _VERSION),
    Part("model file of another version", _model_file(work.MARKED, "model.cb"), ("scores", "promotion"), _VERSION),
    Part("description of the champion", _model_file(0, "MLmodel"), ("scores",)),
    Part("lock of the registry", _in("home/registry.lock"), ("promotion",), (_WRITABLE,)),
    Part("Dagster's configuration", _in("home/dagster/dagster.yaml"), ("rollback",)),
    Part("Dagster's runs", _in("home/dagster/history/runs.db"), _DAGSTER, _ITS_OFFERS),
    Part("Dagster's events", _in(f"{_ITS_RUNS}/index.db"), _DAGSTER, _ITS_OFFERS),
    Part("Dagster's schedules", _in("home/dagster/schedules/schedules.db"), ("rollback",), _ITS_OFFERS),
    Part("events of a run", _first(f"{_ITS_RUNS}/*-*.db"), ("backup",), _ITS_OFFERS),
    Part("lock of Dagster's start", _in("home/dagster/start.lock"), ("rollback",)),
    Part("note of a scan", _in(_NOTE), ("landing load",)),
    Part("landing file", _in(f"home/landing/{work.landing_file(0)}"), ("other landing files",)),
    Part("manifest of a backup", _in("saved/manifest.json"), ("restore",), _BACKUP, ("saved",)),
    Part("warehouse of a backup", _in("saved/home/warehouse.duckdb"), ("restore",), _BACKUP, ("saved",)),
    Part("model file of a backup", _first(_SAVED_MODEL), ("restore",), _BACKUP, ("saved",)),
)
