"""Probes of error numbers: each harmless failure must have a number that leads to the sentence of `failures`."""

from intent_platform.platforms.snowflake.doctor.account import Account
from intent_platform.platforms.snowflake.doctor.packages import creation
from intent_platform.platforms.snowflake.doctor.probe import Answer, Ask, Probe, shown_error
from intent_platform.platforms.snowflake.failures import explained_alike

_FAILING = "\ndef run(session):\n    raise ValueError('on purpose')\n"
#: By name: the expected number and the statement. Snowflake lets nobody create a table in INFORMATION_SCHEMA.
_FAILURES = {
    "unknown_table": (2003, "SELECT * FROM DOCTOR_NOWHERE"),
    "unknown_database": (2003, "SELECT * FROM DOCTOR_NOWHERE.DOCTOR_NOWHERE.DOCTOR_NOWHERE"),
    "unknown_procedure": (2141, "CALL DOCTOR_NOWHERE()"),
    "unknown_column": (904, "SELECT DOCTOR_NOWHERE FROM (SELECT 1 AS A) ONE"),
    "unknown_role": (2043, "USE ROLE DOCTOR_NOWHERE"),
    "denied": (3001, "CREATE TABLE INFORMATION_SCHEMA.DOCTOR_TRIED (A INTEGER)"),
    "missing_package": (391546, creation(["snowflake-snowpark-python", "catboost==0.0.0"])),
}


def _number_of(statement: str) -> Ask:
    return lambda account: account.refusal(statement)


def _of_python(account: Account) -> Answer:
    account.run(creation(["snowflake-snowpark-python"], _FAILING))
    return account.refusal("CALL DOCTOR_PACKAGES()")


def _of_a_timeout(account: Account) -> Answer:
    with account.other_client(lock_seconds=1) as client:
        client.cursor().execute("ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 1")
        return account.refusal("CALL SYSTEM$WAIT(5)", of=client)


def _probe(name: str, expected: int, ask: Ask) -> Probe:
    def accepts(answer: Answer) -> bool:
        return answer is not None and explained_alike(answer, expected)

    return Probe(
        f"errors.{name}",
        f"fails with {expected:06d}, or a number with the same explanation",
        ask,
        accepts,
        f"report the answer ({{answer}}), because failures.py has to explain it like {expected:06d}",
        shown_error,
    )


PROBES = (
    *(_probe(name, number, _number_of(statement)) for name, (number, statement) in _FAILURES.items()),
    _probe("python", 100357, _of_python),
    _probe("timeout", 630, _of_a_timeout),
    Probe("errors.division_by_zero", "no statement divides by zero", _number_of("SELECT 1 / 0 AS N"), show=shown_error),
)
