"""Prepares a Snowflake account for the platform: the work of `make setup` on Snowflake.

An administrator's role creates the database and the roles. The role that runs the platform owns tables and stage.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from intent_platform.errors import SettingsError
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.sql import statement_beside
from intent_platform.tables import SCORES, TABLES

STAGE = "SPROC"
_THIS_USER = '"<the result of SELECT CURRENT_USER()>"'
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


def administrators_statements(connector: SnowflakeConnector, user: str = _THIS_USER) -> Iterator[str]:
    """The statements that create database, schema, warehouse and roles with their grants.

    `user` is the user in quotes who gets the role that runs the platform.

    Raises:
        SettingsError: Snowflake does not accept a name without quotes.
    """
    kinds = {"database", "schema", "warehouse"}
    names = {kind: _plain_name(kind, connector.parameters.get(kind, "")) for kind in kinds}
    script = statement_beside(__file__, "setup.sql").format(**names, user=user)
    lines = (line for line in script.splitlines() if not line.startswith("--"))
    yield from (statement.strip() for statement in "\n".join(lines).split(";") if statement.strip())


def owners_statements(connector: SnowflakeConnector) -> Iterator[str]:
    """The statements that create the tables and the stage for code, and that let the reader role read the scores."""
    database = _plain_name("database", connector.parameters["database"])
    yield from (table.ddl for table in TABLES)
    yield f"CREATE STAGE IF NOT EXISTS {STAGE} COMMENT = 'Code of the stored procedures'"
    yield f"GRANT SELECT ON TABLE {SCORES.name} TO ROLE {database}_READER"


def run(
    connector: SnowflakeConnector, statements: Sequence[str], show: Callable[[str], None], *, schema: bool, dry: bool
) -> None:
    """Show the statements, then run them in order unless `dry`. For `schema`, see `SnowflakeConnector.open`."""
    for statement in statements:
        show(f"{statement.strip()};")
    if not dry:
        with connector.open(schema=schema) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


def prepare(connector: SnowflakeConnector, admin_role: str | None, show: Callable[[str], None], *, dry: bool) -> None:
    """Create the objects that are missing. Each statement is shown first.

    Args:
        connector: connects to the account.
        admin_role: the role that creates database, roles and grants. Without it they must exist.
        show: shows one statement.
        dry: whether to show the statements without running them.

    Raises:
        SettingsError: the parameters are incomplete, or Snowflake does not accept a name without quotes.
        WarehouseError: Snowflake refuses a statement. The message says what to do.
    """
    if admin_role is not None:
        # The name in the connection is the login's, and GRANT wants the user's. An access token needs neither.
        user = _THIS_USER if dry else _current_user(connector)
        admin = [f"USE ROLE {_plain_name('admin_role', admin_role)}", *administrators_statements(connector, user)]
        run(connector, admin, show, schema=False, dry=dry)
    place = f"{connector.parameters['database']}.{connector.parameters['schema']}"
    owner = [
        f"USE ROLE {_plain_name('role', connector.parameters['role'])}",
        f"USE SCHEMA {place}",
        *owners_statements(connector),
    ]
    run(connector, owner, show, schema=False, dry=dry)


def _current_user(connector: SnowflakeConnector) -> str:
    with connector.open(schema=False) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT CURRENT_USER()")
        [[name]] = cursor.fetchall()
    return '"' + str(name).replace('"', '""') + '"'


def _plain_name(what: str, name: object) -> str:
    text = str(name)
    if not _NAME.fullmatch(text):
        raise SettingsError(
            f"snowflake.{what} is {text!r}: use a name that needs no quotes in Snowflake (letters, digits, _ and $)"
        )
    return text.upper()
