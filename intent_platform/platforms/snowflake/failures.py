"""Explains Snowflake's errors to the user: by error number, a sentence that says what to do.

Errors with other numbers are bugs of this code or of Snowflake. They are raised unchanged.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from intent_platform.errors import IntentPlatformError, VersionUnfit, WarehouseError

_UNREACHABLE = "Snowflake account {account} cannot be reached: check the name of the account, the network and the proxy"
_CREDENTIALS = (
    "Snowflake refused {user} at account {account}: check the user, the password or key, and the authenticator"
)
_PARAMETER = "the connection to account {account} has a parameter that the connector does not accept: correct it"
_NOT_FROM_HERE = "account {account} refuses logins of {user} from this address: change its network policy to allow it"
_NO_BROWSER = "single sign-on could not open a browser on this machine: use a key pair (private_key_file) here"
_NO_ROLE = "role {role} is not granted to {user}: run `make setup admin_role=…`, or set snowflake.role to another role"
_EXPIRED = "the login of {user} at account {account} has expired: get a new token or use a key pair, then start again"
_LOST = (
    "the connection to account {account} was lost: run it again. Snowflake rolls back its transaction, within five "
    "minutes if another one waits for it"
)
_SUSPENDED = "no warehouse runs the statements: create or resume {warehouse}, or grant USAGE on it to role {role}"
_ABSENT = (
    "an object of {database}.{schema} does not exist, or role {role} may not see it: run `make setup`, or grant the "
    "privilege (docs/snowflake.md lists the grants)"
)
_NO_PROCEDURE = (
    "a function or procedure of {database}.{schema} does not exist, or role {role} may not use it: run "
    "`make deploy-sproc`"
)
_NO_TASKS = (
    "role {role} may not execute tasks: grant it EXECUTE TASK on the account, as `make setup admin_role=ACCOUNTADMIN` "
    "does"
)
_UNASSIGNED = "{user} does not have a role that this command uses: grant it to the user, or choose another admin_role"
_NOT_GRANTED = (
    "the role of this command may not grant: set admin_role=ACCOUNTADMIN, or ask an administrator to grant it"
)
_NO_PACKAGE = (
    "Snowflake cannot install the Python packages: grant the database role SNOWFLAKE.PYPI_REPOSITORY_USER to role "
    "{role} (`make setup` does it), or ask the account's administrator which of them its policies exclude"
)
_LACKING = "role {role} lacks {privilege} on {object}: grant it, or use a role that has it"
_NOT_CREATED = "Snowflake cannot create an object with Python code: read its message"
_DENIED = "role {role} may not do this in {database}.{schema}: grant the privilege (docs/snowflake.md lists the grants)"
_TIMEOUT = (
    "a statement took longer than the limit: use a larger warehouse, or increase snowflake.statement_timeout_seconds"
)
_CANCELED = "somebody canceled the statement: find out who in the query history, then run it again"
_LOCKED = "another transaction locks a table that this one needs: wait until the other run ends, then try again"

_SENTENCES: Mapping[int, str] = {
    **dict.fromkeys((250001, 250003, 250005, 251011, 290403, 290404), _UNREACHABLE),
    **dict.fromkeys((250006, 390100, 390101, 390102, 390144, 390190, 390191, 390303, 394400), _CREDENTIALS),
    **dict.fromkeys(range(394300, 394307), _CREDENTIALS),
    **dict.fromkeys((251001, 251005, 251006, 251007, 251008, 251017, 251018, 251021), _PARAMETER),
    **dict.fromkeys((390420, 390422), _NOT_FROM_HERE),
    **dict.fromkeys((250008, 250009), _NO_BROWSER),
    390189: _NO_ROLE,
    3013: _UNASSIGNED,
    **dict.fromkeys((390110, 390112, 390114, 390115, 390195, 390318), _EXPIRED),
    **dict.fromkeys((250002, 390111, 290500, 290502, 290503, 290504), _LOST),
    **dict.fromkeys((606, 90073, 90109, 391531), _SUSPENDED),
    **dict.fromkeys((2003, 2043, 90105, 90106, 390201), _ABSENT),
    **dict.fromkeys((2139, 2140, 2141), _NO_PROCEDURE),
    **dict.fromkeys((391521, 391546), _NO_PACKAGE),
    **dict.fromkeys((3001, 3540, 3541), _DENIED),
    3102: _NOT_GRANTED,
    91089: _NO_TASKS,
    604: _CANCELED,
    630: _TIMEOUT,
    **dict.fromkeys((625, 629), _LOCKED),
}
#: Python failed inside Snowflake: in a procedure, in the method of a model, or while one of them was created.
_FAILED_IN_PYTHON = frozenset({100357, 300010})
#: The end of the message that names the missing privilege.
_NAMED_PRIVILEGE = re.compile(r"must have (?P<privilege>[A-Z ]+) granted on (?P<object>[^.]+(?:\.[^.\s]+)*)\.?$")
_SCORING = ("SELECT", "INSERT", "WITH")


def explanation_of(number: int, parameters: Mapping[str, Any]) -> str | None:
    """The sentence that users read for an error with this number. None if the number alone does not decide it."""
    sentence = _SENTENCES.get(number)
    return None if sentence is None else _filled(sentence, parameters)


def explained_alike(number: int, other: int) -> bool:
    """Whether users read the same sentence for two error numbers, or none for both."""
    fails_in_python = (number in _FAILED_IN_PYTHON, other in _FAILED_IN_PYTHON)
    return _SENTENCES.get(number) == _SENTENCES.get(other) and fails_in_python[0] == fails_in_python[1]


@contextmanager
def explained(parameters: Mapping[str, Any]) -> Iterator[None]:
    """Replace errors that the user can mend by an `IntentPlatformError` that says what to do. Others stay unchanged."""
    from snowflake.connector import errors

    try:
        yield
    except IntentPlatformError:
        raise
    except Exception as error:
        connector_error = _connector_error(error)
        if not isinstance(connector_error, errors.Error):
            raise
        explanation = _explanation(connector_error, parameters)
        if explanation is None:
            raise
        raise explanation from error


def _connector_error(error: Exception) -> Exception:
    """The connector's error, which Snowpark wraps."""
    return getattr(error, "conn_error", None) or error


