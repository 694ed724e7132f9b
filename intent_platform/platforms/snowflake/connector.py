"""Opens connections to Snowflake with `dagster_snowflake.SnowflakeResource`, and keeps idle ones for the next caller.

`parameters` finds the connection parameters, and `failures` explains errors to the user.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from queue import SimpleQueue
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import finalize

from intent_platform.partitions import TIMEZONE_NAME
from intent_platform.platforms.snowflake.connection import SnowflakeConnection
from intent_platform.platforms.snowflake.failures import explained
from intent_platform.platforms.snowflake.parameters import connection_parameters
from intent_platform.platforms.snowflake.query_tag import query_tag
from intent_platform.settings import Settings

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection as Client
    from snowflake.snowpark import Session

_LOGIN_SECONDS = 60
#: Snowflake rolls back the transaction of a vanished client after five idle minutes if another one waits for its locks.
LONGEST_DETACHED_SECONDS = 330
#: A client that was idle for longer first asks the account whether its login is still there.
_TRUSTED_SECONDS = 30
#: A client gets no new caller after this time. A login is valid for four hours, and a statement may take some of them.
_LONGEST_LOGIN_SECONDS = 3_600
#: Snowflake's defaults. An account or a user may have others, and then a date would be read or written differently.
FORMATS = {"DATE_INPUT_FORMAT": "AUTO", "DATE_OUTPUT_FORMAT": "YYYY-MM-DD", "TIMESTAMP_INPUT_FORMAT": "AUTO"}
#: How much longer than Snowflake the client waits for the end of a statement.
_GRACE_SECONDS = 60
#: The fields of `SnowflakeResource` by the connector's names. The resource passes other parameters to the connector.
_RESOURCE_FIELDS = {
    **{name: name for name in ("account", "user", "password", "role", "warehouse", "database", "schema")},
    "authenticator": "authenticator",
    "private_key_file": "private_key_path",
    "private_key_file_pwd": "private_key_password",
}
#: Cached logins: users sign on once, not for every connection, if the account allows it.
_CACHED_LOGINS = {"client_store_temporary_credential": True, "client_request_mfa_token": True}


@dataclass(frozen=True)
class _LoggedIn:
    """A client, the stack that closes it, and the moments of its login and of its last return, in seconds."""

    client: "Client"
    closing: ExitStack
    since: float
    returned: float

    @property
    def is_usable(self) -> bool:
        if monotonic() > self.since + _LONGEST_LOGIN_SECONDS:
            return False
        return monotonic() < self.returned + _TRUSTED_SECONDS or self.client.is_valid()

    def close(self) -> None:
        from snowflake.connector import errors

        with suppress(errors.Error):  # the account may have ended the session
            self.closing.close()


#: Clients that wait for their next use, by the seconds that their statements wait for a lock.
_Idle = defaultdict[float, list[_LoggedIn]]


@dataclass(frozen=True)
class SnowflakeConnector:
    """Connects to the account of a deployment. It opens no connection before its first use.

    Attributes:
        settings: the settings with the connection parameters.
        asset: the asset in the query tag. None means the asset of the current Dagster step.
    """

    settings: Settings
    asset: str | None = None
    _idle: _Idle = field(default_factory=lambda: defaultdict(list), init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _start_closer()
        finalize(self, _abandon, self._idle).atexit = False  # each client closes itself at exit

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """The connection parameters by the connector's names; see `parameters.connection_parameters`."""
        return connection_parameters(self.settings)

    @property
    def place(self) -> str:
        """`ACCOUNT/DATABASE.SCHEMA`, for messages."""
        parameters = self.parameters
        return f"{parameters['account']}/{parameters['database']}.{parameters['schema']}".upper()

    @property
    def _tag(self) -> str:
        return query_tag(self.settings.deployment, **({} if self.asset is None else {"asset": self.asset}))

    @contextmanager
    def connect(self, timeout_seconds: float | None = None) -> Iterator[SnowflakeConnection]:
        """Lend a connection that nobody else uses meanwhile. A login takes longer than most statements of the platform.

        After an exception the connection is closed. Otherwise it waits for the next caller in this process.

        Args:
            timeout_seconds: seconds that a statement waits for another transaction. None means the setting, and at
                least the time after which Snowflake ends the transaction of a vanished client.

        Raises:
            SettingsError, WarehouseError: see `open`.
        """
        wait = timeout_seconds
        if wait is None:
            wait = max(self.settings.warehouse.timeout_seconds, LONGEST_DETACHED_SECONDS)
        lent = self._taken(wait)
        with lent.closing:
            yield SnowflakeConnection(lent.client, self.parameters, tag=self._tag)
            self._idle[wait].append(_LoggedIn(lent.client, lent.closing.pop_all(), lent.since, monotonic()))

    def _taken(self, lock_seconds: float) -> _LoggedIn:
        """A client that was idle, or a new one."""
        while self._idle[lock_seconds]:
            kept = self._idle[lock_seconds].pop()
            if kept.is_usable:
                return kept
            kept.close()
        closing = ExitStack()
        client = closing.enter_context(self.open(lock_seconds=lock_seconds))
        return _LoggedIn(client, closing, monotonic(), monotonic())

    def open(
        self, *, lock_seconds: float | None = None, login_seconds: int = _LOGIN_SECONDS, schema: bool = True
    ) -> AbstractContextManager["Client"]:
        """Open a connection and close it at the end.

        Statements carry a query tag, and times are in Asia/Tokyo. Snowflake ends a statement whose client is gone.

        Args:
            lock_seconds: seconds that a statement waits for another transaction. None keeps the account's limit.
            login_seconds: seconds after which a login fails.
            schema: whether to use the database, the schema and the role. Without them the connection works before
                they exist.

        Raises:
            SettingsError: the parameters are incomplete.
            WarehouseError: Snowflake cannot be reached or refuses the connection. The message says what to do.
        """
        return _logged_in(
            self.settings,
            self.parameters,
            tag=self._tag,
            lock_seconds=lock_seconds,
            login_seconds=login_seconds,
            schema=schema,
        )

    @contextmanager
    def snowpark(self) -> Iterator["Session"]:
        """Open a connection as a Snowpark session, and close it at the end."""
        from snowflake.snowpark import Session
        from snowflake.snowpark.exceptions import SnowparkClientException

        with self.open() as connection:
            session = Session.builder.configs({"connection": connection}).create()
            try:
                yield session
            finally:
                # If the connection was lost, closing fails as well, and would hide the first error.
                with suppress(SnowparkClientException):
                    session.close()


