"""Probes of times: the time zone of a connection, and parameters of the account that reach it."""

from intent_platform.partitions import TIMEZONE_NAME, now
from intent_platform.platforms.snowflake.connector import FORMATS
from intent_platform.platforms.snowflake.doctor.account import Account
from intent_platform.platforms.snowflake.doctor.probe import Answer, Probe, equals

#: The values that every connection sets, and the defaults of others that change the meaning of statements.
_PARAMETERS = {
    "TIMEZONE": TIMEZONE_NAME,
    **FORMATS,
    "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ",
    "QUOTED_IDENTIFIERS_IGNORE_CASE": "false",
    "TRANSACTION_ABORT_ON_ERROR": "false",
    "MULTI_STATEMENT_COUNT": "1",
}


def _today(sql: str, account: Account) -> Answer:
    """Whether the account gives today's date in Asia/Tokyo. Midnight may pass meanwhile."""
    before = now().date()
    answered = account.value(sql)
    return answered in (before, now().date())


def _other_parameters(account: Account) -> Answer:
    values = {row["key"]: str(row["value"]) for row in account.rows("SHOW PARAMETERS IN SESSION")}
    return {
        name: values[name]
        for name, expected in _PARAMETERS.items()
        if name in values and values[name].lower() != expected.lower()
    }


PROBES = (
    Probe(
        "times.current_date",
        f"CURRENT_DATE is today in {TIMEZONE_NAME}",
        lambda account: _today("SELECT CURRENT_DATE() AS TODAY", account),
        equals(expected=True),
        "ask the administrator which policy fixes the parameter TIMEZONE of connections",
    ),
    Probe(
        "times.converted",
        "tasks compute their day from CURRENT_TIMESTAMP",
        lambda account: _today(
            f"SELECT CONVERT_TIMEZONE('{TIMEZONE_NAME}', CURRENT_TIMESTAMP())::DATE AS TODAY", account
        ),
        equals(expected=True),
        "do not resume the tasks, because they would take another day than today",
    ),
    Probe(
        "times.parameters",
        "the parameters of a connection have the values that statements need",
        _other_parameters,
        equals({}),
        "reset these parameters of the account or the user: {answer}",
    ),
)
