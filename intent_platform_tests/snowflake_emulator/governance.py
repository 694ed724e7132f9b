"""Roles, grants and warehouses. All are stored; privileges are not enforced."""

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Rule
from intent_platform_tests.snowflake_emulator.errors import absent_or_forbidden, error, invalid_property, syntax_error
from intent_platform_tests.snowflake_emulator.facts import privileges_of
from intent_platform_tests.snowflake_emulator.logins import SYSTEM_ROLES
from intent_platform_tests.snowflake_emulator.results import rows, succeeded
from intent_platform_tests.snowflake_emulator.state import like

_OPTIONS = {
    "roles": {"COMMENT"},
    "warehouses": {"COMMENT", "WAREHOUSE_SIZE", "AUTO_SUSPEND", "AUTO_RESUME", "INITIALLY_SUSPENDED"},
}


def create(call: Call) -> Answer:
    """Store the name and the options."""
    words = [token.text.upper() for token in call.reader.tokens[: call.reader.place]]
    kind = {"ROLE": "roles", "WAREHOUSE": "warehouses"}[words[-1]]
    exists = call.reader.take("IF", "NOT", "EXISTS")
    name = ".".join(call.reader.parts())
    options = call.reader.options()
    call.reader.end()
    for unknown in options.keys() - _OPTIONS[kind]:
        raise invalid_property(unknown, words[-1])
    with call.emulator.state.changing(kind) as kept:
        if name in kept and not exists and not call.replacing:
            raise error(f"SQL compilation error:\nObject '{name}' already exists.", 2002, "42710")
        if kind == "warehouses" and name not in kept:
            call.session.warehouse = name  # a new warehouse becomes that of the session
        kept.setdefault(name, options)
    return succeeded(f"{name} successfully created.")


def use_role(call: Call) -> Answer:
    """Change to a role, which must exist."""
    name = call.reader.name()
    if name not in SYSTEM_ROLES and name not in call.emulator.state.of("roles"):
        raise error(f"SQL compilation error:\nRole '{name}' does not exist or not authorized.", 2043, "02000")
    call.session.role = name
    return succeeded()


def use_warehouse(call: Call) -> Answer:
    """Change to a warehouse, which must exist."""
    name = call.reader.name()
    if name not in call.emulator.state.of("warehouses"):
        raise absent_or_forbidden()
    call.session.warehouse = name
    return succeeded()


def show_warehouses(call: Call) -> Answer:
    """The warehouses whose name matches."""
    matches = like(call.reader.literal() if call.reader.take("LIKE") else None)
    kept = [name for name in sorted(call.emulator.state.of("warehouses")) if matches(name)]
    return rows(["name", "state"], [(name, "STARTED") for name in kept])


def grant(call: Call) -> Answer:
    """Store the statement. Tests read grants; nothing enforces them."""
    words = [token.text.upper() for token in call.reader.tokens]
    if "TO" not in words and "FROM" not in words:
        raise syntax_error("a grant has a grantee")
    text = " ".join(call.reader.sql.split())
    with call.emulator.state.changing("grants") as grants:
        if words[0] == "REVOKE":
            grants.pop(text.replace("REVOKE", "GRANT", 1).replace(" FROM ", " TO "), None)
        else:
            grants[text] = {}
    return succeeded()


def show_grants(call: Call) -> Answer:
    """The grants as they were written, or the privileges of a role."""
    if call.reader.take("TO", "ROLE"):
        return privileges_of(call, call.reader.name())
    return rows(["grant"], [(text,) for text in sorted(call.emulator.state.of("grants"))])


def describe_artifact_repository(call: Call) -> Answer:
    """The shared PyPI repository exists, and no other."""
    name = ".".join(call.reader.parts())
    if name != "SNOWFLAKE.SNOWPARK.PYPI_SHARED_REPOSITORY":
        raise error(f"Artifact repository '{name}' does not exist or not authorized.", 2003, "02000")
    return succeeded()


RULES = [
    Rule(["CREATE ROLE", "CREATE WAREHOUSE"], create),
    Rule(["USE ROLE"], use_role),
    Rule(["USE WAREHOUSE"], use_warehouse),
    Rule(["SHOW WAREHOUSES"], show_warehouses),
    Rule(["GRANT", "REVOKE"], grant, delegated=True),
    Rule(["SHOW GRANTS"], show_grants),
    Rule(["DESC ARTIFACT REPOSITORY"], describe_artifact_repository),
]
