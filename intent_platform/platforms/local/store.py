"""The files of the local registry: opens MLflow's store, locks it, and explains its failures.

A store is created as a draft and gets its name when it is complete. So an empty or missing `mlflow.db` beside stored
artifacts is damage, and never the start of a new store.
"""

import errno
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from intent_platform.errors import WarehouseError, first_line, on_one_line
from intent_platform.loggers import quiet_loggers
from intent_platform.platforms.local.files import fault_of
from intent_platform.platforms.versions import MODEL_NAME

if TYPE_CHECKING:
    from mlflow import MlflowClient

#: The folder of the models' files in the home folder.
ARTIFACTS = "mlartifacts"
_RESTORE = "restore it from a backup with `make restore from=…`"
_FOLLOW = "use the release of MLflow that wrote it, or follow MLflow's advice"
_WAIT = "another process holds it, so wait until that process ends and try again"
_FREE_SPACE = "check the free space of its disk, then try again"
_ALLOW = "allow your user to read and write it, or set INTENT_PLATFORM_HOME to another folder"
#: What to do, by SQLite's result code or by the name of the system's error.
_ADVICE = {
    **dict.fromkeys(("SQLITE_BUSY", "SQLITE_LOCKED"), _WAIT),
    **dict.fromkeys(("SQLITE_FULL", "SQLITE_IOERR", "ENOSPC", "EDQUOT", "EIO"), _FREE_SPACE),
    **dict.fromkeys(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "EACCES", "EPERM", "EROFS"), _ALLOW),
}


class MlflowStore:
    """`mlflow.db`, `registry.lock` and `mlartifacts/` in one folder."""

    def __init__(self, home: Path, timeout_seconds: float) -> None:
        """Use the folder `home`. Wait for another process up to `timeout_seconds`."""
        self._database = home.absolute() / "mlflow.db"
        self._lock_file = self._database.with_name("registry.lock")
        self._timeout_seconds = timeout_seconds
        self.artifacts = self._database.with_name(ARTIFACTS)

    @contextmanager
    def opened(self) -> Iterator["MlflowClient"]:
        """A client of this store. It does not change MLflow's global tracking address.

        Raises:
            WarehouseError: the store is missing, damaged, busy or may not be used, or its disk is full.
        """
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from alembic.util import CommandError
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield self._client
        except MlflowException as error:
            if error.error_code not in ("TEMPORARILY_UNAVAILABLE", "BAD_REQUEST", "INTERNAL_ERROR"):
                raise
            raise self._failure(error) from error
        except (SQLAlchemyError, CommandError, sqlite3.Error, OSError) as error:
            raise self._failure(error) from error

    @contextmanager
    def locked(self) -> Iterator["MlflowClient"]:
        """The same, while no other process names a version, moves the pointer or deletes anything.

        MLflow has no compare-and-set, so a lock file takes its place. It cannot be nested.

        Raises:
            WarehouseError: also if another process holds the lock for longer than the timeout.
        """
        with self.opened() as client, self._lock():
            yield client

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self._database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            lock = FileLock(self._lock_file, mode=0o600).acquire(timeout=self._timeout_seconds)
        except Timeout as error:
            raise WarehouseError(
                f"the registry waited {self._timeout_seconds:g} s for {self._lock_file}, which another process holds: "
                "wait until its training, prune or move ends or stop it, then try again"
            ) from error
        with lock:
            yield

    @cached_property
    def _client(self) -> "MlflowClient":
        from mlflow import MlflowClient  # imported first, because the import sets the levels of its loggers

        # MLflow logs database errors with a traceback. `opened` explains them instead.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
        with quiet_loggers("alembic", "mlflow"):
            if not self._database.exists():
                self._create()
            self._refuse_damage()
            address = _address(self._database)
            return MlflowClient(tracking_uri=address, registry_uri=address)

    def _create(self) -> None:
        from mlflow import MlflowClient

        with self._lock():
            if self._database.exists():  # another process was first
                return
            self.artifacts.mkdir(mode=0o700, exist_ok=True)
            if any(self.artifacts.iterdir()):
                raise WarehouseError(
                    f"{self._database} is missing, but {self.artifacts} has the files of versions: {_RESTORE}, or "
                    "move that folder away to start without versions"
                )
            draft = self._database.with_suffix(".draft")
            for abandoned in draft.parent.glob(f"{draft.name}*"):  # draft and journal of a process that was killed
                abandoned.unlink()
            draft.touch(mode=0o600)
            address = _address(draft)
            client = MlflowClient(tracking_uri=address, registry_uri=address)
            client.create_experiment(MODEL_NAME, artifact_location=self.artifacts.as_uri())
            client.create_registered_model(MODEL_NAME, description="Probability that a session ends in a purchase")
            draft.rename(self._database)

    def _refuse_damage(self) -> None:
        """Look at the database before MLflow does, which retries for minutes and adds missing tables."""
        if self._database.stat().st_size == 0:
            raise sqlite3.DatabaseError("it is empty")
        address = f"{self._database.as_uri()}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, timeout=self._timeout_seconds)) as connection:
            if fault := fault_of(connection):
                raise sqlite3.DatabaseError(fault)
            models = connection.execute("SELECT name FROM registered_models WHERE name = ?", [MODEL_NAME]).fetchall()
        if not models:
            raise sqlite3.DatabaseError(f"it has no model {MODEL_NAME}")

    def _failure(self, error: Exception) -> WarehouseError:
        """The failure in a sentence: of the database, or of the file that the operating system names."""
        cause: BaseException = error
        while cause.__cause__ is not None and not isinstance(cause, sqlite3.Error | OSError):
            cause = cause.__cause__
        where, says, advice = self._database, first_line(error), _FOLLOW
        if isinstance(cause, OSError):
            where, says = cause.filename or where, cause.strerror or says
            advice = _ADVICE.get(errno.errorcode.get(cause.errno or 0, ""), _RESTORE)
        elif isinstance(cause, sqlite3.Error):
            says, code = on_one_line(str(cause)), "_".join(getattr(cause, "sqlite_errorname", "").split("_")[:2])
            advice = _ADVICE.get(code, _RESTORE)
        return WarehouseError(f"the registry cannot use {where} ({says}): {advice}")


def _address(database: Path) -> str:
    """SQLAlchemy's address of a SQLite file. It may have any name.

    It names the driver, because MLflow would create the folder of `sqlite:///…` by its quoted name.
    """
    from sqlalchemy import URL

    return URL.create("sqlite+pysqlite", database=str(database)).render_as_string()
