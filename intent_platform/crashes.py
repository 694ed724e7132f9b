"""Where the traceback of an unforeseen error goes. The command itself answers with one sentence."""

import os
import traceback
from pathlib import Path
from tempfile import gettempdir, mkstemp

from intent_platform.partitions import now
from intent_platform.settings import load_settings

_KEPT = 20


def record_crash(error: Exception) -> Path | None:
    """Write the traceback to a file that only its owner can read, and return its path.

    The file is in `crashes/` of the home folder, which keeps the newest 20, or else in the temporary folder. The result
    is None if neither can be written.
    """
    text = "".join(traceback.format_exception(error))
    for folder in (_crashes_of_the_home, lambda: Path(gettempdir())):
        try:
            return _write(folder(), text)
        except Exception:  # noqa: BLE001, S112  the settings or the disk may be what failed
            continue
    return None


def _crashes_of_the_home() -> Path:
    folder = load_settings().home / "crashes"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.txt"))[: 1 - _KEPT]:
        old.unlink(missing_ok=True)
    return folder


def _write(folder: Path, text: str) -> Path:
    descriptor, name = mkstemp(dir=folder, prefix=f"intent_platform_{now():%y%m%d_%H%M%S}_", suffix=".txt")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:  # the disk is full
        Path(name).unlink()
        raise
    return Path(name)