def refusal_number(error: BaseException | None) -> int | None:
    """The number of Snowflake's error that is this one, or that led to it. None if Snowflake did not raise it."""
    from snowflake.connector import errors

    while isinstance(error, Exception):
        connector_error = _connector_error(error)
        if isinstance(connector_error, errors.Error):
            return connector_error.errno
        error = error.__cause__
    return None


def _explanation(error: Any, parameters: Mapping[str, Any]) -> IntentPlatformError | None:
    from snowflake.connector import errors

    says = f"Snowflake says: {on_one_line(error)}"
    sentence = _SENTENCES.get(error.errno)
    if error.errno in _FAILED_IN_PYTHON:
        statement = (error.query or "").lstrip().upper()
        if statement.startswith("CALL"):
            return WarehouseError(f"a stored procedure failed: read its traceback in the query history. {says}")
        if statement.startswith(_SCORING):
            return VersionUnfit(f"a version cannot score in the warehouse: choose another version. {says}")
        sentence = _NO_PACKAGE if "specified packages" in says else _NOT_CREATED
    elif sentence is None and isinstance(error, errors.OperationalError | errors.InterfaceError):
        sentence = _LOST  # network errors have many different numbers
    if sentence is None:
        return None
    if error.errno == 2003 and "artifact repository" in says.lower():
        sentence = _NO_PACKAGE
    named = _NAMED_PRIVILEGE.search(" ".join(str(error.msg).split()))
    if named is not None:
        sentence = _LACKING
    return WarehouseError(f"{_filled(sentence, parameters, **(named.groupdict() if named else {}))}. {says}")


def _filled(sentence: str, parameters: Mapping[str, Any], **others: str) -> str:
    """The sentence with the values of the parameters and of `others` that it names."""
    names = ("account", "user", "role", "warehouse", "database", "schema")
    return sentence.format(**{name: parameters.get(name, "(default)") for name in names}, **others)


def on_one_line(error: Any) -> str:
    """The message of a Snowflake error on one line of at most 300 characters."""
    text = " ".join(str(error.msg or error).split())
    return text if len(text) <= 300 else text[:297] + "..."
