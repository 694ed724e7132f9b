"""The parameters of a session: their defaults, and the values that Snowflake takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zoneinfo import available_timezones

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Rule
from intent_platform_tests.snowflake_emulator.errors import error, unknown_statement
from intent_platform_tests.snowflake_emulator.results import rows, succeeded
from intent_platform_tests.snowflake_emulator.state import like

_LONGEST_TAG = 2_000
LOG_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF")
_TRACE_LEVELS = ("ALWAYS", "ON_EVENT", "PROPAGATE", "OFF")


@dataclass(frozen=True)
class Parameter:
    """A parameter: its type and default in `SHOW PARAMETERS`, and whether it takes a value."""

    kind: str
    default: str
    takes: Callable[[str], bool]


def _text(default: str, takes: Callable[[str], bool] = lambda _: True) -> Parameter:
    return Parameter("STRING", default, takes)


def _switch(default: str) -> Parameter:
    return Parameter("BOOLEAN", default, lambda value: value.lower() in {"true", "false"})


def _seconds(default: int, most: int) -> Parameter:
    return Parameter("NUMBER", str(default), lambda value: value.isdecimal() and int(value) <= most)


_PARAMETERS: Mapping[str, Parameter] = {
    "ABORT_DETACHED_QUERY": _switch("false"),
    "AUTOCOMMIT": _switch("true"),
    "CLIENT_REQUEST_MFA_TOKEN": _switch("false"),
    "CLIENT_STORE_TEMPORARY_CREDENTIAL": _switch("false"),
    "DATE_INPUT_FORMAT": _text("AUTO"),
    "DATE_OUTPUT_FORMAT": _text("YYYY-MM-DD"),
    "LOCK_TIMEOUT": _seconds(43_200, most=2**31 - 1),
    "LOG_LEVEL": _text("OFF", lambda value: value.upper() in LOG_LEVELS),
    "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": _text("ARROW", lambda value: value.upper() in {"ARROW", "JSON"}),
    "PYTHON_SNOWPARK_USE_SQL_SIMPLIFIER": _switch("true"),
    "QUERY_TAG": _text("", lambda value: len(value) <= _LONGEST_TAG),
    "STATEMENT_TIMEOUT_IN_SECONDS": _seconds(172_800, most=604_800),
    "TIMESTAMP_INPUT_FORMAT": _text("AUTO"),
    "TIMEZONE": _text("America/Los_Angeles", lambda value: value in available_timezones()),
    "TRACE_LEVEL": _text("OFF", lambda value: value.upper() in _TRACE_LEVELS),
}


def refuse_value(name: str, value: str) -> None:
    """Refuse a value that the parameter cannot have. Parameters that the emulator does not know have any value.

    Raises:
        ProgrammingError: the value has the wrong type, or is out of range.
    """
    if name in _PARAMETERS and not _PARAMETERS[name].takes(value):
        raise error(f"SQL compilation error:\ninvalid value [{value[:80]}] for parameter '{name}'", 1008, "22023")


def alter_session(call: Call) -> Answer:
    """Set or unset a parameter of `_PARAMETERS`."""
    if call.reader.take("SET"):
        given = call.reader.options()
        call.reader.end()
        if unknown := given.keys() - _PARAMETERS.keys():
            raise error(f"SQL compilation error:\ninvalid parameter {', '.join(sorted(unknown))}", 1006, "42000")
        for name, value in given.items():
            refuse_value(name, value)
        call.session.parameters.update(given)
    elif call.reader.take("UNSET"):
        call.session.parameters.pop(call.reader.name(), None)
    else:
        raise unknown_statement(call.reader.sql)
    return succeeded()


def show(call: Call) -> Answer:
    """The session's values of `_PARAMETERS`."""
    matches = like(call.reader.literal() if call.reader.take("LIKE") else None)
    call.reader.take("IN", "SESSION")
    call.reader.end()
    kept = call.session.parameters
    shown = [
        (name, kept.get(name, about.default), about.default, "SESSION" if name in kept else "", "", about.kind)
        for name, about in _PARAMETERS.items()
        if matches(name)
    ]
    return rows(["key", "value", "default", "level", "description", "type"], shown)


RULES = [
    Rule(["ALTER SESSION"], alter_session),
    Rule(["SHOW PARAMETERS"], show),
]
