"""Landing files with strange names, and entries of the folder that are not files."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

from bench.torture.input.csv_files import Maker
from bench.torture.input.dropped import Dropped, Fate, good_csv, unusual_name

#: `{}` is the number of the file, because a name may come again in a trial.
_LOADED = (
    *("a b{}.csv", "a'b{}.csv", 'a"b{}.csv', "a;DROP TABLE SOURCE--{}.csv", "*{}.csv", "[x]{}.csv", "{{a,b}}{}.csv"),
    *("a\nb{}.csv", "a..csv{}.csv.CSV", "-rf{}.csv", "~{}.csv", "$HOME{}.csv", "a%00b{}.csv", "%2e%2e%2f{}.csv"),
    *("\\..\\x{}.csv", ":uid{}.csv", "?{}.csv", "日本{}.csv", "\U0001f4a5{}.csv", "e\u0301{}.csv", "\u202egnp{}.csv"),
    *("\x01{}.csv", "A{}.CSV", "a{}.csv.csv", "a{}.CsV", "accepted{}.csv", "x" * 180 + "{}.csv"),
)
_REFUSED = ("a{}.csv ", "a{}.csv.part", "a{}.txt", "a{}", "x" * 230 + "{}.csv", "日" * 70 + "{}.csv")
_IGNORED = (".a{}.csv", "...{}.csv", "a{}.csv.done", ".{}.csv.swp")
_NAMES: Mapping[str, Fate] = {
    **dict.fromkeys(_LOADED, "loaded"),
    **dict.fromkeys(_REFUSED, "refused"),
    **dict.fromkeys(_IGNORED, "ignored"),
}
_BYTES: Mapping[bytes, Fate] = {b"caf\xe9%d.csv": "refused", b"\xff\xfe%d.csv": "refused", b"%d.csv\xff": "refused"}
_ENTRIES: Mapping[str, tuple[Fate, Callable[[Path], object]]] = {
    "a folder": ("ignored", Path.mkdir),
    "a FIFO": ("ignored", os.mkfifo),
    "a link to nothing": ("ignored", lambda path: path.symlink_to("nothing")),
    "a link to itself": ("ignored", lambda path: path.symlink_to(path)),
    "a link to a device": ("ignored", lambda path: path.symlink_to("/dev/zero")),
    "a link to a folder": ("ignored", lambda path: path.symlink_to("/")),
    "an empty file without permission": (None, lambda path: path.touch(mode=0)),
}


def _named(pattern: str, random: Random, name: str) -> Dropped:
    return replace(good_csv(random, _numbered(pattern, name)), case=f"name: {pattern!r:.30}", fate=_NAMES[pattern])


def _named_by_bytes(pattern: bytes, random: Random, name: str) -> Dropped:
    other = unusual_name(pattern % int(Path(name).stem.rpartition("_")[2]))
    return replace(good_csv(random, other), case=f"name: {pattern!r}", fate=_BYTES[pattern])


def _entry(case: str, _: Random, name: str) -> Dropped:
    fate, make = _ENTRIES[case]
    return Dropped(f"name: {case}", name, None, fate, make=make)


def _numbered(pattern: str, name: str) -> str:
    return pattern.format(Path(name).stem.rpartition("_")[2])


MAKERS: tuple[Maker, ...] = (
    *(partial(_named, pattern) for pattern in _NAMES),
    *(partial(_named_by_bytes, pattern) for pattern in _BYTES),
    *(partial(_entry, case) for case in _ENTRIES),
)
