"""Backups of a home folder: the warehouse, the registry and Dagster's store, copied in one consistent state.

A backup is a folder with the copied files and a manifest of their checksums. It can be made while `make dev` runs:
nobody writes the warehouse or the registry meanwhile. DuckDB and SQLite copy their own files, because a process that
opens and closes such a file itself loses its locks.
"""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from hashlib import file_digest
from importlib import metadata
from itertools import chain, count
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from intent_platform.errors import BackupError, SettingsError, on_one_line
from intent_platform.partitions import now
from intent_platform.platforms import platform_for
from intent_platform.platforms.local.files import RESTORING, fault_of
from intent_platform.platforms.local.session_copies import REPLACED, STAGED
from intent_platform.platforms.local.store import MlflowStore
from intent_platform.platforms.local.warehouse import DuckDBWarehouse
from intent_platform.settings import Settings

_FILES, _MANIFEST = "home", "manifest.json"
#: Files that belong to a running process, and what earlier restores have left.
_PASSING = (".lock", ".wal", "-wal", "-shm", "-journal")
_LEFTOVERS = (STAGED, RESTORING, REPLACED)
_SQLITE = ".db"  # the suffix of the databases of Dagster and MLflow


class BackedUpFile(BaseModel):
    """The size in bytes and the SHA-256 of a file in a backup."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    size: int
    sha256: str


class Manifest(BaseModel):
    """What a backup holds.

    Attributes:
        format: the version of this form. An older release refuses a newer form.
        made_at: when the backup began, Asia/Tokyo.
        release: the version of the package that made it.
        files: every file by its path in the home folder.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal[1] = 1
    made_at: datetime
    release: str
    files: dict[str, BackedUpFile]

    @property
    def size(self) -> int:
        """The size of all files in bytes."""
        return sum(file.size for file in self.files.values())


