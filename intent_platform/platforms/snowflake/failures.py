"""What Snowflake's errors mean to the reader who has to act, by error number.

Numbers that are not here are the code's own mistakes, or Snowflake's: they come out as the connector raised them.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from intent_platform.errors import IntentPlatformError, VersionUnfit, WarehouseError

_UNREACHABLE = "Snowflake account {account} cannot be reached: check the account's name, the network and its proxy"
_CREDENTIALS = "Snowflake refused {user} at account {account}: check user, password or key, and the authenticator"
_NO_ROLE = "role {role} is not granted to {user}: run `make setup admin_role=…`, or name another one in snowflake.role"
_EXPIRED = "the login of {user} at account {account} has expired: get a new token (or use a key pair) and start again"
_LOST = "the connection to account {account} was lost: the open transaction is rolled back, run it again"
_SUSPENDED = (
    "no warehouse works for this session: create or resume {warehouse}, or grant USAGE and OPERATE on it to role {role}"
)
_ABSENT = (
    "an object does not exist in {database}.{schema}, or role {role} may not see it: run `make setup`, or grant it "
    "(docs/snowflake.md lists the grants)"
)
_DENIED = "role {role} may not do this in {database}.{schema}: grant it (docs/snowflake.md lists the grants)"
_TIMEOUT = (
    "a statement took longer than is allowed: use a larger warehouse, or raise snowflake.statement_timeout_seconds"
)
_LOCKED = "another transaction holds what this one needs: wait for the other run to end, then try again"

_SENTENCES: Mapping[int, str] = {
    **dict.fromkeys((250001, 250003, 250006, 251011, 290404), _UNREACHABLE),
    **dict.fromkeys((390100, 390101, 390102, 390144, 390303, 390318, 394400), _CREDENTIALS),
    390189: _NO_ROLE,
    **dict.fromkeys((390110, 390112, 390114, 390195), _EXPIRED),
    **dict.fromkeys((250002, 251005, 390111, 290500, 290502, 290503, 290504), _LOST),
    **dict.fromkeys((606, 90073, 90109), _SUSPENDED),
    **dict.fromkeys((2003, 2043, 390201), _ABSENT),
    **dict.fromkeys((3001, 3540, 3541), _DENIED),
    **dict.fromkeys((604, 630), _TIMEOUT),
    **dict.fromkeys((625, 629), _LOCKED),
}
#: A model's method is a Python function of the warehouse.
_FAILED_IN_A_MODEL = frozenset({100357, 300010})


@contextmanager
def explained(parameters: Mapping[str, Any]) -> Iterator[None]:
    """Turn the connector's errors that a user can mend into `WarehouseError`, with what to do first."""
    from snowflake.connector import errors

    try:
        yield
    except errors.Error as error:
        meant = _meant(error, parameters)
        if meant is None:
            raise
        raise meant from error


def _meant(error: Any, parameters: Mapping[str, Any]) -> IntentPlatformError | None:
    from snowflake.connector import errors

    says = f"Snowflake says: {first_line(error)}"
    if error.errno in _FAILED_IN_A_MODEL:
        return VersionUnfit(f"a version cannot score in the warehouse: choose another one. {says}")
    sentence = _SENTENCES.get(error.errno)
    if sentence is None and isinstance(error, errors.OperationalError | errors.InterfaceError):
        sentence = _LOST  # the network's errors are numbered by their many causes
    if sentence is None:
        return None
    known = {name: parameters.get(name, "(default)") for name in ("user", "role", "warehouse")}
    return WarehouseError(f"{sentence.format(**{**parameters, **known})}. {says}")


def first_line(error: Any) -> str:
    """What Snowflake said, on one line of 300 characters at most."""
    text = " ".join(str(error.msg or error).split())
    return text if len(text) <= 300 else text[:297] + "..."
