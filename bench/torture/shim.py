"""The shim that kills a process at a call that changes a file, or fills its disk: compiles, preloads and arms it.

It needs Linux and a C compiler. Without them, the suite kills at random moments only, and no disk is full.
"""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

_SOURCE = Path(__file__).with_name("shim.c")
_PRELOAD = "LD_PRELOAD"
_NEVER = 2**62


def compiled(folder: Path) -> Path | None:
    """Compile the shim into `folder` and return the library; None without Linux or a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    library = folder / "shim.so"
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(_SOURCE), "-ldl"]
    done = subprocess.run(command, check=False, capture_output=True)  # noqa: S603
    return library if done.returncode == 0 else None


def preloaded_environment(library: Path) -> dict[str, str]:
    """The environment of a process that is to be killed by the shim."""
    return {**os.environ, _PRELOAD: str(library)}


def is_preloaded() -> bool:
    """Whether this process runs with the shim."""
    return hasattr(ctypes.CDLL(None), "torture_arm")


def arm(call: int | None = None, *, torn: bool = False) -> None:
    """Count the calls that change a file from now on, and end this process at number `call`.

    Args:
        call: the number of the last call, from 1; None only counts.
        torn: whether half of the last call is still done, if it is a write.
    """
    if is_preloaded():
        ctypes.CDLL(None).torture_arm(ctypes.c_long(_NEVER if call is None else call), ctypes.c_int(torn))


def disarm() -> int:
    """Stop counting, and return the number of calls since `arm`; 0 without the shim."""
    if not is_preloaded():
        return 0
    library = ctypes.CDLL(None)
    library.torture_count.restype = ctypes.c_long
    count = int(library.torture_count())
    library.torture_arm(ctypes.c_long(-1), ctypes.c_int(0))
    return count


def fill_disk(free_bytes: int) -> None:
    """Let the files of this process grow by that many bytes together. Then its disk is full."""
    ctypes.CDLL(None).torture_fill(ctypes.c_long(free_bytes))