def back_up(settings: Settings, to: Path) -> Manifest:
    """Copy the home folder to the new folder `to`, completely or not at all.

    Raises:
        BackupError: the folder exists or lies in the home, or it cannot be written.
        SettingsError: the deployment is not local.
        WarehouseError: the warehouse or the registry is busy for too long, or damaged.
    """
    home, warehouse = settings.home, platform_for(settings).warehouse
    if not isinstance(warehouse, DuckDBWarehouse):
        raise SettingsError(f"{settings.deployment} is Snowflake, which keeps its own backups: see docs/snowflake.md")
    if not settings.warehouse_file.exists():
        raise BackupError(
            f"there is no {settings.warehouse_file}, so there is nothing to back up: create it with `make setup`, or "
            "restore a lost one with `make restore from=…`"
        )
    try:
        is_taken = to.exists()
    except OSError as error:  # the name is too long, or a folder on the way is closed to this user
        raise BackupError(f"{to} cannot hold a backup ({error.strerror}): name another folder") from error
    if is_taken:
        raise BackupError(f"{to} exists already: name a new folder for the backup")
    if to.is_relative_to(home):
        raise BackupError(f"{to} lies in the home folder {home}: name a folder outside of it")
    begun, unfinished = now(), to.with_name(f"{to.name}.unfinished")
    copies, registry = unfinished / _FILES, MlflowStore(home, settings.warehouse.timeout_seconds)
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True, mode=0o700)
        copies.mkdir()
        # The warehouse comes first: whoever moves the champion holds it and then waits for the registry.
        with warehouse.copied_to(copies / settings.warehouse_file.name), registry.locked():
            for file in _files_of(home):
                if file != settings.warehouse_file:
                    _copy(file, copies / file.relative_to(home))
        files = {name.relative_to(copies).as_posix(): _described(name) for name in _files_of(copies)}
        manifest = Manifest(made_at=begun, release=metadata.version("intent_platform"), files=files)
        (unfinished / _MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
        unfinished.replace(to)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(
            f"the backup {to} could not be written ({error}): make room or name another folder"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return manifest


def _files_of(home: Path) -> Iterator[Path]:
    """The files of a home that a backup holds, in order."""
    for file in sorted(home.rglob("*")):
        inner = file.relative_to(home)
        leftover = any(part.startswith(_LEFTOVERS) for part in inner.parts)
        if file.is_file() and not file.is_symlink() and not leftover and not file.name.endswith(_PASSING):
            yield file


def _copy(file: Path, copy: Path) -> None:
    """Copy a file. A damaged database is not copied, because a restore would bring it back.

    Raises:
        BackupError: the file cannot be read, the copy cannot be written, or the database is damaged.
    """
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == _SQLITE:
            with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
                source.backup(target)
                if fault := fault_of(target):
                    raise sqlite3.DatabaseError(fault)
        else:
            shutil.copyfile(file, copy)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or on_one_line(str(error))
        raise BackupError(
            f"{file} could not be copied to {copy} ({reason}): make room on that disk, or restore a damaged file from "
            "another backup with `make restore from=…`"
        ) from error


def _described(file: Path) -> BackedUpFile:
    with file.open("rb") as opened:
        return BackedUpFile(size=file.stat().st_size, sha256=file_digest(opened, "sha256").hexdigest())


def verified_manifest(backup: Path) -> Manifest:
    """Return the manifest of a backup after comparing every file with it.

    Raises:
        BackupError: the folder is not a backup, another release made it in a newer form, or a file differs.
    """
    try:
        manifest = Manifest.model_validate(json.loads((backup / _MANIFEST).read_text(encoding="utf-8")))
        damaged = [name for name, file in manifest.files.items() if _described(backup / _FILES / name) != file]
    except (OSError, ValueError, ValidationError) as error:
        raise BackupError(f"{backup} is not a complete backup of this or an earlier release: name another") from error
    if damaged:
        raise BackupError(f"the backup {backup} is damaged ({damaged[0]} differs from its checksum): use another one")
    return manifest


def _free_folder(folder: Path) -> Path:
    """This folder, or one with a number if an interrupted restore made it in the same second."""
    numbered = (folder.with_name(f"{folder.name}_{number}") for number in count(2))
    return next(path for path in chain([folder], numbered) if not path.exists())


def restore(settings: Settings, backup: Path) -> tuple[Manifest, Path | None]:
    """Put the files of a backup in the place of the home's. The caller makes sure that nobody uses the home.

    The warehouse leaves first and arrives last. So after an interruption between them there is no warehouse, and
    connections are refused until the backup is restored again.

    Returns:
        The manifest, and the folder in the home that keeps the replaced files; None if the home was empty.

    Raises:
        BackupError: the backup is not complete, and the home is unchanged. Or the home cannot be written, and files
            that were moved already are in the folder that keeps them.
    """
    home = settings.home

    def is_warehouse(entry: Path) -> bool:
        return entry.name == settings.warehouse_file.name

    manifest = verified_manifest(backup)
    arriving, replaced = home / RESTORING, _free_folder(home / f"{REPLACED}{now():%y%m%d_%H%M%S}")
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.rmtree(arriving, ignore_errors=True)
        shutil.copytree(backup / _FILES, arriving)
        former = [entry for entry in home.iterdir() if not entry.name.startswith((RESTORING, REPLACED))]
        if former:
            replaced.mkdir(mode=0o700)
        for entry in sorted(former, key=is_warehouse, reverse=True):
            entry.rename(replaced / entry.name)
        for entry in sorted(arriving.iterdir(), key=is_warehouse):
            entry.rename(home / entry.name)
        arriving.rmdir()
    except OSError as error:
        # `copytree` goes on after a failure, and lists all of them.
        reason = error.args[0][0][2] if isinstance(error, shutil.Error) else error
        raise BackupError(
            f"the backup could not be restored to {home} ({reason}): make room or correct the permissions, then "
            "restore it again"
        ) from error
    return manifest, replaced if former else None
