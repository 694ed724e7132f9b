"""Processes at once on one home: moves, scores, loads, training, prune, retention, commands, readers, first starts.

Whoever says that it moved the champion must be in the ledger, and nobody else. A refusal must be one sentence.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

from bench.torture import calls, work
from bench.torture.calls import RUN, Answer, answered
from bench.torture.homes import Room
from bench.torture.invariants import broken_when_settled
from bench.torture.kills import uninterrupted
from bench.torture.operations import FIRST_START
from bench.torture.processes import answer_of, end_of_all
from bench.torture.state import HomeState, state_of
from bench.torture.trials import Outcome, Size, Trial
from bench.torture.work import CHALLENGER, MARKED, ROWS, SUPERSEDED, WINDOW, platform_of, version_names

_STARTS = 4
_ROLLBACKS_PER_ROUND = 2
#: Enough versions stay that the others always have something to move to.
_KEPT_BY_PRUNE = 4
Work = Callable[[], Sequence[Answer]]


def at_once(size: Size, _: Random) -> Iterator[Trial]:
    """The trials of a run."""
    for number in range(1, size.rounds + 1):
        yield _trial("mixture", number, partial(_mixture, size.seconds))
        for part in range(_ROLLBACKS_PER_ROUND):
            yield _trial("rollbacks", _ROLLBACKS_PER_ROUND * number - part, _rollbacks)
        yield _trial("promotions and rollbacks", number, _commands)
        yield _trial("first starts", number, _first_starts)


def _trial(name: str, number: int, run: Callable[[Room, Random], Outcome]) -> Trial:
    kind = f"at once: {name}"
    return Trial(kind, f"{kind} {number}", run)


def _rollbacks(room: Room, _: Random) -> Outcome:
    """Three people roll back from the same champion, each to another version."""

    def roll_back(home: Path, name: str) -> Sequence[Answer]:
        return [answered(f"rollback to {name}", partial(work.roll_back, platform_of(home), name))]

    def jobs(home: Path, names: Sequence[str]) -> Mapping[str, Work]:
        targets = (names[place] for place in (MARKED, SUPERSEDED, CHALLENGER))
        return {f"rollback to {name}": partial(roll_back, home, name) for name in targets}

    return _judged(room, jobs)


def _commands(room: Room, _: Random) -> Outcome:
    """Four people give commands that move the champion."""

    def jobs(home: Path, names: Sequence[str]) -> Mapping[str, Work]:
        given = {
            "rollback 1": ("rollback", "--version", names[SUPERSEDED]),
            "rollback 2": ("rollback", "--version", names[MARKED]),
            "promotion 1": ("promote", "--version", names[CHALLENGER], "--reason", "torture"),
            "promotion 2": ("promote", "--version", names[MARKED], "--reason", "torture"),
        }
        return {name: partial(calls.command, home, name, *arguments) for name, arguments in given.items()}

    return _judged(room, jobs)


def _mixture(seconds: int, room: Room, random: Random) -> Outcome:
    """Nine processes repeat what they do for some seconds."""
    seed = random.randrange(10**6)

    def jobs(home: Path, names: Sequence[str]) -> Mapping[str, Work]:
        def version(run: str) -> str:
            return Random(f"{seed} {run}").choice(names)  # noqa: S311  not for secrets

        def land(run: str) -> None:
            work.drop_files(home / "landing", 1, f"{seed}_{run.split()[-1]}")
            work.load_landing(home)

        repeated: dict[str, Callable[[str], Any]] = {
            "rollback": lambda run: work.roll_back(platform_of(home), version(run), run),
            "promotion": lambda run: work.force(platform_of(home), version(run), run),
            "scores": lambda _: work.score(home),
            "landing load": land,
            "training": lambda _: work.train(home),
            "prune": lambda _: work.prune(home, _KEPT_BY_PRUNE),
            "retention": lambda _: work.delete_expired(home),
            "reader": lambda _: calls.read(home, WINDOW),
        }

        def call(name: str, number: int) -> Sequence[Answer]:
            if name == "demo":
                return calls.command(home, f"demo {number}", "demo")
            return [answered(f"{name} {number}", repeated[name])]

        return {name: partial(_until, seconds, partial(call, name)) for name in (*repeated, "demo")}

    def undelivered(home: Path, state: HomeState) -> list[str]:
        accepted = len([*(home / "landing" / "accepted").glob("*.csv")])
        loaded = sum(state.by_feed.get("landing", (0, 0)))
        return [] if loaded == ROWS * accepted else [f"{ROWS * accepted} rows were delivered, and {loaded} are stored"]

    return _judged(room, jobs, undelivered)


def _until(seconds: int, call: Callable[[int], Sequence[Answer]]) -> list[Answer]:
    end, answers = monotonic() + seconds, list[Answer]()
    for number in count(1):
        answers += call(number)
        if monotonic() >= end:
            break
    return answers


def _first_starts(room: Room, _: Random) -> Outcome:
    """Four processes set up the same new home."""
    whole = uninterrupted(FIRST_START, room)
    with room.copy(None) as folder:
        home = folder / "home"
        jobs: dict[str, Work] = {f"start {number}": partial(calls.start, home, number) for number in range(_STARTS)}
        answers, found = end_of_all(jobs, folder)
        found += [f"{a.who} did not succeed: {a.text}" for a in answers if a.kind != "nothing"]
        state = answer_of(partial(state_of, home), folder / "log")
        found += broken_when_settled(state)
        if FIRST_START.outcome(state) != FIRST_START.outcome(whole.after):
            found.append("the home is not the one that a single start makes")
    return Outcome(found)


def _judged(
    room: Room,
    jobs: Callable[[Path, Sequence[str]], Mapping[str, Work]],
    further: Callable[[Path, HomeState], list[str]] = lambda *_: [],
) -> Outcome:
    """Do all jobs at once in a copy of the shop, and judge the home and the answers."""
    with room.copy(room.shop()) as folder:
        home, log = folder / "home", folder / "log"
        names = answer_of(partial(version_names, home), log)
        before = answer_of(partial(state_of, home), log)
        answers, found = end_of_all(jobs(home, names), folder)
        state = answer_of(partial(state_of, home), log)
        found += broken_when_settled(state) + further(home, state)
        found += contradictions(answers, len(before.ledger), state)
    kinds = sorted({answer.kind for answer in answers})
    counted = ", ".join(f"{sum(answer.kind == kind for answer in answers)} {kind}" for kind in kinds)
    return Outcome(found, conditions=counted)


def contradictions(answers: Sequence[Answer], moves_before: int, state: HomeState) -> list[str]:
    """Where the answers of the processes differ from the ledger, and answers that are not one sentence.

    Args:
        answers: of all processes.
        moves_before: the number of moves in the ledger before them.
        state: the home after them.
    """
    found = [f"{a.who} failed: {a.text}" for a in answers if a.kind == "failed"]
    found += [f"{a.who} was refused with more than a sentence: {a.text}" for a in answers if a.is_long_winded]
    said = Counter(answer.move for answer in answers if answer.kind == "moved")
    recorded = Counter(
        move.run_id if move.run_id.startswith(RUN) else move.to_version
        for move in state.ledger[moves_before:]
        if move.cause != "promotion"  # carried out by the demo, which does not name it
    )
    found += [f"{move}: somebody said so, and the ledger does not know" for move in (said - recorded)]
    return found + [f"{move}: the ledger says so, and nobody did" for move in (recorded - said)]
