"""Who may do what: the owners of objects, grants, and the hierarchy of roles.

`Access` answers for one session. `needs` has what the rules ask, and `governance` has the statements that grant.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from intent_platform_tests.snowflake_emulator.errors import insufficient, no_current, no_warehouse, not_found
from intent_platform_tests.snowflake_emulator.session import Session
from intent_platform_tests.snowflake_emulator.state import State

_CREATED_IN_SCHEMA = (
    *("TABLE", "VIEW", "STAGE", "FILE FORMAT", "FUNCTION", "PROCEDURE", "TASK", "MODEL", "MODEL MONITOR", "ALERT"),
    *("EVENT TABLE", "DYNAMIC TABLE", "MATERIALIZED VIEW", "PIPE", "SEQUENCE", "STREAM", "TAG", "NOTEBOOK"),
)
#: By kind of object: the privileges that it has, besides OWNERSHIP.
PRIVILEGES: Mapping[str, tuple[str, ...]] = {
    "ACCOUNT": (
        *("CREATE DATABASE", "CREATE INTEGRATION", "CREATE ROLE", "CREATE USER", "CREATE WAREHOUSE", "EXECUTE ALERT"),
        *("EXECUTE MANAGED TASK", "EXECUTE TASK", "MANAGE GRANTS", "MANAGE WAREHOUSES", "MODIFY LOG LEVEL"),
        *("MODIFY TRACE LEVEL", "MONITOR EXECUTION", "MONITOR USAGE"),
    ),
    "DATABASE": ("USAGE", "MODIFY", "MONITOR", "CREATE SCHEMA", "CREATE DATABASE ROLE", "IMPORTED PRIVILEGES"),
    "SCHEMA": ("USAGE", "MODIFY", "MONITOR", *(f"CREATE {kind}" for kind in _CREATED_IN_SCHEMA)),
    "WAREHOUSE": ("USAGE", "OPERATE", "MODIFY", "MONITOR"),
    "TABLE": ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES"),
    "VIEW": ("SELECT", "REFERENCES"),
    "STAGE": ("READ", "WRITE", "USAGE"),
    "MODEL": ("USAGE",),
    "MODEL MONITOR": ("USAGE",),
    "PROCEDURE": ("USAGE",),
    "TASK": ("MONITOR", "OPERATE"),
    "ROLE": ("USAGE",),
    "DATABASE ROLE": ("USAGE",),
    "INTEGRATION": ("USAGE",),
}
IN_A_SCHEMA = frozenset({"TABLE", "VIEW", "STAGE", "MODEL", "MODEL MONITOR", "PROCEDURE", "TASK"})
USAGE_VIEWER = "SNOWFLAKE.USAGE_VIEWER"
SHARED_USAGE = ("SNOWFLAKE", "ACCOUNT_USAGE")  # the schema that USAGE_VIEWER reads
PACKAGE_USER = "SNOWFLAKE.PYPI_REPOSITORY_USER"
#: The objects that Snowflake shares with each account, by kind.
SHARED = {
    "DATABASE": {"SNOWFLAKE"},
    "DATABASE ROLE": {PACKAGE_USER, "SNOWFLAKE.EVENTS_VIEWER", "SNOWFLAKE.EVENTS_ADMIN", USAGE_VIEWER},
}
#: By system role: the roles that it inherits, and its privileges on the account. ACCOUNTADMIN has all of these.
_INHERITED = {"ACCOUNTADMIN": ("SYSADMIN", "SECURITYADMIN"), "SECURITYADMIN": ("USERADMIN",)}
_OF_SYSTEM_ROLES = {
    "SYSADMIN": {"CREATE DATABASE", "CREATE WAREHOUSE"},
    "USERADMIN": {"CREATE ROLE", "CREATE USER"},
    "SECURITYADMIN": {"MANAGE GRANTS"},
}
SYSTEM_ROLES = frozenset({"ACCOUNTADMIN", "PUBLIC", *_OF_SYSTEM_ROLES})


@dataclass(frozen=True)
class Grant:
    """One privilege of a role or user. A granted role is a USAGE on this role."""

    privilege: str
    kind: str
    name: str  # empty for the account
    grantee_kind: str  # ROLE or USER
    grantee: str

    def __str__(self) -> str:
        on = " ".join(part for part in (self.kind, self.name) if part)
        return f"{self.privilege} ON {on} TO {self.grantee_kind} {self.grantee}"


def known_roles(state: State) -> frozenset[str]:
    """The names of all roles of the account."""
    return SYSTEM_ROLES | state.of("roles").keys()


def inherited(state: State, grantee_kind: str, grantee: str) -> frozenset[str]:
    """The roles and database roles that a user or role can use: PUBLIC, those granted to it, and theirs."""
    found, waiting = {"PUBLIC"}, [(grantee_kind, grantee)]
    candidates = [("ROLE", role) for role in known_roles(state)]
    candidates += [("DATABASE ROLE", role) for role in SHARED["DATABASE ROLE"]]
    while waiting:
        kind, name = waiting.pop()
        granted = {role for on, role in candidates if str(Grant("USAGE", on, role, kind, name)) in state.of("grants")}
        new = granted.union(_INHERITED.get(name, ()) if kind == "ROLE" else ()) - found
        found |= new
        waiting += [("ROLE", role) for role in new]
    return frozenset(found | ({grantee} if grantee_kind == "ROLE" else set()))


@dataclass(frozen=True)
class Access:
    """What a session may do, by its role and the inherited ones. It has no secondary roles."""

    state: State
    session: Session
    roles: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "roles", inherited(self.state, "ROLE", self.session.role))

    def owner(self, kind: str, name: str) -> str | None:
        """The role that owns an object; None if it does not exist."""
        if f"{kind} {name}" in self.session.temporary_objects:
            return self.session.role
        owner: str | None = self.state.of("owners").get(f"{kind} {name}")
        return owner

    def exists(self, kind: str, name: str) -> bool:
        """Whether an object exists, visible or not."""
        return name in SHARED.get(kind, ()) or self.owner(kind, name) is not None

    def has(self, privilege: str, kind: str, name: str) -> bool:
        """Whether the session owns an existing object, or has this privilege on it."""
        if self.owner(kind, name) in self.roles:
            return True
        return self.exists(kind, name) and any(
            grant in self.state.of("grants") for grant in self._as(privilege, kind, name)
        )

    def has_on_account(self, privilege: str) -> bool:
        """Whether the session has this privilege on the account."""
        if "ACCOUNTADMIN" in self.roles or any(
            privilege in _OF_SYSTEM_ROLES[role] for role in self.roles & _OF_SYSTEM_ROLES.keys()
        ):
            return True
        return any(grant in self.state.of("grants") for grant in self._as(privilege, "ACCOUNT", ""))

    def sees(self, kind: str, name: str) -> bool:
        """Whether the session has any privilege on an object."""
        return any(self.has(privilege, kind, name) for privilege in PRIVILEGES[kind])

    def enter(self, name: str) -> None:
        """Require any privilege on the database and on the schema of a full name."""
        database, schema, _ = name.split(".", 2)
        for kind, place in (("DATABASE", database), ("SCHEMA", f"{database}.{schema}")):
            if not self.sees(kind, place):
                raise not_found(kind.capitalize(), place)

    def require(self, privilege: str, kind: str, name: str) -> None:
        """Require a privilege on an object.

        Raises:
            ProgrammingError: the session does not see the object, or has other privileges on it only.
        """
        if kind in IN_A_SCHEMA:
            self.enter(name)
        if self.has(privilege, kind, name):
            return
        if not self.sees(kind, name):
            raise not_found(kind.capitalize(), name)
        raise insufficient(privilege, kind, name, self.session.role)

    def require_on_account(self, privilege: str) -> None:
        """Require a privilege on the account."""
        if not self.has_on_account(privilege):
            raise insufficient(privilege, "ACCOUNT", "EMULATED", self.session.role)

    def require_usage_viewer(self) -> None:
        """Require the database role that reads the history of credits. ACCOUNTADMIN reads it without."""
        if not self.roles & {"ACCOUNTADMIN", USAGE_VIEWER}:
            raise not_found("Database", SHARED_USAGE[0])

    def require_place(self, action: str, database: str | None, schema: str | None, parts: int) -> None:
        """Require the current database, and for names of fewer than `parts` two also the schema, to be usable."""
        if database is None or not self.has("USAGE", "DATABASE", database):
            raise no_current("database", action)
        if parts < 2 and (schema is None or not self.has("USAGE", "SCHEMA", f"{database}.{schema}")):
            raise no_current("schema", action)

    def require_warehouse(self) -> None:
        """Require a current warehouse that the session may use."""
        warehouse = (self.session.warehouse or "").upper()
        if not self.has("USAGE", "WAREHOUSE", warehouse):
            raise no_warehouse()

    def _as(self, privilege: str, kind: str, name: str) -> Iterator[str]:
        return (str(Grant(privilege, kind, name, "ROLE", role)) for role in self.roles)
