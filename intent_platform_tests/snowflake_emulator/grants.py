"""GRANT, REVOKE and SHOW GRANTS."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Rule
from intent_platform_tests.snowflake_emulator.errors import error, not_found, syntax_error
from intent_platform_tests.snowflake_emulator.logins import known_users
from intent_platform_tests.snowflake_emulator.needs import next_name
from intent_platform_tests.snowflake_emulator.privileges import PRIVILEGES, SHARED, Grant, known_roles
from intent_platform_tests.snowflake_emulator.reader import Reader
from intent_platform_tests.snowflake_emulator.results import rows, succeeded
from intent_platform_tests.snowflake_emulator.state import State

_SHOWN = ["created_on", "privilege", "granted_on", "name", "granted_to", "grantee_name", "grant_option", "granted_by"]
_SHOWN_ROLES = ["created_on", "role", "granted_to", "grantee_name", "granted_by"]


_PARTS = ("created_on", "privilege", "kind", "name", "grantee_kind", "grantee", "option", "granted_by")


def store(state: State, grant: Grant, by: str) -> None:
    """Store a grant, unless it exists already."""
    with state.changing("grants") as kept:
        created = datetime.now(UTC).isoformat()
        kept.setdefault(str(grant), {**asdict(grant), "created_on": created, "granted_by": by})


def grant(call: Call) -> Answer:
    """Grant privileges, ownership or a role."""
    privileges, kind, name = _read_securable(call)
    call.reader.expect("TO")
    grantee_kind, grantee = _read_grantee(call)
    _require_to_grant(call, kind, name)
    if privileges == ("OWNERSHIP",):
        if call.reader.take_any("COPY", "REVOKE"):
            call.reader.expect("CURRENT", "GRANTS")
        with call.emulator.state.changing("owners") as owners:
            owners[f"{kind} {name}"] = grantee
    for privilege in privileges:
        if privilege != "OWNERSHIP":
            store(call.emulator.state, Grant(privilege, kind, name, grantee_kind, grantee), call.session.role)
    return succeeded()


def revoke(call: Call) -> Answer:
    """Revoke privileges or a role. A privilege that was not granted is no error."""
    privileges, kind, name = _read_securable(call)
    call.reader.expect("FROM")
    grantee_kind, grantee = _read_grantee(call)
    _require_to_grant(call, kind, name)
    with call.emulator.state.changing("grants") as kept:
        for privilege in privileges:
            kept.pop(str(Grant(privilege, kind, name, grantee_kind, grantee)), None)
    return succeeded()


def show(call: Call) -> Answer:
    """The grants to a role or user, on an object or the account, or of a role. Ownership counts as a grant."""
    reader = call.reader
    kept = sorted(_all(call.emulator.state), key=lambda each: (each["kind"], each["name"], each["privilege"]))
    if reader.take("ON"):
        kind, name = _read_object(call)
        return _as_rows(call, (each for each in kept if (each["kind"], each["name"]) == (kind, name)))
    if reader.take("OF", "ROLE"):
        role = _known_role(call, reader.name())
        return _as_roles(each for each in kept if (each["kind"], each["name"]) == ("ROLE", role))
    if reader.take("TO", "ROLE"):
        role = _known_role(call, reader.name())
        missing = call.emulator.answers.get("privileges.missing", [])
        held = (each for each in kept if (each["grantee_kind"], each["grantee"]) == ("ROLE", role))
        return _as_rows(call, (each for each in held if f"{each['privilege']} ON {each['kind']}" not in missing))
    user = _known_user(call, reader.name()) if reader.take("TO", "USER") else call.session.user
    return _as_roles(each for each in kept if (each["grantee_kind"], each["grantee"]) == ("USER", user))


def _read_securable(call: Call) -> tuple[tuple[str, ...], str, str]:
    """The privileges, and the kind and name of the object, up to TO or FROM."""
    reader = call.reader
    if reader.take("ROLE"):
        return ("USAGE",), "ROLE", _known_role(call, reader.name())
    if reader.take("DATABASE", "ROLE"):
        name = ".".join(reader.parts())
        if name not in SHARED["DATABASE ROLE"]:
            raise not_found("Database role", name)
        return ("USAGE",), "DATABASE ROLE", name
    privileges = _read_privileges(reader)
    kind, name = _read_object(call)
    if privileges == ("ALL",):
        privileges = PRIVILEGES[kind]
    for privilege in privileges:
        if privilege != "OWNERSHIP" and privilege not in PRIVILEGES[kind]:
            raise syntax_error(f"Invalid object type '{kind}' for privilege '{privilege}'")
    return privileges, kind, name


def _read_privileges(reader: Reader) -> tuple[str, ...]:
    """The privileges before ON, of one or more words each."""
    found: list[list[str]] = [[]]
    while not reader.take("ON"):
        if reader.take(","):
            found.append([])
        else:
            found[-1].append(reader.literal().upper())
    privileges = tuple(" ".join(words) for words in found)
    known = {"OWNERSHIP", "ALL", *(privilege for kind in PRIVILEGES.values() for privilege in kind)}
    if privileges == ("ALL PRIVILEGES",):
        privileges = ("ALL",)
    for privilege in privileges:
        if privilege not in known:
            raise syntax_error(f"syntax error line 1 at position 6 unexpected '{privilege}'.")
    return privileges


def _read_object(call: Call) -> tuple[str, str]:
    """The kind and the full name of an object that exists."""
    reader = call.reader
    if reader.take("ACCOUNT"):
        return "ACCOUNT", ""
    kind = reader.take_any(*PRIVILEGES)
    if kind is None:
        raise syntax_error(f"the emulator grants nothing on {reader.rest[:60]}")
    name, _ = next_name(call, kind)
    reader.parts()
    if kind == "PROCEDURE":
        reader.group()  # the types of the parameters
    if kind == "ROLE":
        return kind, _known_role(call, name)
    if not call.access.exists(kind, name):
        raise not_found(kind.capitalize(), name)
    return kind, name


def _read_grantee(call: Call) -> tuple[str, str]:
    if call.reader.take("USER"):
        return "USER", _known_user(call, call.reader.name())
    call.reader.take("ROLE")
    return "ROLE", _known_role(call, call.reader.name())


def _known_role(call: Call, name: str) -> str:
    if name not in known_roles(call.emulator.state):
        raise not_found("Role", name)
    return name


def _known_user(call: Call, name: str) -> str:
    if name not in known_users(call.emulator):
        raise not_found("User", name)
    return name


def _require_to_grant(call: Call, kind: str, name: str) -> None:
    """Require ownership or MANAGE GRANTS. Only ACCOUNTADMIN grants on the account and what Snowflake shares."""
    access = call.access
    if kind == "ACCOUNT" or name in SHARED.get(kind, ()):
        allowed = "ACCOUNTADMIN" in access.roles
    else:
        allowed = access.owner(kind, name) in access.roles or access.has_on_account("MANAGE GRANTS")
    if not allowed:
        raise error("Grant not executed: Insufficient privileges.", 3102, "42501")


def _all(state: State) -> Iterator[dict[str, Any]]:
    yield from state.of("grants").values()
    for owned, role in state.of("owners").items():
        kind, name = owned.rsplit(" ", 1)
        about = {"created_on": None, "granted_by": role}
        yield {**asdict(Grant("OWNERSHIP", kind, name, "ROLE", role)), **about}


def _as_rows(call: Call, grants: Iterable[dict[str, Any]]) -> Answer:
    account = call.emulator.connection_parameters["account"].upper()
    shown = ({**each, "name": each["name"] or account, "option": "false"} for each in grants)
    return rows(_SHOWN, (tuple(each[part] for part in _PARTS) for each in shown))


def _as_roles(grants: Iterable[dict[str, Any]]) -> Answer:
    held = (each for each in grants if each["privilege"] == "USAGE")
    values = (
        tuple(each[part] for part in ("created_on", "name", "grantee_kind", "grantee", "granted_by")) for each in held
    )
    return rows(_SHOWN_ROLES, values)


RULES = [
    Rule(["GRANT"], grant),
    Rule(["REVOKE"], revoke),
    Rule(["SHOW GRANTS"], show),
]
