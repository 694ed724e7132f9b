"""The account: it chooses the rule for each statement, and keeps sessions and the statements sent."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from intent_platform_tests.snowflake_emulator.answers import Answers
from intent_platform_tests.snowflake_emulator.errors import unknown_statement
from intent_platform_tests.snowflake_emulator.faults import Fault, Injected
from intent_platform_tests.snowflake_emulator.privileges import Access
from intent_platform_tests.snowflake_emulator.reader import Reader, replaced
from intent_platform_tests.snowflake_emulator.session import Session
from intent_platform_tests.snowflake_emulator.state import State
from intent_platform_tests.snowflake_emulator.transactions import Transactions

#: Words of a CREATE before the kind of object.
_MODIFIERS = ("OR", "REPLACE", "SCOPED", "TEMP", "TEMPORARY", "TRANSIENT", "READ", "ONLY")
#: These commit the open transaction, even when they fail.
_DDL = {"CREATE", "ALTER", "DROP", "GRANT", "REVOKE"}
#: For these, fakesnow binds the values itself.
_BINDING = {"SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "CALL"}
_WITH_KIND = {"CREATE", "ALTER", "DROP", "SHOW", "DESC", "DESCRIBE", "EXECUTE", "COMMENT", "USE"}


@dataclass(frozen=True)
class SentStatement:
    """A statement that a client sent, and the query tag of its session."""

    number: int
    sql: str
    tag: str
    role: str
    warehouse: str | None
    at: datetime


@dataclass(frozen=True)
class Sql:
    """A statement for fakesnow to execute."""

    text: str
    params: Any = None


@dataclass(frozen=True)
class Transfer:
    """An instruction to the client: which files to send or fetch."""

    data: dict[str, Any]


Answer = Sql | Transfer


@dataclass
class Call:
    """One statement under way: its connection, its text, and the modifiers of a CREATE.

    With `describing` the client asks for the columns of the result only.
    """

    emulator: "Emulator"
    connection: Any
    reader: Reader
    modifiers: frozenset[str] = frozenset()
    params: Any = None
    describing: bool = False

    @property
    def session(self) -> Session:
        return self.emulator.session_of(self.connection)

    @property
    def access(self) -> Access:
        """What the session may do."""
        return Access(self.emulator.state, self.session)

    def key(self, parts: Sequence[str] | None = None) -> str:
        """The full name of an object; the next name of the statement unless `parts` are given.

        Raises:
            ProgrammingError: the name is partial, and the session has no current place that its role may use.
        """
        parts = tuple(parts or self.reader.parts())
        place = (self.connection.database, self.connection.schema)
        if len(parts) < 3:
            self.access.require_place(self.reader.tokens[0].text.upper(), *place, len(parts))
        return ".".join((*(str(each) for each in place[: 3 - len(parts)]), *parts))

    def use_warehouse(self) -> None:
        """Check that the session has a warehouse that its role may use, which the statement needs.

        Raises:
            ProgrammingError: it has none.
        """
        if not self.describing:
            self.access.require_warehouse()

    @property
    def replacing(self) -> bool:
        return "REPLACE" in self.modifiers


#: What a rule asks before its handler, and notes after it.
Need = Callable[[Call], AbstractContextManager[None]]


def no_need(_: Call) -> AbstractContextManager[None]:
    """The need of a rule that asks nothing, or whose handler checks what it finds."""
    return nullcontext()


@dataclass(frozen=True)
class Rule:
    """The handler of statements that begin with one of `heads`, such as `CREATE STAGE`.

    `need` checks the privileges that the statement itself names. A handler checks what it finds later.
    A part that the handler leaves unread is an error. A `delegated` statement is exempt: fakesnow reads the whole
    text, or the emulator stores it as written.
    """

    heads: Sequence[str]
    handle: Callable[[Call], Answer]
    delegated: bool = False
    need: Need = no_need

    def answer(self, call: Call) -> Answer:
        """The handler's answer.

        Raises:
            ProgrammingError: the handler refuses, or leaves a part of the statement unread.
        """
        with self.need(call):
            answer = self.handle(call)
            if not self.delegated:
                call.reader.end()
        return answer


def inlined(reader: Reader, values: Sequence[Any]) -> str:
    """The statement with its `?` replaced: by a name inside of IDENTIFIER(?), else by a literal."""
    remaining, pieces, tokens = list(values), [], reader.tokens
    for place, token in enumerate(tokens):
        if token.text != "?":
            continue
        value = remaining.pop(0)
        if place >= 2 and tokens[place - 2].text.upper() == "IDENTIFIER":
            pieces.append((tokens[place - 2].start, tokens[place + 1].end, str(value)))
        else:
            quoted = str(value).replace("'", "''")
            pieces.append((token.start, token.end, f"'{quoted}'"))
    return replaced(reader.sql, pieces)


@dataclass
class Logins:
    """Credentials besides the keys and tokens of ALTER USER. They last as long as the process."""

    passwords: dict[str, str] = field(default_factory=dict)
    oauth: dict[str, bool] = field(default_factory=dict)  # whether the token is still good
    confirmed: dict[str, dict[str, str]] = field(default_factory=dict)  # single sign-on, by its proof key
    remembered: set[str] = field(default_factory=set)  # identity tokens given to clients that keep them
    issuers: dict[str, str] = field(default_factory=dict)  # the public key (PEM) of each OIDC provider, by its issuer


class Emulator:
    """One account. `connection_parameters` are for `snowflake.connector.connect`.

    Attributes:
        transactions: the open transactions, with their locks and the clock of the locks.
        chunk_rows: the rows of a chunk of a result. Snowflake decides by size.
        kept: the chunks that no client has fetched yet, by path.
        logins_made: the number of logins that the account accepted.
        missing_packages: packages that this account does not have, whatever the repository.
        answers: what an account once answered the doctor. They override the rules.
        task_runs: the runs of tasks.
        notifications: what notification integrations were told.
        slow: the slow statements under way, with the number of times that their client must still ask.
    """

    def __init__(
        self, root: Path, connection_parameters: dict[str, Any], rules: Iterable[Rule], transactions: Transactions
    ) -> None:
        self.root = root
        self.transactions = transactions
        self.connection_parameters = connection_parameters
        self._rules = {tuple(head.split()): rule for rule in rules for head in rule.heads}
        self.state = State(root / "account.json")
        self.statements: list[SentStatement] = []
        self.faults: list[Injected] = []
        self.logins = Logins()
        self.logins_made = 0
        self.chunk_rows = 1_000
        self.missing_packages: set[str] = set()
        self.answers = Answers()
        self.kept: dict[str, bytes] = {}
        self.task_runs: list[Any] = []
        self.notifications: list[Any] = []
        self.slow: dict[str, tuple[dict[str, Any], int]] = {}
        self._sessions: dict[int, Session] = {}
        self._numbers = itertools.count(1)

    def inject(self, fault: Fault, matching: str = "", times: int = 1) -> None:
        """Make the next `times` statements that contain `matching` fail with a fault."""
        self.faults.append(Injected(fault, matching, times))

    def number(self) -> int:
        """A number that nothing else of this account has."""
        return next(self._numbers)

    def keep(self, chunk: bytes) -> str:
        """Keep a chunk until a client fetches it, and return its path."""
        path = f"chunks/{self.number()}"
        self.kept[path] = chunk
        return path

    def session_of(self, connection: Any) -> Session:
        """The session of a connection."""
        return self._sessions.setdefault(id(connection), Session(parameters=connection.parameters))

    def end_session(self, connection: Any) -> None:
        """Roll back, forget the session and drop its temporary tables."""
        self.transactions.roll_back(connection)
        session = self._sessions.pop(id(connection), Session())
        for table in session.temporary:
            connection.cursor().execute(f"DROP TABLE IF EXISTS {table}")

    def record(self, connection: Any, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Add to `statements`; parameters of the statement override those of the session."""
        session = self.session_of(connection)
        tag = {**session.parameters, **(parameters or {})}.get("QUERY_TAG", "")
        moment = datetime.now().astimezone()
        self.statements.append(SentStatement(self.number(), sql, tag, session.role, session.warehouse, moment))

    def answer(self, connection: Any, sql: str, params: Any, *, describing: bool = False) -> Answer:
        """Choose the rule for a statement and apply it.

        Raises:
            ProgrammingError: the account refuses, or the emulator has no rule for it.
        """
        self.answers.refuse(sql)
        reader = Reader(sql)
        if params and (reader.word() not in _BINDING or "INFER_SCHEMA" in sql.upper()):
            reader, params = Reader(inlined(reader, params)), None
        call = Call(self, connection, reader, params=params, describing=describing)
        verb = reader.word()
        reader.take(verb)
        if verb == "CREATE":
            found = set()
            while modifier := reader.take_any(*_MODIFIERS):
                found.add(modifier)
            call.modifiers = frozenset(found)
        if verb in _DDL:
            self.transactions.commit(connection)
        for length in (2, 1) if verb in _WITH_KIND else (0,):
            words = [reader.word(ahead) for ahead in range(length)]
            head = (verb, *" ".join(words).split())  # a token may hold two words
            if head in self._rules:
                reader.take(*words)
                return self._rules[head].answer(call)
        if (verb,) in self._rules:
            return self._rules[(verb,)].answer(call)
        raise unknown_statement(sql)
