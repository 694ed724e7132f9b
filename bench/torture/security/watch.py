"""Watches a process and the files that it leaves: what it unpickles, and which files other users may open."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from stat import S_IMODE
from typing import Any, TypeVar

Result = TypeVar("Result")
_FOR_OTHERS = 0o077


class UnpicklingWatch:
    """Records what this process unpickles from now on. An audit hook cannot be removed, so watch in a child."""

    def __init__(self) -> None:
        self._found: list[str] = []
        sys.addaudithook(self._note)

    @property
    def found(self) -> Sequence[str]:
        """The name of each class or function that a pickle asked for, with the function that read the pickle."""
        return self._found

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "pickle.find_class":
            module, name = arguments[:2]
            reader = sys._getframe(1).f_code  # noqa: SLF001  the only way to name the caller
            self._found.append(f"{module}.{name} was unpickled by {Path(reader.co_filename).name}:{reader.co_name}")


def open_to_others(folder: Path) -> list[str]:
    """The files and folders that the group or others may read, write or enter, the folder itself included."""
    return [
        f"{path.relative_to(folder.parent)} has the mode {S_IMODE(path.lstat().st_mode):o}"
        for path in (folder, *sorted(folder.rglob("*")))
        if not path.is_symlink() and path.lstat().st_mode & _FOR_OTHERS
    ]


def without_pickles(work: Callable[[], Result]) -> Result:
    """Do the work in this process, which nothing else uses.

    Raises:
        RuntimeError: the work unpickled something.
    """
    watch = UnpicklingWatch()
    result = work()
    if watch.found:
        raise RuntimeError(watch.found[0])
    return result
