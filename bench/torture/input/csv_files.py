"""CSV files with faults: cells, lines, headers, encodings and bytes. Each function makes the file of one case."""

import gzip
from collections.abc import Callable, Mapping
from functools import partial
from random import Random

from bench.torture.input.dropped import Dropped, Fate, Row, csv_text, session_rows, uids
from bench.torture.input.texts import LONE_SURROGATE, LONG_TEXTS, TEXTS

#: Makes the file of a case under that name.
Maker = Callable[[Random, str], Dropped]
_REPEATED_ROWS = 3_000
_TWO_BLOCKS = 9_500_000  # characters; a block of the reader is smaller
_QUOTED = 0.5


def _cells(random: Random, name: str) -> Dropped:
    """Some cells of some rows have other texts."""
    rows = session_rows(random)
    touched: set[int] = set()
    for _ in range(random.randrange(1, 12)):
        place = random.randrange(len(rows))
        rows[place][random.choice([*rows[place]])] = random.choice(TEXTS)
        touched.add(place)
    untouched = uids([row for place, row in enumerate(rows) if place not in touched])
    content = csv_text(rows, quoted=random.random() < _QUOTED).encode()
    return Dropped("CSV: other cells", name, content, "loaded", len(rows), untouched)


def _cell(text: str, fate: Fate, random: Random, name: str) -> Dropped:
    """One cell of one row has this text."""
    rows = session_rows(random)
    column = random.choice([column for column in rows[0] if column != "UID"])
    rows[0][column] = text
    content = csv_text(rows).encode("utf-8", "surrogatepass")
    return Dropped("CSV: a cell", name, content, fate, len(rows), uids(rows[1:]))


def _repeated(random: Random, name: str) -> Dropped:
    """Some rows come again, partly in another spelling."""
    rows = session_rows(random)
    again = [dict(random.choice(rows)) for _ in range(random.randrange(1, 20))]
    for row in again:
        row["UID"] = random.choice((str, str.upper))(row["UID"])
        row["SESSION_DATE"] = random.choice((row["SESSION_DATE"], f" {row['SESSION_DATE']} "))
        row["PAGEVALUES"] = random.choice((row["PAGEVALUES"], "7"))
    whole = [*rows, *again]
    return Dropped("CSV: repeated keys", name, csv_text(whole).encode(), "loaded", len(whole), uids(rows))


def _one_key(random: Random, name: str) -> Dropped:
    rows = session_rows(random, 1) * _REPEATED_ROWS
    return Dropped("CSV: one key", name, csv_text(rows).encode(), "loaded", len(rows), uids(rows))


#: How the text of a file changes, and what a load must then do. If it is loaded, all its rows are valid.
_TEXT_CHANGES: Mapping[str, tuple[Fate, Callable[[Random, str], str]]] = {
    "CRLF": ("loaded", lambda _, text: text.replace("\n", "\r\n")),
    "CR": (None, lambda _, text: text.replace("\n", "\r")),
    "semicolons": ("refused", lambda _, text: text.replace(",", ";")),
    "tabs": ("refused", lambda _, text: text.replace(",", "\t")),
    "empty lines": ("loaded", lambda _, text: text.replace("\n", "\n\n")),
    "no line end": ("loaded", lambda _, text: text.removesuffix("\n")),
    "trailing commas": (None, lambda _, text: text.replace("\n", ",\n")),
    "a short row": ("refused", lambda _, text: text + "1,2,3\n"),
    "a long row": ("refused", lambda _, text: text.removesuffix("\n") + ",1,2\n"),
    "a blank first line": (None, lambda _, text: "\n" + text),
    "a comment": ("refused", lambda _, text: "# by a machine\n" + text),
    "no header": ("refused", lambda _, text: text.partition("\n")[2]),
    "nothing": ("refused", lambda *_: ""),
    "line ends only": ("refused", lambda *_: "\n\n\n"),
    "a byte order mark only": ("refused", lambda *_: "\ufeff"),
    "a byte order mark": ("loaded", lambda _, text: "\ufeff" + text),
    "NUL bytes at the end": (None, lambda _, text: text + "\0" * 4_096),
    "many commas at the end": ("refused", lambda _, text: text + "," * 1_000_000),
    "mixed line ends": (None, lambda random, text: _with_line_ends(random, text)),
    "blanks around commas": (None, lambda _, text: text.replace(",", " , ")),
}
#: How the text of a file changes if some of its rows may be lost by that. Such a file is loaded or refused.
_DAMAGES: Mapping[str, Callable[[Random, bytes], bytes]] = {
    "an unbalanced quote": lambda random, content: _inserted(random, content, b'"'),
    "a NUL byte": lambda random, content: _inserted(random, content, b"\0"),
    "a byte that is not UTF-8": lambda random, content: _inserted(random, content, b"\xe9"),
    "cut": lambda random, content: content[: random.randrange(len(content))],
    "other bytes": lambda random, content: _flipped(random, content),
    "random bytes": lambda random, _: random.randbytes(random.randrange(1, 5_000)),
    "garbage at the end": lambda random, content: content + random.randbytes(50),
}
#: How the header changes.
_HEADERS: Mapping[str, tuple[Fate, Callable[[Random, list[str]], list[str]]]] = {
    "in other case": ("loaded", lambda _, names: [f" {name.title()} " for name in names]),
    "with a line break": ("loaded", lambda _, names: [f"{name}\n" for name in names]),
    "with another name": ("refused", lambda random, names: _replaced(random, names, "x")),
    "with a NUL byte": ("refused", lambda random, names: _replaced(random, names, "UI\0D")),
    "with a name twice": ("refused", lambda random, names: _replaced(random, names, "UID", "REVENUE")),
    "with a formula": ("refused", lambda random, names: _replaced(random, names, "=1+1")),
    "without a name": ("refused", lambda random, names: _replaced(random, names, "")),
    "with one name too few": (None, lambda _, names: names[:-1]),
}
#: Further columns, by their names. The file is loaded without them.
_FURTHER: Mapping[str, list[str]] = {
    "another column": ["note"],
    "a column without a name": [""],
    "two columns of one name": ["note", "note"],
    "a column with line breaks": ["a\nb", "a\rb"],
    "numbers as names": ["0", "1"],
    "a long name": ["n" * 100_000],
    "many columns": [f"C{number}" for number in range(2_000)],
}
_ENCODINGS: Mapping[str, Fate] = {
    **dict.fromkeys(("utf-16", "utf-16-le", "utf-32", "cp037"), "refused"),
    "utf-8-sig": "loaded",
    **dict.fromkeys(("utf-7", "cp932")),
}


