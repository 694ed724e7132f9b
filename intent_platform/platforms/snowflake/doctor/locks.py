"""Probes of locks: who waits for whom, and how long a transaction of a vanished client keeps its locks."""

import time
from contextlib import suppress

from intent_platform.platforms.snowflake.connector import LONGEST_DETACHED_SECONDS
from intent_platform.platforms.snowflake.doctor.account import Account
from intent_platform.platforms.snowflake.doctor.probe import Answer, Probe, refused, shown_error
from intent_platform.platforms.snowflake.failures import explained_alike

_LOCKED = 625
_BRIEF_SECONDS = 2
_UPDATE = "UPDATE DOCTOR_LOCKS SET MOVE = MOVE WHERE MOVE = {}"


def _create_table(account: Account) -> None:
    account.run("CREATE OR REPLACE TABLE DOCTOR_LOCKS (MOVE INTEGER)")
    account.run("INSERT INTO DOCTOR_LOCKS SELECT 1")


def _refusal_of_the_second(account: Account, move: int) -> Answer:
    """The number of the error of an update that has to wait for the same update of another transaction."""
    _create_table(account)
    account.run("BEGIN TRANSACTION")
    try:
        account.run(_UPDATE.format(move))
        with account.other_client(lock_seconds=_BRIEF_SECONDS) as other:
            return account.refusal(_UPDATE.format(move), of=other)
    finally:
        account.run("ROLLBACK")


def _is_lock_timeout(answer: Answer) -> bool:
    return answer is not None and explained_alike(answer, _LOCKED)


def _seconds_of_a_vanished_client(account: Account) -> Answer:
    """How long the second update waits for a client that never sends another request.

    The first connection stays silent in its transaction. For the account it has vanished.
    """
    _create_table(account)
    with account.other_client(lock_seconds=1) as vanished:
        vanished.cursor().execute("BEGIN TRANSACTION")
        vanished.cursor().execute(_UPDATE.format(1))
        begun = time.monotonic()
        with account.other_client(lock_seconds=2 * LONGEST_DETACHED_SECONDS) as other:
            number = account.refusal(_UPDATE.format(1), of=other)
        waited = round(time.monotonic() - begun)
        with suppress(Exception):  # the account may have ended the session of the vanished client
            vanished.cursor().execute("ROLLBACK")
    return waited if number is None else refused(number)


PROBES = (
    Probe(
        "locks.update",
        "an update waits for another update of the row, and gives up with 000625",
        lambda account: _refusal_of_the_second(account, move=1),
        _is_lock_timeout,
        "report the answer ({answer}), because failures.py explains only 000625 and 000629 as a lock",
        shown_error,
    ),
    Probe(
        "locks.update_without_rows",
        "an update that finds no row waits as well",
        lambda account: _refusal_of_the_second(account, move=2),
        _is_lock_timeout,
        "make the first two moves of the champion one after the other, because nothing locks the empty ledger",
        shown_error,
    ),
    Probe(
        "locks.vanished_client",
        f"the locks of a vanished client are free within {LONGEST_DETACHED_SECONDS} seconds",
        _seconds_of_a_vanished_client,
        lambda answer: bool(answer <= LONGEST_DETACHED_SECONDS),
        "set warehouse.timeout_seconds above {answer}, because runs must wait so long for a vanished client",
        is_slow=True,
    ),
)
