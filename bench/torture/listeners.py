"""The processes that use a home, and the addresses on which they listen. Only Linux lists both."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from intent_platform.settings.types import ENVIRONMENT_PREFIX

_LISTENS = "0A"
#: 127.0.0.1, ::1 and ::ffff:127.0.0.1 as the kernel writes them on a little-endian machine.
_LOOPBACK = ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")


def processes_of(home: Path) -> list[int]:
    """The living processes that were started with this home."""
    variable, found = f"{ENVIRONMENT_PREFIX}HOME={home}".encode(), list[int]()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or belongs to another user
            if variable in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return sorted(found)


def open_to_others(processes: Iterable[int]) -> list[str]:
    """A sentence for each socket on which one of the processes listens to other machines."""
    sockets = set()
    for process in processes:
        with suppress(OSError):
            for descriptor in Path(f"/proc/{process}/fd").iterdir():
                with suppress(OSError):
                    sockets.add(str(descriptor.readlink()))
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            address, port = local.split(":")
            if state == _LISTENS and address not in _LOOPBACK and f"socket:[{rest[5]}]" in sockets:
                found.append(f"port {int(port, 16)} is open to other machines (address {address})")
    return found
