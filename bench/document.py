"""Documents with measured tables: the words are written by hand, the tables between their markers by a benchmark."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path


def fill(document: Path, name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Replace what stands between `<!-- name -->` and `<!-- /name -->` by a table.

    Raises:
        ValueError: the document has no such place.
    """
    lines = [header, ["---"] * len(header), *rows]
    table = "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
    text = document.read_text(encoding="utf-8")
    place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not place.search(text):
        raise ValueError(f"{document.name} has no place <!-- {name} --> … <!-- /{name} --> for the table")
    document.write_text(place.sub(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", text), encoding="utf-8")
    print(f"\n{name}\n{table}", flush=True)  # noqa: T201
