"""What Snowflake's errors mean to the reader who has to act, by error number.

Numbers that are not here are the code's own mistakes, or Snowflake's: they come out as the libraries raised them.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from intent_platform.errors import IntentPlatformError, VersionUnfit, WarehouseError

_UNREACHABLE = "Snowflake account {account} cannot be reached: check the account's name, the network and its proxy"
_CREDENTIALS = "Snowflake refused {user} at account {account}: check user, password or key, and the authenticator"
_PARAMETER = "the connection to account {account} has a parameter that the connector does not take: put it right"
_NOT_FROM_HERE = "account {account} takes no logins of {user} from this address: let its network policy allow it"
_NO_BROWSER = (
    "single sign-on needs a browser, and none could be opened here: use a key pair (private_key_file) on this machine"
)
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
_NO_PROCEDURE = "a function or procedure of {database}.{schema} is missing, or not for {role}: run `make deploy-sproc`"
_DENIED = "role {role} may not do this in {database}.{schema}: grant it (docs/snowflake.md lists the grants)"
_TIMEOUT = (
    "a statement took longer than is allowed: use a larger warehouse, or raise snowflake.statement_timeout_seconds"
)
_LOCKED = "another transaction holds what this one needs: wait for the other run to end, then try again"

_SENTENCES: Mapping[int, str] = {
    **dict.fromkeys((250001, 250003, 250005, 251011, 290403, 290404), _UNREACHABLE),
    **dict.fromkeys((250006, 390100, 390101, 390102, 390144, 390190, 390191, 390303, 394400), _CREDENTIALS),
    **dict.fromkeys(range(394300, 394307), _CREDENTIALS),
    **dict.fromkeys((251001, 251005, 251006, 251007, 251008), _PARAMETER),
    **dict.fromkeys((390420, 390422), _NOT_FROM_HERE),
    **dict.fromkeys((250008, 250009), _NO_BROWSER),
    **dict.fromkeys((2043, 390189), _NO_ROLE),
    **dict.fromkeys((390110, 390112, 390114, 390115, 390195, 390318), _EXPIRED),
    **dict.fromkeys((250002, 390111, 290500, 290502, 290503, 290504), _LOST),
    **dict.fromkeys((606, 90073, 90109), _SUSPENDED),
    **dict.fromkeys((2003, 390201), _ABSENT),
    **dict.fromkeys((2140, 2141), _NO_PROCEDURE),
    **dict.fromkeys((3001, 3540, 3541), _DENIED),
    **dict.fromkeys((604, 630), _TIMEOUT),
    **dict.fromkeys((625, 629), _LOCKED),
}
#: Python failed inside Snowflake: in a procedure that was called, else in a model's method.
_FAILED_IN_PYTHON = frozenset({100357, 300010})


@contextmanager
def explained(parameters: Mapping[str, Any]) -> Iterator[None]:
    """Turn what a user can mend, of the connector's errors and Snowpark's, into `WarehouseError` with what to do."""
    from snowflake.connector import errors

    try:
        yield
    except IntentPlatformError:
        raise
    except Exception as error:
        told = _of_the_connector(error)
        if not isinstance(told, errors.Error):
            raise
        meant = _meant(told, parameters)
        if meant is None:
            raise
        raise meant from error


def _of_the_connector(error: Exception) -> Exception:
    """What Snowflake said: Snowpark wraps the connector's error."""
    return getattr(error, "conn_error", None) or error


def _meant(error: Any, parameters: Mapping[str, Any]) -> IntentPlatformError | None:
    from snowflake.connector import errors

    says = f"Snowflake says: {on_one_line(error)}"
    if error.errno in _FAILED_IN_PYTHON:
        if (error.query or "").lstrip().upper().startswith("CALL"):
            return WarehouseError(f"a stored procedure failed, its traceback is in the query history. {says}")
        return VersionUnfit(f"a version cannot score in the warehouse: choose another one. {says}")
    sentence = _SENTENCES.get(error.errno)
    if sentence is None and isinstance(error, errors.OperationalError | errors.InterfaceError):
        sentence = _LOST  # the network's errors are numbered by their many causes
    if sentence is None:
        return None
    names = ("account", "user", "role", "warehouse", "database", "schema")
    return WarehouseError(f"{sentence.format(**{name: parameters.get(name, '(default)') for name in names})}. {says}")


def on_one_line(error: Any) -> str:
    """What Snowflake said, on one line of 300 characters at most."""
    text = " ".join(str(error.msg or error).split())
    return text if len(text) <= 300 else text[:297] + "..."
