"""The claim of a home: `make dev` keeps it while it runs, and whoever replaces the home's files takes it first."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from intent_platform.errors import InstanceError
from intent_platform.workers import live_runs

_SERVICES = (b"dagster._daemon", b"dagster_webserver")


def claim(home: Path) -> int:
    """Claim Dagster's home for this process, and return the open file of the claim.

    The claim lasts until the file is closed. `dagster dev` keeps it when it takes the place of this process. Its daemon
    and its webserver do not, so those of a killed `dagster dev` are looked for.

    Raises:
        InstanceError: `make dev` or a process that it left behind uses the home.
    """
    file = os.open(home / "dev.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(file, 20).decode()
        os.close(file)
        raise InstanceError(
            f"make dev is already running on {home} (process {holder}): use its UI, stop it, or set "
            "INTENT_PLATFORM_HOME to another folder"
        ) from error
    if services := " ".join(_services_of(home)):
        os.close(file)
        raise InstanceError(
            f"an earlier make dev was killed, and its processes still run on {home}: end them with kill {services}, "
            "then try again"
        )
    os.truncate(file, 0)
    os.write(file, str(os.getpid()).encode())
    os.set_inheritable(file, True)
    return file


@contextmanager
def unused(home: Path) -> Iterator[None]:
    """Make sure that nobody uses Dagster's home, and claim it until the end. A missing home is unused.

    Raises:
        InstanceError: `make dev` or a run of a command uses the home.
    """
    if not home.is_dir():
        yield
        return
    file = claim(home)
    try:
        if runs := live_runs(home):
            raise InstanceError(f"run {runs[0]} of a command uses {home}: wait until it ends, then try again")
        yield
    finally:
        os.close(file)


def _services_of(home: Path) -> list[str]:
    """The process ids of Dagster's daemon and webserver in this home. Only Linux lists them."""
    variable = f"DAGSTER_HOME={home}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # the process has ended, or belongs to another user
            command, environment = ((process / name).read_bytes().split(b"\0") for name in ("cmdline", "environ"))
            if variable in environment and any(service in command for service in _SERVICES):
                found.append(process.name)
    return found
