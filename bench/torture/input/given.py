"""One input of a user, what the platform told about it, and what is wrong with that."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.torture.homes import use
from bench.torture.input.texts import A_VERSION
from bench.torture.invariants import broken_when_settled
from bench.torture.processes import Child, Ended
from bench.torture.state import HomeState
from bench.torture.work import SUPERSEDED

_ANSWERS = (0, 1, 2)
_MOST_LINES, _LONGEST_MESSAGE, _LONG_PIECE = 3, 3_000, 2_000
#: What argparse prints before its message.
_USAGE = re.compile(r"usage: (?:.*\n)*?(?=\S+( \S+)?: error: )")
#: The time of each of these files changes whenever a command opens the home.
_OPENED = ("dagster", "registry.lock")


@dataclass(frozen=True)
class Given:
    """An input.

    Attributes:
        case: what it is, short enough for a line.
        texts: what the user typed.
        enter: gives it to the platform, which uses the home of the trial, and returns the exit status.
    """

    case: str
    texts: Sequence[str]
    enter: Callable[[], int]


@dataclass(frozen=True)
class Home:
    """A home before or after an input: its state, and its files outside Dagster's own folder with sizes and times."""

    state: HomeState
    files: Mapping[str, tuple[int, int]]


def files_of(home: Path) -> dict[str, tuple[int, int]]:
    """The files of a home with their sizes and times, without those that every command opens."""
    found = {}
    for path in home.rglob("*"):
        inner = path.relative_to(home)
        if inner.parts[0] not in _OPENED and path.is_file():
            found[str(inner)] = (path.stat().st_size, path.stat().st_mtime_ns)
    return found


def answer_to(given: Given, home: Path, current: Path, log: Path) -> Ended:
    """Give the input to the platform in a process of its own, whose current and temporary folder is `current`."""

    def enter() -> int:
        os.chdir(current)
        os.environ["TMPDIR"] = str(current)
        use(home)
        try:
            return given.enter()
        except SystemExit as end:  # argparse ends the process itself
            return int(end.code or 0)

    return Child(enter, log).end()


def violations_of(given: Given, ended: Ended, crashes: Sequence[Path]) -> list[str]:
    """What is wrong with an answer. Each sentence names the case."""
    found = _wrong(given, ended) + [f"a traceback was written to {path.name}" for path in crashes]
    return [f"{given.case}: {violation}" for violation in found]


def _wrong(given: Given, ended: Ended) -> list[str]:
    if ended.code != 0:
        return [f"the process ended: {ended.failure or 'it was killed'}"]
    found = []
    if ended.answer not in _ANSWERS:
        found.append(f"the exit status is {ended.answer}")
    if "Traceback (most recent call last)" in ended.output:
        found.append(f"a traceback is shown: {ended.output[-300:]!r}")
    if any(text[:_LONG_PIECE] in ended.output for text in given.texts if len(text) >= _LONG_PIECE):
        found.append(f"the answer repeats {_LONG_PIECE:,} characters of the input")
    if ended.answer != 0:
        message = _USAGE.sub("", ended.output).strip()
        lines = [line for line in message.splitlines() if line.strip()]
        if not 1 <= len(lines) <= _MOST_LINES or len(message) > _LONGEST_MESSAGE:
            found.append(f"the message has {len(lines)} lines and {len(message):,} characters: {message[:300]!r}")
    return found


def changes_of(given: Given, *, refused: bool, before: Home, after: Home) -> list[str]:
    """What is wrong with the home after an input. A refused one leaves it unchanged."""
    found = broken_when_settled(after.state)
    if refused:
        found += [f"it was refused, and {name} is new" for name in sorted(after.files.keys() - before.files.keys())]
        found += [f"it was refused, and {name} is gone" for name in sorted(before.files.keys() - after.files.keys())]
        found += ["it was refused, and the home differs"] if after.state != before.state else []
    return [f"{given.case}: {violation}" for violation in found]


def with_a_version(text: str) -> str:
    """The text with the name of a version of the home in the place of `A_VERSION`."""
    from intent_platform.platforms import platform_for
    from intent_platform.settings import load_settings

    if A_VERSION not in text:
        return text
    return text.replace(A_VERSION, platform_for(load_settings()).registry.versions()[SUPERSEDED].name)
