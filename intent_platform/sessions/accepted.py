"""The folder `accepted/` in the landing folder: files move there after their rows are committed."""

import filecmp
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from stat import S_IMODE

from intent_platform.errors import FeedError
from intent_platform.sessions.faults import printable


@dataclass(frozen=True)
class AcceptedFolder:
    """The loaded files of one landing folder. A name always belongs to the file that was loaded last."""

    landing: Path

    @property
    def path(self) -> Path:
        """The folder itself. The first load creates it."""
        return self.landing / "accepted"

    def make_room(self, arriving: Sequence[Path]) -> None:
        """Prove that files can be moved into the folder, and free the names of `arriving`.

        A file with the name and other content gets a hash in its name. Call this before the commit, because a
        committed file that cannot be moved would be loaded again.

        Raises:
            FeedError: files cannot be moved.
        """
        probe = self.landing / f".moving-{os.getpid()}"
        try:
            self.path.mkdir(mode=S_IMODE(self.landing.stat().st_mode), exist_ok=True)
            probe.touch()
            probe.replace(self.path / probe.name).unlink()
            for path in arriving:
                with suppress(FileNotFoundError):  # somebody removed the file, so it will not arrive
                    _free(self.path / path.name, path)
        except OSError as error:
            raise FeedError(
                f"files cannot be moved from {self.landing} to {self.path} ({error.strerror}): make both folders "
                "writable, on one file system"
            ) from error
        finally:
            with suppress(OSError):
                probe.unlink()

    def take(self, path: Path) -> None:
        """Move a file whose rows are committed, and remove its done file.

        Raises:
            FeedError: the file cannot be moved.
        """
        try:
            path.replace(self.path / path.name)
            _done_file(path).unlink(missing_ok=True)
        except OSError as error:
            raise FeedError(
                f"{printable(str(path))} is loaded but cannot be moved ({error.strerror}): move it to {self.path}"
            ) from error

    def remove_stale_done_files(self) -> None:
        """Remove the done files of files that were moved, which remain if a load is killed after the move.

        A done file is written after its file. So it stays if its file was never here, or was moved before.
        """
        for done in self.landing.glob("*.done"):
            with suppress(OSError):  # another process removes it, or nobody can
                moved = self.path / done.stem
                if not done.with_name(done.stem).exists() and done.stat().st_mtime_ns <= moved.stat().st_ctime_ns:
                    done.unlink()


def has_done_file(path: Path) -> bool:
    """Whether the producer says that `path` is complete. True if the name is too long for a done file."""
    try:
        return _done_file(path).exists()
    except OSError:
        return True


def _done_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.done")


def _free(target: Path, arriving: Path) -> None:
    """Rename `target`, unless it has the content of the arriving file, which then replaces it."""
    if target.exists() and not filecmp.cmp(target, arriving, shallow=False):
        with target.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        target.rename(target.with_name(f"{target.stem}-{digest[:12]}{target.suffix}"))
