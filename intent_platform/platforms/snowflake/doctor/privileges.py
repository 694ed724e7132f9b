"""Probes of privileges: the grants of setup.sql, and objects of each kind that the scratch schema accepts.

The role owns the scratch schema, so creating objects there does not prove the grants on the schema of the platform.
"""

import re
from collections.abc import Iterator

from intent_platform.partitions import TIMEZONE_NAME
from intent_platform.platforms.snowflake.deployment import RUNTIME
from intent_platform.platforms.snowflake.doctor.account import Account
from intent_platform.platforms.snowflake.doctor.probe import Answer, Probe, equals, shown_error
from intent_platform.platforms.snowflake.preparation import administrators_statements

_GRANT = re.compile(r"GRANT (?P<privileges>.+) ON (?P<kind>\w+)(?: (?P<name>\S+))? TO ROLE (?P<role>\S+)")
_OWNER = "OWNERSHIP"
_MOST_ROLES = 20  # of the roles that the role inherits from

#: By kind: the statement that creates an object in the scratch schema, and those about its task. The order matters.
_STATEMENTS = {
    "table": "CREATE TABLE DOCTOR_TRIED (A INTEGER)",
    "view": "CREATE VIEW DOCTOR_TRIED_VIEW AS SELECT 1 AS A",
    "stage": "CREATE STAGE DOCTOR_TRIED_STAGE",
    "procedure": (
        "CREATE PROCEDURE DOCTOR_TRIED_PROCEDURE() RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '{runtime}' "
        "PACKAGES = ('snowflake-snowpark-python') HANDLER = 'run' EXECUTE AS CALLER "
        "AS $$\ndef run(session):\n    return 'done'\n$$"
    ),
    "task": ("CREATE TASK DOCTOR_TRIED_TASK WAREHOUSE = {warehouse} SCHEDULE = 'USING CRON 0 0 1 1 * UTC' AS SELECT 1"),
    "resumed task": "ALTER TASK DOCTOR_TRIED_TASK RESUME",
    "suspended task": "ALTER TASK DOCTOR_TRIED_TASK SUSPEND",
}


def wanted(account: Account) -> Iterator[tuple[str, str, str]]:
    """Privilege, kind of object and its name, for each grant that setup.sql makes to the role."""
    for statement in administrators_statements(account.connector):
        found = _GRANT.fullmatch(" ".join(statement.split()))
        if found and found["role"].endswith("_RUNNER"):
            name = found["name"] or ""
            if found["kind"] == "SCHEMA":  # the connector's own schema is the scratch schema
                name = f"{name.rpartition('.')[0]}.{account.schema}".upper()
            for privilege in found["privileges"].split(", "):
                yield privilege, found["kind"], name


def _missing(account: Account) -> Answer:
    held = set(_held(account))
    return sorted(
        f"{privilege} ON {kind}"
        for privilege, kind, name in wanted(account)
        if (privilege, kind, name) not in held and (_OWNER, kind, name) not in held
    )


def _held(account: Account) -> Iterator[tuple[str, str, str]]:
    """The privileges of the role, of PUBLIC and of the roles that they inherit from. An account has an empty name."""
    waiting, seen = [str(account.connector.parameters["role"]).upper(), "PUBLIC"], set[str]()
    while waiting and len(seen) < _MOST_ROLES:
        role = waiting.pop(0)
        if role in seen:
            continue
        seen.add(role)
        for grant in account.rows(f"SHOW GRANTS TO ROLE {role}"):
            kind, name = str(grant["granted_on"]), str(grant["name"])
            if kind == "ROLE" and grant["privilege"] in ("USAGE", _OWNER):
                waiting.append(name)
            yield str(grant["privilege"]), kind, "" if kind == "ACCOUNT" else name


def _refused(account: Account) -> Answer:
    found, warehouse = {}, account.connector.parameters["warehouse"]
    for kind, statement in _STATEMENTS.items():
        number = account.refusal(statement.format(warehouse=warehouse, runtime=RUNTIME))
        if number is not None:
            found[kind] = number
    return found


def _early_task(account: Account) -> Answer:
    clock, warehouse = f"USING CRON 0 5 1 * * {TIMEZONE_NAME}", account.connector.parameters["warehouse"]
    return account.refusal(
        f"CREATE TASK DOCTOR_CLOCK WAREHOUSE = {warehouse} SCHEDULE = '{clock}' AS CALL DOCTOR_NOWHERE()"
    )


PROBES = (
    Probe(
        "privileges.missing",
        "the role has every grant of `make setup dry_run=1`",
        _missing,
        equals([]),
        "run `make setup admin_role=…` again, or grant to role {role}: {answer}",
    ),
    Probe(
        "privileges.refused",
        "the role can create objects of each kind and resume a task",
        _refused,
        equals({}),
        "grant role {role} what `make setup dry_run=1` prints, because Snowflake refuses these kinds: {answer}",
    ),
    Probe(
        "privileges.task_before_its_procedure",
        f"a task in {TIMEZONE_NAME} may call a procedure that does not exist yet",
        _early_task,
        equals(None),
        "run `make deploy-sproc` before `make deploy-task`, and look up the error {answer}",
        shown_error,
    ),
)
