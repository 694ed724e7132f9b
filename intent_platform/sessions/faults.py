"""What is raised when one file of a feed cannot be read, whatever the reason is.

One file at fault must not stop the others, so each error names its file.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from intent_platform.errors import FeedError, first_line

_SHOWN_CHARACTERS = 300  # of another library's message


class UnreadableFile(FeedError):
    """One file of a feed cannot be read. `name` is the file's name, which is the origin of its rows."""

    def __init__(self, path: Path, problem: str) -> None:
        """Compose the sentence from the path and `problem`, which begins with a verb."""
        super().__init__(f"{printable(str(path))} {problem}")
        self.name = path.name


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise any exception of the body as an error that names the file.

    Raises:
        UnreadableFile: the body raised something. Its cause is that exception.
    """
    try:
        yield
    except UnreadableFile:
        raise
    except Exception as error:  # a file can make Arrow, a codec, the memory or the disk fail: the remedy is the same
        reason = printable(first_line(error))[:_SHOWN_CHARACTERS]
        raise UnreadableFile(
            path, f"cannot be read as a table ({reason}): provide a complete CSV or Parquet file"
        ) from error


def printable(text: str) -> str:
    """`text` on one line, with escapes for characters that cannot be printed and for bytes that are not UTF-8."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
