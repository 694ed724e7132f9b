"""Kills: an operation ends by SIGKILL at a named step, at a random file-changing call or at a random moment.

After each kill the home is read raw. Then the next command settles the champion, and the operation is repeated.
"""

import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random

from bench.torture import shim, work
from bench.torture.homes import Room
from bench.torture.invariants import broken_at_any_time, broken_when_settled, half_written
from bench.torture.operations import OPERATIONS, Operation
from bench.torture.processes import Child, Ended, answer_of
from bench.torture.questions import crashes_in
from bench.torture.security.watch import without_pickles
from bench.torture.state import HomeState, state_of
from bench.torture.steps import Step
from bench.torture.trials import Outcome, Size, Trial

#: The share of the kills at a call that happen in the middle of a write.
_TORN = 0.3
_KEEP_ALL = 1_000


@dataclass(frozen=True)
class Interrupted:
    """What an interruption itself broke, how many processes it killed, and the conditions that it had."""

    violations: Sequence[str]
    kills: int = 0
    conditions: str = ""


@dataclass(frozen=True)
class Uninterrupted:
    """An operation that nobody killed: the states before and after it, its calls that change a file, its seconds."""

    before: HomeState | None
    after: HomeState
    calls: int
    seconds: float


def kills(size: Size, random: Random) -> Iterator[Trial]:
    """The kills of every operation, in random order. So a run that is cut off has tried all of them."""
    trials: list[Trial] = []
    for operation in OPERATIONS:
        kind = f"kill: {operation.name}"
        at_steps = [
            Trial(kind, f"{kind}, {step.name}", partial(_killed_at_step, operation, step)) for step in operation.steps
        ]
        at_random = [
            Trial(kind, f"{kind}, {place} {number + 1}", partial(killed, operation))
            for place, killed, times in (
                ("call", _killed_at_call, size.calls if shim.is_preloaded() else 0),
                ("moment", _killed_at_moment, size.moments),
            )
            for number in range(times)
        ]
        planned = at_steps + at_random
        trials += planned if size.drawn is None else random.sample(planned, size.drawn)
    random.shuffle(trials)
    yield from trials


def _killed_at_step(operation: Operation, step: Step, room: Room, _: Random) -> Outcome:
    outcome = judged(operation, room, partial(_run_armed, operation, step.arm, ""))
    missed = [] if outcome.kills else [f"it never reached: {step.name}"]
    return replace(outcome, violations=[*missed, *outcome.violations])


def _killed_at_call(operation: Operation, room: Room, random: Random) -> Outcome:
    share, torn = random.random(), random.random() < _TORN
    call = 1 + int(share * uninterrupted(operation, room).calls)
    conditions = f"call {call}{', in mid-write' if torn else ''}"
    return judged(operation, room, partial(_run_armed, operation, partial(shim.arm, call, torn=torn), conditions))


def _run_armed(operation: Operation, arm: Callable[[], None], conditions: str, home: Path, log: Path) -> Interrupted:
    def run() -> None:
        arm()
        operation.run(home)

    return _interrupted(Child(run, log).end(), conditions)


def _killed_at_moment(operation: Operation, room: Room, random: Random) -> Outcome:
    seconds = random.random() * uninterrupted(operation, room).seconds

    def kill(home: Path, log: Path) -> Interrupted:
        child = Child(partial(operation.run, home), log)
        ended = child.end_within(seconds)
        if ended is None:
            child.kill()
        return _interrupted(ended or Ended(-signal.SIGKILL, None, "", seconds), f"after {seconds:.3f} s")

    return judged(operation, room, kill)


def _interrupted(ended: Ended, conditions: str) -> Interrupted:
    found = [f"the operation failed by itself: {ended.failure}"] if ended.failure else []
    return Interrupted(found, int(ended.was_killed), conditions)


def uninterrupted(operation: Operation, room: Room) -> Uninterrupted:
    """The operation without a kill. The first trial that asks runs it, and the others read what it wrote."""
    from pydantic import TypeAdapter

    stored, name = TypeAdapter(Uninterrupted), f"uninterrupted {operation.name}"

    def run(folder: Path) -> None:
        template = operation.template(room)
        with room.copy(template) as copy:
            home, log = copy / "home", room.folder / f"{name}.log"
            before = answer_of(partial(state_of, home), log) if template else None

            def counted() -> int:
                shim.arm()
                without_pickles(partial(operation.run, home))
                return shim.disarm()

            ended = Child(counted, log).end()
            if ended.failure:
                raise RuntimeError(f"{operation.name} fails without a kill: {ended.failure}")
            after = answer_of(partial(state_of, home), log)
        folder.mkdir()
        measured = Uninterrupted(before, after, ended.answer, ended.seconds)
        (folder / "measured.json").write_bytes(stored.dump_json(measured))

    return stored.validate_json((room.made(name, run) / "measured.json").read_bytes())


def judged(
    operation: Operation,
    room: Room,
    interrupt: Callable[[Path, Path], Interrupted],
    event: str = "the kill",
) -> Outcome:
    """Interrupt the operation in a copy of its template, and judge the home until the operation has been repeated."""
    whole = uninterrupted(operation, room)
    with room.copy(operation.template(room)) as folder:
        home, log = folder / "home", folder / "log"
        interrupted = interrupt(home, log)
        found = [*interrupted.violations]
        seen = answer_of(partial(state_of, home), log)
        if operation.settles:
            found += _after(event, broken_at_any_time(seen))
        found += _after(event, half_written(seen, whole.before, whole.after, operation.together))
        found += _after(event, answer_of(partial(operation.found, folder, seen, False), log))
        if whole.before is not None and operation.settles:
            found += _next(home, log, "the next command", partial(_settle, home))
        found += _next(home, log, "a repetition", partial(without_pickles, partial(operation.run, home)))
        found += _next(home, log, "prune", partial(work.prune, home, _KEEP_ALL))
        last = answer_of(partial(state_of, home), log)
        if operation.outcome(last) != operation.outcome(whole.after):
            found.append("after a repetition the outcome is not that of an uninterrupted run")
        found += [f"after a repetition and prune there still is: {leftover}" for leftover in last.leftovers]
        found += _after("a repetition", answer_of(partial(operation.found, folder, last, True), log))
        found += crashes_in(home)
    return Outcome(found, interrupted.kills, interrupted.conditions)


def _next(home: Path, log: Path, what: str, command: Callable[[], object]) -> list[str]:
    """Run a command to its end, and return what is then broken."""
    ended = Child(command, log).end()
    if ended.code != 0:
        return [f"{what} failed: {ended.failure or 'killed'}"]
    return _after(what, broken_when_settled(answer_of(partial(state_of, home), log)))


def _settle(home: Path) -> None:
    """Settle as every move does, and see that the champion loads, scores and is the one that the files name."""
    from intent_platform.platforms.champion import prove_fit, settle

    platform = work.platform_of(home)
    champion = settle(platform).version
    if champion is not None:
        prove_fit(platform, champion)


def _after(what: str, violations: list[str]) -> list[str]:
    return [f"after {what}: {violation}" for violation in violations]
