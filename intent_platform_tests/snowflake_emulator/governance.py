"""Roles and warehouses."""

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Rule
from intent_platform_tests.snowflake_emulator.errors import absent_or_forbidden, error, invalid_property
from intent_platform_tests.snowflake_emulator.needs import creating
from intent_platform_tests.snowflake_emulator.packages import SHARED_REPOSITORY
from intent_platform_tests.snowflake_emulator.privileges import PACKAGE_USER, inherited, known_roles
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
    """Change to a role that the user has."""
    name = call.reader.name()
    call.reader.end()
    if name not in known_roles(call.emulator.state):
        raise absent_or_forbidden()
    if name not in inherited(call.emulator.state, "USER", call.session.user):
        message = f"Requested role '{name}' is not assigned to the executing user.  Specify another role to activate."
        raise error(f"SQL access control error:\n{message}", 3013, "42501")
    call.session.role = name
    return succeeded()


def use_warehouse(call: Call) -> Answer:
    """Change to a warehouse that the role may use."""
    name = call.reader.name()
    call.reader.end()
    if not call.access.has("USAGE", "WAREHOUSE", name):
        raise absent_or_forbidden()
    call.session.warehouse = name
    return succeeded()


def show_warehouses(call: Call) -> Answer:
    """The warehouses that the role sees and whose name matches."""
    matches = like(call.reader.literal() if call.reader.take("LIKE") else None)
    kept = [name for name in sorted(call.emulator.state.of("warehouses")) if call.access.sees("WAREHOUSE", name)]
    return rows(["name", "state"], [(name, "STARTED") for name in kept if matches(name)])


def describe_artifact_repository(call: Call) -> Answer:
    """The shared PyPI repository exists, and no other. The role needs a database role to use it."""
    name = ".".join(call.reader.parts())
    if name != SHARED_REPOSITORY or PACKAGE_USER not in call.access.roles:
        raise error(f"Artifact repository '{name}' does not exist or not authorized.", 2003, "02000")
    return succeeded()


RULES = [
    Rule(["CREATE ROLE"], create, need=creating("ROLE")),
    Rule(["CREATE WAREHOUSE"], create, need=creating("WAREHOUSE")),
    Rule(["USE ROLE"], use_role),
    Rule(["USE WAREHOUSE"], use_warehouse),
    Rule(["SHOW WAREHOUSES"], show_warehouses),
    Rule(["DESC ARTIFACT REPOSITORY"], describe_artifact_repository),
]