def _changed_text(case: str, random: Random, name: str) -> Dropped:
    fate, change = _TEXT_CHANGES[case]
    rows = session_rows(random)
    content = change(random, csv_text(rows)).encode()
    return Dropped(f"CSV: {case}", name, content, fate, len(rows) if fate == "loaded" else None, uids(rows))


def _damaged(case: str, random: Random, name: str) -> Dropped:
    content = _DAMAGES[case](random, csv_text(session_rows(random)).encode())
    return Dropped(f"CSV: {case}", name, content)


def _header(case: str, random: Random, name: str) -> Dropped:
    fate, change = _HEADERS[case]
    rows = session_rows(random)
    content = csv_text(rows, change(random, [*rows[0]])).encode()
    return Dropped(f"CSV: a header {case}", name, content, fate, len(rows) if fate == "loaded" else None, uids(rows))


def _further_columns(case: str, random: Random, name: str) -> Dropped:
    rows, names = session_rows(random), _FURTHER[case]
    cells: list[Row] = [row | {f"further {place}": "x" for place, _ in enumerate(names)} for row in rows]
    content = csv_text(cells, [*rows[0], *names]).encode()
    return Dropped(f"CSV: {case}", name, content, "loaded", len(rows), uids(rows))


def _reordered(random: Random, name: str) -> Dropped:
    rows = session_rows(random)
    order = random.sample([*rows[0]], len(rows[0]))
    content = csv_text([{column: row[column] for column in order} for row in rows]).encode()
    return Dropped("CSV: columns in another order", name, content, "loaded", len(rows), uids(rows))


def _missing(random: Random, name: str) -> Dropped:
    rows = session_rows(random)
    lost = random.sample([*rows[0]], random.randrange(1, 4))
    content = csv_text([{column: row[column] for column in row if column not in lost} for row in rows]).encode()
    return Dropped("CSV: missing columns", name, content, "refused")


def _encoded(encoding: str, random: Random, name: str) -> Dropped:
    rows = session_rows(random)
    fate = _ENCODINGS[encoding]
    content = csv_text(rows).encode(encoding)
    return Dropped(f"CSV: {encoding}", name, content, fate, len(rows) if fate == "loaded" else None, uids(rows))


def _compressed(random: Random, name: str) -> Dropped:
    return Dropped("CSV: compressed", name, gzip.compress(csv_text(session_rows(random)).encode(), mtime=0), "refused")


def _with_line_ends(random: Random, text: str) -> str:
    return "".join(line + random.choice(("\n", "\r\n", "\r")) for line in text.splitlines())


def _inserted(random: Random, content: bytes, byte: bytes) -> bytes:
    place = random.randrange(len(content))
    return content[:place] + byte + content[place:]


def _flipped(random: Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(random.randrange(1, 12)):
        changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def _replaced(random: Random, names: list[str], by: str, place: str | None = None) -> list[str]:
    replaced = place or random.choice(names)
    return [by if name == replaced else name for name in names]


MAKERS: tuple[Maker, ...] = (
    *([_cells] * 12),
    *(partial(_cell, text, "loaded") for text in LONG_TEXTS),
    partial(_cell, LONE_SURROGATE, "refused"),
    partial(_cell, "x" * _TWO_BLOCKS, None),
    *(_repeated, _one_key, _reordered, _missing, _compressed),
    *(partial(_changed_text, case) for case in _TEXT_CHANGES),
    *(partial(_damaged, case) for case in (*_DAMAGES, *_DAMAGES)),
    *(partial(_header, case) for case in _HEADERS),
    *(partial(_further_columns, case) for case in _FURTHER),
    *(partial(_encoded, encoding) for encoding in _ENCODINGS),
)
