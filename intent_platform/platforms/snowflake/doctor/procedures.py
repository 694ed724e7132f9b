"""Probes of stored procedures with the code of this release: their connection, a name, and logging a version."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from intent_platform.platforms.snowflake.deployment import Procedure, pack, procedure_statement, upload_statement
from intent_platform.platforms.snowflake.doctor import inside, tiny
from intent_platform.platforms.snowflake.doctor.account import Account
from intent_platform.platforms.snowflake.doctor.probe import Answer, Probe, equals
from intent_platform.platforms.snowflake.preparation import STAGE

#: It has the name of a procedure of the platform that is also a word of SQL.
_ROLLBACK = Procedure("ROLLBACK", (), "use_rows", "Uses rows for the doctor", inside.__name__)
_LOGGING = Procedure("DOCTOR_LOGGING", (), "log_inside", "Logs a version for the doctor", tiny.__name__)


def _answer_of(procedure: Procedure, account: Account) -> Any:
    """Create a procedure as `make deploy-sproc` does, and call it."""
    account.run(f"CREATE STAGE IF NOT EXISTS {STAGE}")
    with TemporaryDirectory() as folder:
        archive = pack(Path(folder), account.connector.settings)
        account.run(upload_statement(archive))
    account.run(procedure_statement(procedure, archive.name, "unknown"))
    return account.value(f"CALL {procedure.name}()")


def _rows(account: Account) -> Answer:
    return json.loads(_answer_of(_ROLLBACK, account))


def _logged(account: Account) -> Answer:
    """Whether the registry reads a version that a procedure logged."""
    return _answer_of(_LOGGING, account) in {version.name for version in account.registry.versions()}


PROBES = (
    Probe(
        "procedures.rows",
        f"a procedure called {_ROLLBACK.name} counts and reads rows as a process does",
        _rows,
        equals({"changed": 2, "read": [1, 3, 4]}),
        "run jobs with Dagster instead of procedures, and report what a procedure reads: {answer}",
    ),
    Probe(
        "procedures.logging",
        "a stored procedure logs a version",
        _logged,
        equals(expected=True),
        "set training.place to process, because a procedure does not log versions here",
    ),
)
