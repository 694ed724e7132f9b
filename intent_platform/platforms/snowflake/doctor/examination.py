"""An examination: the scratch schema, all probes one after the other, and the findings.

Ctrl-C and failures drop the scratch schema too. A killed doctor leaves it, and the next doctor of this home drops it.
"""

import hashlib
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from intent_platform.errors import SettingsError, WarehouseError
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.doctor import (
    errors,
    limits,
    locks,
    login,
    models,
    packages,
    privileges,
    procedures,
    times,
    types,
)
from intent_platform.platforms.snowflake.doctor.account import Account
from intent_platform.platforms.snowflake.doctor.probe import NOT_ASKED, Answer, Finding, Probe, failed, refused
from intent_platform.platforms.snowflake.failures import explained, explanation_of, refusal_number
from intent_platform.settings import Settings

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection as Client

PROBES = (
    *(*login.PROBES, *privileges.PROBES, *packages.PROBES, *times.PROBES, *types.PROBES, *locks.PROBES),
    *(*errors.PROBES, *models.PROBES, *procedures.PROBES, *limits.PROBES),
)
_ASSET = "doctor"
#: USE ROLE refuses a role that does not exist or that the user does not have. A login has another number for both.
_UNUSABLE_ROLES = frozenset({2003, 2043, 3013})
_ROLE_REFUSED_AT_LOGIN = 390189


@dataclass(frozen=True)
class Examination:
    """The answers of an account by the names of the probes, and the parameters of the connection."""

    answers: Mapping[str, Answer]
    parameters: Mapping[str, Any]

    @property
    def findings(self) -> list[Finding]:
        """The rows of the table, in the order of the probes."""
        return [
            probe.finding(self.answers[probe.name], self.parameters) for probe in PROBES if probe.name in self.answers
        ]

    @property
    def differences(self) -> list[Finding]:
        """The findings that would break the platform."""
        return [finding for finding in self.findings if finding.verdict == "differs"]

    @property
    def summary(self) -> str:
        """One sentence."""
        count, total = len(self.differences), len(self.answers)
        return f"{count} of {total} answers of the account differ from what the platform needs"


def examine(
    settings: Settings,
    *,
    full: bool = False,
    probes: Sequence[Probe] = PROBES,
    show: Callable[[Finding], None] = lambda _: None,
) -> Examination:
    """Ask the account of the deployment, in a scratch schema that is dropped at the end.

    Args:
        settings: the settings with the connection parameters.
        full: whether slow probes ask too. They take up to eleven minutes.
        probes: the probes to ask, in order.
        show: shows each finding as soon as it is known.

    Raises:
        SettingsError: the deployment is local, or the parameters are incomplete.
        WarehouseError: the account cannot be reached, or refuses the login or the scratch schema. The message says what
            to do. Or another doctor of this home is under way.
    """
    if settings.deployment == "local":
        raise SettingsError("local has no account to ask: set INTENT_PLATFORM_DEPLOYMENT to dev or prod")
    answers: dict[str, Answer] = {}
    with _alone(settings), _scratch(settings) as account:
        account.is_full = full
        parameters = {**account.connector.parameters, "schema": account.schema}
        for probe in probes:
            answers[probe.name] = _answer(probe, account)
            show(probe.finding(answers[probe.name], parameters))
    return Examination(answers, parameters)


def _answer(probe: Probe, account: Account) -> Answer:
    if probe.is_slow and not account.is_full:
        return NOT_ASKED
    try:
        return probe.ask(account)
    except Exception as error:  # noqa: BLE001  the table reports it, and the other probes still ask
        with explained(account.connector.parameters):
            account.run("SELECT 1")  # raises what ended the connection, if it did
        number = refusal_number(error)
        return failed(error) if number is None else refused(number)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Let no other doctor of this home use its scratch schema meanwhile."""
    file = settings.home / "doctor.lock"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise WarehouseError(f"another doctor holds {file}: wait until it ends, then start again") from error
    except OSError as error:
        raise SettingsError(
            f"cannot write the home folder {settings.home} ({error.strerror}): set INTENT_PLATFORM_HOME to a folder "
            "that you can write"
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _scratch(settings: Settings) -> Iterator[Account]:
    """The account with an empty scratch schema, which is dropped at the end."""
    platform = SnowflakeConnector(settings)
    name = scratch_schema(settings)
    section = settings.snowflake.model_copy(update={"schema_": name})
    connector = SnowflakeConnector(settings.model_copy(update={"snowflake": section}), _ASSET)
    place = f"{platform.parameters['database']}.{name}"
    with SnowflakeConnector(settings, _ASSET).open(schema=False) as client, explained(platform.parameters):
        _use_role(client, platform.parameters)
        client.cursor().execute(f"DROP SCHEMA IF EXISTS {place} CASCADE")
        try:
            client.cursor().execute(f"CREATE SCHEMA {place}")
        except Exception as error:
            number = refusal_number(error)
            if number is None:
                raise
            raise WarehouseError(
                f"the doctor needs a scratch schema, and role {platform.parameters['role']} cannot create "
                f"{place} (error {number:06d}): run `make setup admin_role=…`, which creates the database and grants "
                "CREATE SCHEMA on it"
            ) from error
        try:
            with connector.open() as working:
                yield Account(connector, str(platform.parameters["schema"]), working)
        except BaseException:
            with suppress(Exception):  # the first error says why; the next doctor drops what remains
                client.cursor().execute(f"DROP SCHEMA IF EXISTS {place} CASCADE")
            raise
        client.cursor().execute(f"DROP SCHEMA IF EXISTS {place} CASCADE")


def _use_role(client: "Client", parameters: Mapping[str, Any]) -> None:
    try:
        client.cursor().execute(f"USE ROLE {parameters['role']}")
    except Exception as error:
        if refusal_number(error) not in _UNUSABLE_ROLES:
            raise
        raise WarehouseError(explanation_of(_ROLE_REFUSED_AT_LOGIN, parameters)) from error


def scratch_schema(settings: Settings) -> str:
    """The name of the scratch schema of this home. Doctors of other homes and machines use other names."""
    identity = f"{socket.gethostname()} {settings.home}"
    return f"DOCTOR_{hashlib.sha256(identity.encode()).hexdigest()[:12]}".upper()
