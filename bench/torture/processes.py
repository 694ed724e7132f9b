"""Forked processes: each runs one function, so what it opens, patches or breaks ends with it.

The process that forks has no threads, because a fork copies only one of them. It must not open a warehouse itself.
"""

import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from time import monotonic
from typing import Any

_FORK = multiprocessing.get_context("fork")
#: The exit code of a function that raised an exception. Its output has the traceback.
_RAISED = 70
#: Seconds after which a process hangs.
LONGEST = 300.0


@dataclass(frozen=True)
class Ended:
    """A process that has ended.

    Attributes:
        code: the exit code, negative for a signal; None for a process that was stopped after its time.
        answer: what the function returned; None if it did not return.
        output: what it wrote to stdout and stderr.
        seconds: how long it ran.
    """

    code: int | None
    answer: Any
    output: str
    seconds: float

    @property
    def was_killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self.code == -signal.SIGKILL

    @property
    def failure(self) -> str | None:
        """The end of its output if it neither returned nor was killed."""
        if self.code is None:
            return f"did not end within {self.seconds:.0f} s"
        if self.was_killed or self.code == 0:
            return None
        return f"exit code {self.code}: {' / '.join(self.output.splitlines()[-3:])[-700:]}"


class Child:
    """A process that runs `work()`. Its output goes to the file `log`."""

    def __init__(self, work: Callable[[], Any], log: Path) -> None:
        self._log = log
        #: Readable when the process has ended or has an answer; for `multiprocessing.connection.wait`.
        self.pipe, sender = _FORK.Pipe(duplex=False)
        self._process = _FORK.Process(target=_run, args=(work, sender, log))
        self._started = monotonic()
        self._process.start()
        sender.close()

    def end(self, seconds: float = LONGEST) -> Ended:
        """Wait for the end. After `seconds` the process is killed."""
        ended = self.end_within(seconds)
        if ended is None:
            self.kill()
        return ended or Ended(None, None, self._output(), seconds)

    def end_within(self, seconds: float) -> Ended | None:
        """Wait for the end; None if the process still runs after `seconds`."""
        if not wait_for([self.pipe], seconds):
            return None
        answer = None
        with suppress(EOFError):  # it ended without an answer
            answer = self.pipe.recv()
        self._process.join()
        return Ended(self._process.exitcode, answer, self._output(), monotonic() - self._started)

    def kill(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.join()

    def _output(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""


def answer_of(work: Callable[[], Any], log: Path) -> Any:
    """What `work()` returns in a process of its own.

    Raises:
        RuntimeError: it raised an exception, or did not end in time.
    """
    ended = Child(work, log).end()
    if ended.code != 0:
        raise RuntimeError(ended.failure or f"signal {ended.code}")
    return ended.answer


def end_of_all(jobs: Mapping[str, Callable[[], Sequence[Any]]], folder: Path) -> tuple[list[Any], list[str]]:
    """Run jobs at once, each in a process of its own that begins when all exist.

    Returns:
        The answers of all jobs in one list, and a sentence for each job that gave none.
    """
    gate = _FORK.Barrier(len(jobs))

    def behind_the_gate(work: Callable[[], Sequence[Any]]) -> Sequence[Any]:
        gate.wait()
        return work()

    children = {name: Child(partial(behind_the_gate, work), folder / f"{name}.log") for name, work in jobs.items()}
    answers, found = list[Any](), list[str]()
    for name, child in children.items():
        ended = child.end()
        if ended.code != 0:
            found.append(f"{name} gave no answer: {ended.failure or 'it was killed'}")
        else:
            answers += ended.answer
    return answers, found


def _run(work: Callable[[], Any], sender: "Connection[Any, Any]", log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    try:
        sender.send(work())
        code = 0
    except BaseException:  # noqa: BLE001  the output tells it
        traceback.print_exc()
        code = _RAISED
    sys.stdout.flush()
    sys.stderr.flush()
    sender.close()
    os._exit(code)
