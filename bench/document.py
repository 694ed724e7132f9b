"""Tables in docs/: people write the text of a page, and a benchmark writes the tables between markers."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path


def fill(document: Path, name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table between `<!-- name -->` and `<!-- /name -->`, and print it.

    Raises:
        ValueError: the document does not have these markers.
    """
    lines = [header, ["---"] * len(header), *rows]
    table = "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
    text = document.read_text(encoding="utf-8")
    place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not place.search(text):
        raise ValueError(f"{document.name} has no place for the table: add <!-- {name} --> and <!-- /{name} -->")
    document.write_text(place.sub(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", text), encoding="utf-8")
    print(f"\n{name}\n{table}", flush=True)  # noqa: T201
