"""Deletes session files whose sessions are all too old: accepted files, and drafts that an interruption left.

Files that wait in the landing folder stay, because nobody has loaded them.
"""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

from intent_platform.errors import FeedError
from intent_platform.partitions import TIMEZONE, now
from intent_platform.sessions.accepted import AcceptedFolder
from intent_platform.sessions.faults import printable
from intent_platform.sessions.file_scans import FileState, forget_absent, scan_file
from intent_platform.sessions.removal import DRAFT


def delete_expired_files(landing: Path, kept_from: date) -> list[str]:
    """Delete the accepted files without a session of `kept_from` or later, and return their names.

    A file counts as old as its newest session. Each file is scanned once, and a note beside it keeps its days. A file
    that cannot be read, or has no past day, counts as old as its last change.

    Raises:
        FeedError: a file cannot be deleted.
    """
    accepted = AcceptedFolder(landing).path
    names = []
    try:
        for path in [*_files(accepted), *_drafts(landing)]:
            if _newest_day(path) < kept_from:
                path.unlink(missing_ok=True)
                names.append(printable(path.name))
    except OSError as error:
        raise FeedError(
            f"an old file in {landing} cannot be deleted ({error.strerror}): make the folder and {accepted.name}/ "
            "writable, or delete the file"
        ) from error
    forget_absent(accepted)
    return names


def _files(accepted: Path) -> Iterator[Path]:
    """The accepted files, without the folder of notes."""
    if accepted.is_dir():
        yield from sorted(path for path in accepted.iterdir() if path.is_file() and not path.name.startswith("."))


def _drafts(landing: Path) -> Iterator[Path]:
    """The drafts of a killed `make forget`, which hold sessions of a file."""
    for folder in (landing, AcceptedFolder(landing).path):
        yield from sorted(folder.glob(f"{DRAFT}*"))


def _newest_day(path: Path) -> date:
    """The newest past day of the file's sessions; without one, the day on which the file was last changed."""
    state = FileState.of(path)
    if state is None:
        return date.max  # somebody else deleted it, or put something else in its place
    changed = datetime.fromtimestamp(state.mtime_ns / 1e9, TIMEZONE).date()
    if path.name.startswith("."):
        return changed
    return max((day for day in scan_file(path, state).result().days if day <= now().date()), default=changed)
