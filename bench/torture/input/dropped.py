"""A file that a trial drops into the landing folder, and the valid sessions from which the files are made."""

import csv
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any, Literal

from bench.torture.work import session_row

Row = dict[str, Any]
#: What a load must do with a file: load it, name it as unreadable, or leave it alone. None: load it or name it.
Fate = Literal["loaded", "refused", "ignored"] | None


@dataclass(frozen=True)
class Dropped:
    """One entry of the landing folder.

    Attributes:
        case: what is unusual about it; together with the seed of the trial it identifies the file.
        name: the file name. `os.fsdecode` makes such a name of bytes that are not UTF-8.
        content: the bytes of the file; None if `make` creates something else.
        fate: what a load must do with it.
        rows: the number of its rows; None if the case leaves it open.
        sure: the UIDs that a load of the file must accept.
        make: creates an entry that is not a file.
    """

    case: str
    name: str
    content: bytes | None
    fate: Fate = None
    rows: int | None = None
    sure: frozenset[str] = field(default=frozenset(), repr=False)
    make: Callable[[Path], object] | None = field(default=None, repr=False)

    def drop(self, folder: Path) -> None:
        """Create the entry in the folder."""
        path = folder / self.name
        if self.make is not None:
            self.make(path)
        elif self.content is not None:
            path.write_bytes(self.content)


def session_rows(random: Random, count: int | None = None) -> list[Row]:
    """Valid sessions as text cells; without `count`, up to 30 of them."""
    rows = random.randrange(2, 30) if count is None else count
    return [{name: str(cell) for name, cell in session_row(random, 1).items()} for _ in range(rows)]


def uids(rows: Collection[Mapping[str, str]]) -> frozenset[str]:
    """The identifiers of these rows."""
    return frozenset(row["UID"] for row in rows)


def csv_text(rows: Sequence[Row], names: Sequence[str] | None = None, *, quoted: bool = False) -> str:
    """The rows as CSV under these column names; without `names`, under their own."""
    output = StringIO()
    usual = csv.writer(output, lineterminator="\n")
    quoting = csv.writer(output, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for line in (names or [*rows[0]], *(row.values() for row in rows)):
        # By itself the writer quotes only the line end that it writes.
        (quoting if quoted or any("\r" in cell for cell in line) else usual).writerow(line)
    return output.getvalue()


def good_csv(random: Random, name: str) -> Dropped:
    """A file without fault."""
    rows = session_rows(random)
    return Dropped("a good file", name, csv_text(rows).encode(), "loaded", len(rows), uids(rows))


def unusual_name(name: bytes) -> str:
    """A file name of any bytes."""
    return os.fsdecode(name)
