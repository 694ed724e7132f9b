"""Faults to inject into the next statements that contain a text."""

from dataclasses import dataclass
from enum import Enum

from snowflake.connector.errors import ProgrammingError

from intent_platform_tests.snowflake_emulator.errors import error, no_warehouse


class Fault(Enum):
    """The kinds of fault. The first five happen on the wire, the others are answers of the account."""

    SLOW = "the client asks twice for the result"
    SESSION_LOST = "the session is gone, and its transaction with it"
    DETACHED = "the client has lost its session, which keeps its transaction and the locks"
    UNAVAILABLE = "HTTP 503"
    TOKEN_EXPIRED = "the login has expired"
    WAREHOUSE_SUSPENDED = "no warehouse works"
    DENIED = "the role may not"
    TIMED_OUT = "the statement took too long"

    @property
    def answer(self) -> ProgrammingError | None:
        """The account's answer, or None for a fault of the wire."""
        return {
            Fault.WAREHOUSE_SUSPENDED: no_warehouse(),
            Fault.DENIED: error("SQL access control error:\nInsufficient privileges to operate.", 3001, "42501"),
            Fault.TIMED_OUT: error(
                "Statement reached its statement or warehouse timeout of 1 second(s) and was canceled.", 630, "57014"
            ),
        }.get(self)


@dataclass
class Injected:
    """A fault that waits for `times` statements that contain `matching`."""

    fault: Fault
    matching: str
    times: int


def next_fault(waiting: list[Injected], sql: str) -> Fault | None:
    """The fault for this statement, if any; it counts as used."""
    for injected in waiting:
        if injected.times > 0 and injected.matching in sql:
            injected.times -= 1
            return injected.fault
    return None
