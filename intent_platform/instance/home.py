"""Dagster's home: where it is, its configuration, and its store, which no two commands create at the same time.

The store is three SQLite databases, unless a `DAGSTER_HOME` configures another one. Damage is found before a command
does anything.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import yaml
from filelock import FileLock, Timeout
from sqlalchemy.exc import SQLAlchemyError

from intent_platform.errors import InstanceError, SettingsError, first_line, on_one_line
from intent_platform.settings import Settings

_TEMPLATE = Path(__file__).with_name("dagster.yaml")
_STARTING_SECONDS = 60
#: In the order in which Dagster creates them.
_DATABASES = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")


def prepare_home(settings: Settings) -> Path:
    """Create Dagster's home in the home folder and return it.

    The template `dagster.yaml` configures it, and `DAGSTER_HOME` names it for this process and its children. If
    `DAGSTER_HOME` is already set, nothing is created and that folder is returned.

    Raises:
        SettingsError: the folder cannot be written, or `DAGSTER_HOME` does not name a folder with a configuration.
        InstanceError: another command has been starting for a minute.
    """
    if configured := os.environ.get("DAGSTER_HOME"):
        return _configured_home(configured)
    folder = settings.home / "dagster"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _starting_alone(folder):
            draft = folder / "dagster.yaml.draft"
            shutil.copyfile(_TEMPLATE, draft)
            draft.replace(folder / "dagster.yaml")  # at once, because a running `dagster dev` reads it too
    except OSError as error:
        raise SettingsError(
            f"cannot write the home folder {settings.home} ({error.strerror}): set INTENT_PLATFORM_HOME to a folder "
            "that you can write"
        ) from error
    os.environ["DAGSTER_HOME"] = str(folder)
    return folder


def _configured_home(name: str) -> Path:
    folder = Path(name)
    try:
        usable = folder.is_absolute() and (folder / "dagster.yaml").is_file()
    except OSError:  # the name is too long, or a folder on the way is closed to this user
        usable = False
    if not usable:
        raise SettingsError(
            f"DAGSTER_HOME {name} must be the absolute path of a folder with a dagster.yaml that you can read: unset "
            f"it, or copy {_TEMPLATE} there"
        )
    return folder


def open_store(home: Path) -> dg.DagsterInstance:
    """Open the instance in Dagster's home, and create its store if it is new. The caller closes the instance.

    Raises:
        InstanceError: a database is damaged, or Dagster cannot open its store.
    """
    try:
        with _starting_alone(home):
            for file, fault in _faults([home / name for name in _DATABASES]):
                raise InstanceError(
                    f"Dagster's database {file} is damaged ({fault}): restore the home with make restore from=…, or "
                    "delete this file, and its history begins anew"
                )
            return dg.DagsterInstance.get()
    except (dg.DagsterError, SQLAlchemyError, yaml.YAMLError, OSError) as error:
        raise InstanceError(
            f"Dagster cannot open its store in {home} ({first_line(error)}): correct its dagster.yaml and check that "
            "you can write the folder"
        ) from error


@contextmanager
def failures_of_the_store(home: Path) -> Iterator[None]:
    """Raise an `InstanceError` if Dagster cannot read or write its store any more, for example on a full disk."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = first_line(error.__cause__ if isinstance(error.__cause__, sqlite3.Error) else error)
        raise InstanceError(
            f"Dagster cannot use its store in {home} any more ({cause}): check that its disk has space and that you "
            "can write the folder, then run the command again"
        ) from error


@contextmanager
def _starting_alone(home: Path) -> Iterator[None]:
    """Let no other command prepare this home or create its store meanwhile."""
    lock = FileLock(home / "start.lock")
    try:
        lock.acquire(timeout=_STARTING_SECONDS)
    except Timeout as error:
        raise InstanceError(
            f"another command has been starting in {home} for {_STARTING_SECONDS} s: wait until it has started or "
            "stop it, then try again"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _faults(databases: list[Path]) -> Iterator[tuple[Path, str]]:
    """The damaged ones of these databases, each with its fault. A missing database is a new one.

    A command that is killed while it creates a database leaves it empty. So an empty one is damaged only if Dagster
    created a later one.
    """
    sizes = [file.stat().st_size if file.exists() else 0 for file in databases]
    for number, file in enumerate(databases):
        if sizes[number] > 0:
            try:
                with closing(sqlite3.connect(file, timeout=_STARTING_SECONDS)) as connection:
                    (answer,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            except sqlite3.Error as error:
                answer = first_line(error)
            if answer != "ok":
                yield file, on_one_line(answer)
        elif file.exists() and any(sizes[number + 1 :]):
            yield file, "it is empty"
