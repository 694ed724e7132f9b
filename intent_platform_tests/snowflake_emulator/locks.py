"""Locks on tables. Who updates or deletes rows locks the table until its transaction ends, and others wait for it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Protocol

from intent_platform_tests.snowflake_emulator.copies import Place
from intent_platform_tests.snowflake_emulator.errors import error

#: How long a transaction may be idle while it blocks another one. Snowflake rolls it back then.
LONGEST_IDLE_SECONDS = 300.0
_POLL_SECONDS = 0.02


def accelerated(times: float) -> Callable[[], float]:
    """A clock that goes on from now, `times` as fast."""
    begun = time.monotonic()
    return lambda: begun + times * (time.monotonic() - begun)


class Holder(Protocol):
    """A transaction that can hold locks."""

    number: int
    running: bool  # a statement is under way
    used_at: float  # the end of its last statement, by the clock


class Locks:
    """The locks of an account.

    Attributes:
        clock: seconds. Waiting and idleness are measured by it, so an `accelerated` clock shortens both alike.

    `roll_back` ends an idle transaction, which includes that it releases its locks.
    """

    def __init__(self, roll_back: Callable[[Holder], None]) -> None:
        self.clock: Callable[[], float] = time.monotonic
        self._roll_back = roll_back
        self._changed = Condition()
        self._holders: dict[Place, Holder] = {}

    def take(self, place: Place, wanting: Holder, seconds: float) -> None:
        """Lock a table, as soon as nobody else does.

        Raises:
            ProgrammingError: another transaction kept the lock for `seconds`.
        """
        until = self.clock() + seconds
        with self._changed:
            while (holder := self._holders.get(place, wanting)) is not wanting:
                now = self.clock()
                if not holder.running and now - holder.used_at >= LONGEST_IDLE_SECONDS:
                    self._roll_back(holder)
                elif now >= until:
                    raise error(
                        f"Transaction {holder.number} has locked table '{place.name}' and this lock has not yet been "
                        f"released.\nYour statement was aborted after it had waited {seconds:g} seconds.",
                        625,
                        "57014",
                    )
                else:
                    self._changed.wait(_POLL_SECONDS)
            self._holders[place] = wanting

    def release(self, holder: Holder) -> None:
        """Release all locks of a transaction."""
        with self._changed:
            self._holders = {place: each for place, each in self._holders.items() if each is not holder}
            self._changed.notify_all()

    @contextmanager
    def used(self, holder: Holder) -> Iterator[None]:
        """A statement of the transaction runs inside, so the transaction is not idle."""
        holder.running = True
        try:
            yield
        finally:
            holder.used_at, holder.running = self.clock(), False
