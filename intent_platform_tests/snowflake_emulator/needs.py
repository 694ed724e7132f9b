"""What a rule needs: the privileges to check before it, and the owner to note after it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from intent_platform_tests.snowflake_emulator.emulator import Call, Need
from intent_platform_tests.snowflake_emulator.errors import absent_or_forbidden, syntax_error
from intent_platform_tests.snowflake_emulator.privileges import IN_A_SCHEMA, SHARED_USAGE

_CHANGES: Mapping[type, str] = {exp.Insert: "INSERT", exp.Update: "UPDATE", exp.Delete: "DELETE"}
_OURS = "EMULATED_"  # results and files that the emulator itself put beside the tables


def needing(check: Callable[[Call], None]) -> Need:
    """A need that ends with its check."""

    @contextmanager
    def need(call: Call) -> Iterator[None]:
        check(call)
        yield

    return need


def on_account(privilege: str) -> Need:
    """A privilege on the account."""
    return needing(lambda call: call.access.require_on_account(privilege))


def on_object(privilege: str, kind: str) -> Need:
    """A privilege on the object that is named next. With IF EXISTS it may be absent."""

    def check(call: Call) -> None:
        name, optional = next_name(call, kind)
        if not optional or call.access.exists(kind, name):
            call.access.require(privilege, kind, name)

    return needing(check)


def dropping(kind: str) -> Need:
    """Ownership of the object that is named next. It has no owner afterwards, and neither have the objects in it."""

    @contextmanager
    def need(call: Call) -> Iterator[None]:
        with on_object("OWNERSHIP", kind)(call):
            name, _ = next_name(call, kind)
            yield
        call.session.temporary_objects.discard(f"{kind} {name}")
        _forget(call, kind, name)

    return need


def creating(kind: str, privilege: str | None = None) -> Need:
    """CREATE privileges for the object that is named next. It belongs to the role of the session afterwards."""

    @contextmanager
    def need(call: Call) -> Iterator[None]:
        name, _ = next_name(call, kind)
        temporary = bool(call.modifiers & {"TEMP", "TEMPORARY"})
        wanted = privilege or f"CREATE {kind}"
        if kind in IN_A_SCHEMA:
            call.access.enter(name)
            if not temporary:  # a temporary object needs no CREATE privilege
                call.access.require(wanted, "SCHEMA", name.rpartition(".")[0])
        elif kind == "SCHEMA":
            call.access.require(wanted, "DATABASE", name.partition(".")[0])
        else:
            call.access.require_on_account(wanted)
        exists = call.access.exists(kind, name)
        if exists and call.replacing:
            call.access.require("OWNERSHIP", kind, name)
        yield
        if exists and call.replacing:
            _forget(call, kind, name)
        if temporary:
            call.session.temporary_objects.add(f"{kind} {name}")
        elif not exists or call.replacing:
            with call.emulator.state.changing("owners") as owners:
                owners[f"{kind} {name}"] = call.session.role
                if kind == "DATABASE":
                    owners[f"SCHEMA {name}.PUBLIC"] = call.session.role

    return need


def using_schema(call: Call) -> AbstractContextManager[None]:
    """USAGE on the schema that is named next, and on its database."""
    name, _ = next_name(call, "SCHEMA")
    for kind, place in (("DATABASE", name.partition(".")[0]), ("SCHEMA", name)):
        if not call.access.has("USAGE", kind, place):
            raise absent_or_forbidden()
    return nullcontext()


def next_name(call: Call, kind: str) -> tuple[str, bool]:
    """The full name that is next in the statement, and whether IF EXISTS or IF NOT EXISTS is before it."""
    reader = call.reader
    begun = reader.place
    optional = reader.take("IF", "NOT", "EXISTS") or reader.take("IF", "EXISTS")
    parts = reader.parts()
    reader.place = begun
    if kind in IN_A_SCHEMA:
        return call.key(parts), optional
    if kind == "SCHEMA" and len(parts) == 1:
        return f"{call.connection.database}.{parts[0]}", optional
    return ".".join(parts), optional


def _forget(call: Call, kind: str, name: str) -> None:
    """Delete the owners and grants of an object that is gone, and of the objects in it."""

    def is_gone(key: str) -> bool:
        return f" {key} ".find(f"{kind} {name} ") >= 0 or f" {name}." in key

    for kept in ("owners", "grants"):
        with call.emulator.state.changing(kept) as entries:
            for key in [key for key in entries if is_gone(key)]:
                del entries[key]


def require_relations(call: Call, sql: str) -> None:
    """Require the privileges of a query or change of rows on its tables and views."""
    for privilege, parts in _relations(sql):
        if len(parts) > 1 and parts[-2] == "INFORMATION_SCHEMA":
            call.key(parts)
        elif parts[:2] == SHARED_USAGE:
            call.access.require_usage_viewer()
        else:
            require_on_relation(call, privilege, call.key(parts))


def require_on_relation(call: Call, privilege: str, name: str) -> None:
    """Require a privilege on the table or view of this full name."""
    kind = "VIEW" if call.access.exists("VIEW", name) else "TABLE"
    call.access.require(privilege, kind, name)


@lru_cache(maxsize=1_000)
def _relations(sql: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Each table and view of a statement, with the privilege that the statement needs on it."""
    try:
        parsed = sqlglot.parse_one(sql, read="snowflake")
    except SqlglotError as error:
        raise syntax_error(str(error)) from error
    named = {each.alias.upper() for each in parsed.find_all(exp.CTE)}
    changed = parsed.this.this if isinstance(parsed.this, exp.Schema) else parsed.this
    found: dict[tuple[str, tuple[str, ...]], None] = {}
    for table in parsed.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            continue  # a table function
        parts = tuple(part.name if part.args.get("quoted") else part.name.upper() for part in table.parts)
        if len(parts) == 1 and (parts[0].upper() in named or parts[0].startswith(_OURS)):
            continue
        privilege = _CHANGES.get(type(parsed), "SELECT") if table is changed else "SELECT"
        found[privilege, parts] = None
    return tuple(found)
