"""Transactions by Snowflake's rules, which differ from DuckDB's.

- A failed statement leaves its transaction open.
- Each statement sees all rows that are committed when it starts, and the changes of its own transaction.
- UPDATE and DELETE lock the table, even if they change no row. INSERT locks nothing.
- A transaction whose client has vanished stays open with its locks.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import RLock
from typing import Protocol

from duckdb import DuckDBPyConnection
from sqlglot import Expr, exp

from intent_platform_tests.snowflake_emulator.copies import Place, PrivateCopy, found_table
from intent_platform_tests.snowflake_emulator.errors import error
from intent_platform_tests.snowflake_emulator.locks import Holder, Locks

_DEFAULT_LOCK_TIMEOUT = 43_200.0
_CHANGES_ROWS = (exp.Insert, exp.Update, exp.Delete)
_LOCKS_TABLE = (exp.Update, exp.Delete)


class Connected(Protocol):
    """A session that has transactions."""

    _duck_conn: DuckDBPyConnection
    database: str | None
    parameters: dict[str, str]
    transaction: "Transaction | None"

    @property
    def schema(self) -> str | None: ...


@dataclass(eq=False)
class Transaction:
    """An open transaction, or a single statement outside of one.

    Attributes:
        copies: the tables that it has changed.
        aborted: whether Snowflake has rolled it back without being asked.
    """

    number: int
    copies: dict[Place, PrivateCopy] = field(default_factory=dict)
    running: bool = False
    used_at: float = 0.0
    aborted: bool = False


class Transactions:
    """All transactions of an account. `locks` has their locks and the clock."""

    def __init__(self) -> None:
        self.locks = Locks(self._abort)
        self._numbers = itertools.count(1)
        self._committing = RLock()
        self._versions: Counter[Place] = Counter()  # how often the rows of each table have changed

    def begin(self, connection: Connected) -> None:
        """Open a transaction. Inside an open one, Snowflake ignores BEGIN."""
        connection.transaction = connection.transaction or Transaction(next(self._numbers), used_at=self.locks.clock())

    def commit(self, connection: Connected) -> None:
        """Write the changes of the open transaction into the tables, and end it."""
        transaction, duck = self._ended(connection), connection._duck_conn
        if transaction is None:
            return
        try:
            with self._committing:
                duck.begin()
                for copy in transaction.copies.values():
                    copy.write_back()
                duck.commit()
                self._versions.update([*transaction.copies])
        except BaseException:
            duck.rollback()
            raise
        finally:
            self._forget(transaction)

    def roll_back(self, connection: Connected) -> None:
        """End the open transaction without its changes."""
        transaction = self._ended(connection)
        if transaction is not None:
            self._forget(transaction)

    @contextmanager
    def statement(self, connection: Connected, tree: Expr) -> Iterator[Expr]:
        """Run one statement inside: it yields the statement to execute, with the private copies as its tables.

        Raises:
            ProgrammingError: Snowflake has aborted the transaction, or another one keeps a lock for too long.
        """
        changed = self._changed_table(connection, tree)
        if changed is not None and connection.parameters.get("AUTOCOMMIT", "TRUE").upper() == "FALSE":
            self.begin(connection)
        transaction = connection.transaction or Transaction(next(self._numbers))
        if transaction.aborted:
            self._ended(connection)
        with self.locks.used(transaction):
            locking = changed is not None and isinstance(tree, _LOCKS_TABLE)
            try:
                if changed is not None and locking:
                    wait = float(connection.parameters.get("LOCK_TIMEOUT", _DEFAULT_LOCK_TIMEOUT))
                    self.locks.take(changed, transaction, wait)
                if transaction is connection.transaction:
                    if changed is not None:
                        self._copy(connection, transaction, changed, locking=locking)
                    tree = self._on_copies(connection, transaction, tree)
                yield tree
            finally:
                if transaction is not connection.transaction:
                    self._versions.update([changed] if changed else [])
                    self.locks.release(transaction)

    def _copy(self, connection: Connected, transaction: Transaction, place: Place, *, locking: bool) -> None:
        if place not in transaction.copies:
            copy = PrivateCopy(connection._duck_conn, place, transaction.number, self._versions[place])
            transaction.copies[place] = copy
        if locking and not transaction.copies[place].owns_rows:
            transaction.copies[place].own_rows()

    def _on_copies(self, connection: Connected, transaction: Transaction, tree: Expr) -> Expr:
        """The statement with each table replaced that the transaction has changed."""
        names = {place.name.upper() for place in transaction.copies}
        for table in [each for each in tree.find_all(exp.Table) if each.name.upper() in names]:
            place = None if _is_common(table) else self._place(connection, table)
            copy = transaction.copies.get(place) if place else None
            if copy is None:
                continue
            if copy.version != self._versions[copy.place]:
                copy.refresh(self._versions[copy.place])
            if not table.alias and not _is_target_of_insert(table):
                table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
            for part, name in zip(("catalog", "db", "this"), copy.copy, strict=True):
                table.set(part, exp.to_identifier(name, quoted=True))
        return tree

    def _changed_table(self, connection: Connected, tree: Expr) -> Place | None:
        if not isinstance(tree, _CHANGES_ROWS):
            return None
        target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        return self._place(connection, target) if isinstance(target, exp.Table) else None

    @staticmethod
    def _place(connection: Connected, table: exp.Table) -> Place | None:
        database, schema = table.catalog or connection.database, table.db or connection.schema
        return found_table(connection._duck_conn, database, schema, table.name)

    @staticmethod
    def _ended(connection: Connected) -> Transaction | None:
        transaction, connection.transaction = connection.transaction, None
        if transaction is not None and transaction.aborted:  # the number of this error is not documented
            raise error(f"Transaction {transaction.number} was aborted: it was idle and blocked another.", 600, "40001")
        return transaction

    def _forget(self, transaction: Transaction) -> None:
        for copy in transaction.copies.values():
            copy.drop()
        transaction.copies.clear()
        self.locks.release(transaction)

    def _abort(self, holder: Holder) -> None:
        assert isinstance(holder, Transaction), "only transactions hold locks"
        holder.aborted = True
        self._forget(holder)


def _is_target_of_insert(table: exp.Table) -> bool:
    parent = table.parent.parent if isinstance(table.parent, exp.Schema) else table.parent
    return isinstance(parent, exp.Insert) and table in (parent.this, getattr(parent.this, "this", None))


def _is_common(table: exp.Table) -> bool:
    """Whether the name is that of a common table expression around it."""
    if table.db:
        return False
    inside: Expr = table
    while inside.parent is not None:
        inside, child = inside.parent, inside
        declared = inside.args.get("with_")
        for common in declared.expressions if declared is not None and declared is not child else ():
            if common.alias.upper() == table.name.upper():
                return True
        if isinstance(inside, exp.With):
            earlier = itertools.takewhile(lambda common: common is not child, inside.expressions)  # noqa: B023
            if any(common.alias.upper() == table.name.upper() for common in earlier):
                return True
    return False
