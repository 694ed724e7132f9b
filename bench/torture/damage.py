"""Damage: files of the home with flipped bits, cut short or missing. The home answers as before, or refuses.

Each question is asked in a copy of the home with one damaged file. If it was refused, the file is put back, and the
same question must have the answer of an undamaged home.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

from bench.torture.homes import Room
from bench.torture.operations import saved
from bench.torture.parts import PARTS, Part
from bench.torture.processes import answer_of
from bench.torture.questions import asked, broken_answer, crashes_in
from bench.torture.trials import Outcome, Size, Trial, drawn
from bench.torture.work import version_names

_AIMED_BYTES = 4_000
#: By name: the new content of a file from the old one; None deletes the file.
CUTS: Mapping[str, Callable[[bytes], bytes | None]] = {
    "missing": lambda _: None,
    "empty": lambda _: b"",
    "cut to a byte": lambda content: content[:1],
    "cut in half": lambda content: content[: len(content) // 2],
    "cut by a byte": lambda content: content[:-1],
}


def damage(size: Size, random: Random) -> Iterator[Trial]:
    """The damages of every file, in random order. So a run that is cut off has tried all files."""
    flips = [f"bit flip {number + 1}" for number in range(size.flips)]
    trials = [
        Trial(f"damage: {part.name}", f"damage: {part.name}, {kind}", partial(_damaged, part, kind))
        for part, kind in product(PARTS, (*CUTS, *flips))
    ]
    yield from drawn(trials, size.damages, random)


def _damaged(part: Part, kind: str, room: Room, random: Random) -> Outcome:
    template, found, conditions, seed = part.template(room), list[str](), "", random.random()
    names = expected(room, room.shop(), "names")
    for question in part.questions:
        right = expected(room, template, question)
        with room.copy(template) as folder:
            shutil.copytree(saved(room), folder / "saved")
            file = part.file(folder)
            content = file.read_bytes()
            new, conditions = damaged(content, kind, part.aims, Random(seed))  # noqa: S311  not for secrets
            put(file, new)
            answer = asked(question, folder, names)
            also = expected(room, part.lost(room), question) if part.lost else right
            if answer.kind == "nothing" and answer.result != also:
                found += broken_answer(answer, right, (), ())
            elif answer.kind != "nothing":
                found += broken_answer(answer, right, (file.name, *part.names), part.offers)
            found += crashes_in(folder / "home")
            if answer.kind == "refused":
                put(file, content)
                again = asked(question, folder, names)
                if again.result != right:
                    found.append(
                        f"{question} is not what it was after the file was put back: {again.text or again.result}"
                    )
    return Outcome(found, conditions=conditions)


def expected(room: Room, template: Path, question: str) -> Any:
    """The answer of an undamaged home. The first trial that needs it asks, and the others read it."""

    def ask(folder: Path) -> None:
        with room.copy(template) as copy:
            if question == "names":
                result: Any = answer_of(partial(version_names, copy / "home"), folder.with_suffix(".log"))
            else:
                shutil.copytree(saved(room), copy / "saved")
                answer = asked(question, copy, expected(room, room.shop(), "names"))
                if answer.kind != "nothing":
                    raise RuntimeError(f"{question} fails on an undamaged home: {answer.text}")
                result = answer.result
        folder.mkdir()
        (folder / "answer.json").write_text(json.dumps(result), encoding="utf-8")

    made = room.made(f"answer of {template.name} to {question}", ask)
    return json.loads((made / "answer.json").read_text(encoding="utf-8"))


def damaged(content: bytes, kind: str, aims: tuple[bytes, ...], random: Random) -> tuple[bytes | None, str]:
    """The content after the damage, and what was drawn for it."""
    if kind in CUTS:
        return CUTS[kind](content), ""
    if not content:
        return b"\0", "a byte in an empty file"
    starts = [start for start in (content.rfind(aim) for aim in aims) if start >= 0]
    start = random.choice(starts) if starts else 0
    end = min(start + _AIMED_BYTES, len(content)) if starts else len(content)
    # A zero byte is mostly unused.
    position = random.choice([place for place in range(start, end) if content[place]] or [start])
    changed = bytearray(content)
    changed[position] ^= 1 << random.randrange(8)
    return bytes(changed), f"byte {position} of {len(content)}"


def put(file: Path, content: bytes | None) -> None:
    """Give a file this content; None deletes it."""
    if content is None:
        file.unlink()
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
