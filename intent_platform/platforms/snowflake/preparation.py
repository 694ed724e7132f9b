"""Prepares a Snowflake account for the platform: the work of `make setup` on Snowflake.

An administrator's role creates the database and the roles. The role that runs the platform owns tables and stage.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from intent_platform.errors import SettingsError, UnknownObject
from intent_platform.partitions import TIMEZONE_NAME
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.failures import on_one_line
from intent_platform.platforms.snowflake.query_tag import APP
from intent_platform.platforms.sql import statement_beside
from intent_platform.tables import SCORES, TABLES

STAGE = "SPROC"
ASSET_COSTS = "ASSET_COSTS"
#: Statements about Snowflake's own database, which an account may withhold. The platform runs without them.
_OPTIONAL = ("GRANT DATABASE ROLE SNOWFLAKE.", f"CREATE OR REPLACE VIEW {ASSET_COSTS} ")
#: The numbers of such a refusal: the object does not exist or may not be seen, or a privilege is missing.
_WITHHELD = frozenset({2003, 2043, 3001})
_THIS_USER = '"<the result of SELECT CURRENT_USER()>"'
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


def administrators_statements(connector: SnowflakeConnector, user: str = _THIS_USER) -> Iterator[str]:
    """The statements that create database, schema, warehouse and roles with their grants.

    `user` is the user in quotes who gets the role that runs the platform.

    Raises:
        SettingsError: Snowflake does not accept a name without quotes.
    """
    kinds = {"database", "schema", "warehouse"}
    names = {kind: plain_name(kind, connector.parameters.get(kind, "")) for kind in kinds}
    script = _without_comments("setup.sql").format(**names, user=user)
    yield from (statement.strip() for statement in script.split(";") if statement.strip())


def owners_statements(connector: SnowflakeConnector) -> Iterator[str]:
    """The statements that create the tables, the stage for code and the view of costs, and that open the scores."""
    database = plain_name("database", connector.parameters["database"])
    yield from (table.ddl for table in TABLES)
    yield f"CREATE STAGE IF NOT EXISTS {STAGE} COMMENT = 'Code of the stored procedures'"
    yield f"GRANT SELECT ON TABLE {SCORES.name} TO ROLE {database}_READER"
    yield _without_comments("asset_costs.sql").format(name=ASSET_COSTS, timezone=TIMEZONE_NAME, app=APP)


def run(
    connector: SnowflakeConnector, statements: Sequence[str], show: Callable[[str], None], *, schema: bool, dry: bool
) -> None:
    """Show the statements, then run them in order unless `dry`. For `schema`, see `SnowflakeConnector.open`.

    A refusal of a statement in `_OPTIONAL` is shown, and the others still run.
    """
    from snowflake.connector.errors import ProgrammingError

    for statement in statements:
        show(f"{statement.strip()};")
    if not dry:
        with connector.open(schema=schema) as connection, connection.cursor() as cursor:
            for statement in statements:
                try:
                    cursor.execute(statement)
                except ProgrammingError as refusal:
                    if refusal.errno not in _WITHHELD or not statement.startswith(_OPTIONAL):
                        raise
                    show(f"-- This account withholds it, and the platform works without it: {on_one_line(refusal)}")


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
        admin = [f"USE ROLE {plain_name('admin_role', admin_role)}", *administrators_statements(connector, user)]
        run(connector, admin, show, schema=False, dry=dry)
    place = f"{connector.parameters['database']}.{connector.parameters['schema']}"
    owner = [
        f"USE ROLE {plain_name('role', connector.parameters['role'])}",
        f"USE SCHEMA {place}",
        *owners_statements(connector),
    ]
    run(connector, owner, show, schema=False, dry=dry)


def _without_comments(script: str) -> str:
    lines = statement_beside(__file__, script).splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))


def _current_user(connector: SnowflakeConnector) -> str:
    with connector.open(schema=False) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT CURRENT_USER()")
        [[name]] = cursor.fetchall()
    return '"' + str(name).replace('"', '""') + '"'


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Named = TypeVar("Named", bound=_Named)


def named(what: str, name: str, known: Iterable[Named]) -> Named:
    """The object of that name, in any case of letters.

    Raises:
        UnknownObject: there is none. `what` is its kind, for the message.
    """
    by_name = {one.name: one for one in known}
    if name.upper() not in by_name:
        raise UnknownObject(f"there is no {what} {name.upper()}: name one of {', '.join(by_name)}")
    return by_name[name.upper()]


def plain_name(what: str, name: object) -> str:
    """The name of an object in upper case. `what` is its setting, for the message.

    Raises:
        SettingsError: Snowflake does not accept the name without quotes.
    """
    text = str(name)
    if not _NAME.fullmatch(text):
        raise SettingsError(
            f"snowflake.{what} is {text!r}: use a name that needs no quotes in Snowflake (letters, digits, _ and $)"
        )
    return text.upper()