@contextmanager
def _logged_in(
    settings: Settings,
    parameters: Mapping[str, Any],
    *,
    tag: str,
    lock_seconds: float | None,
    login_seconds: int,
    schema: bool,
) -> Iterator["Client"]:
    """See `SnowflakeConnector.open`. It does not refer to the connector, whose end closes the idle clients."""
    from dagster_snowflake import SnowflakeResource

    session_parameters: dict[str, object] = {
        "QUERY_TAG": tag,
        "TIMEZONE": TIMEZONE_NAME,
        "ABORT_DETACHED_QUERY": True,
        **FORMATS,
    }
    limit = settings.snowflake.statement_timeout_seconds
    if limit is not None:
        session_parameters["STATEMENT_TIMEOUT_IN_SECONDS"] = limit
    if lock_seconds is not None:
        session_parameters["LOCK_TIMEOUT"] = max(1, round(lock_seconds))
    others = {n: v for n, v in parameters.items() if schema or n not in ("database", "schema", "role")}
    fields = {field: others.pop(name) for name, field in _RESOURCE_FIELDS.items() if name in others}
    resource = SnowflakeResource(
        **{"user": "", **fields},  # the resource requires a user, but some tokens need none
        login_timeout=login_seconds,
        # The connector cancels every statement after this time, and repeats lost requests until then.
        network_timeout=None if limit is None else limit + _GRACE_SECONDS,
        autocommit=True,
        additional_snowflake_connection_args={**_CACHED_LOGINS, **others, "session_parameters": session_parameters},
    )
    with explained(parameters), resource.get_connection() as connection:
        try:
            yield connection
        finally:
            connection.close()  # after an exception the resource leaves it open


#: The clients of connectors that are gone.
_ABANDONED: SimpleQueue[_LoggedIn] = SimpleQueue()


def _abandon(idle: _Idle) -> None:
    """Leave the clients to the closer. The garbage collector calls this anywhere, even inside of a client's lock."""
    for waiting in idle.values():
        for kept in waiting:
            _ABANDONED.put(kept)


@cache
def _start_closer() -> None:
    Thread(target=_close_abandoned, name="closer of idle Snowflake clients", daemon=True).start()


def _close_abandoned() -> None:
    while True:
        abandoned = _ABANDONED.get()
        with suppress(Exception):  # whatever it is, the next client must be closed too
            abandoned.close()
