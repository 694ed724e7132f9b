"""From an empty account to a schema that the platform can run in: what `make setup` does on Snowflake.

Creating database and roles needs an administrator's role; the tables and the stage belong to the role that runs.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from intent_platform.errors import SettingsError
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.sql import statement_beside
from intent_platform.tables import SCORES, TABLES

STAGE = "SPROC"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


def administrators_statements(connector: SnowflakeConnector) -> Iterator[str]:
    """Database, schema, warehouse and roles.

    Raises:
        SettingsError: a name is none that Snowflake takes without quotes.
    """
    names = {"database", "schema", "warehouse", "user"}
    found = {name: _plain_name(name, connector.parameters.get(name, "")) for name in names}
    script = statement_beside(__file__, "setup.sql").format(**found)
    lines = (line for line in script.splitlines() if not line.startswith("--"))
    yield from (statement.strip() for statement in "\n".join(lines).split(";") if statement.strip())


def owners_statements(connector: SnowflakeConnector) -> Iterator[str]:
    """The tables, the stage for code, and who may read the scores; run by the role that runs the platform."""
    database = _plain_name("database", connector.parameters["database"])
    yield from (table.ddl for table in TABLES)
    yield f"CREATE STAGE IF NOT EXISTS {STAGE} COMMENT = 'Code of the stored procedures'"
    yield f"GRANT SELECT ON TABLE {SCORES.name} TO ROLE {database}_READER"


def run(
    connector: SnowflakeConnector, statements: Sequence[str], show: Callable[[str], None], *, schema: bool, dry: bool
) -> None:
    """Show the statements, then (unless `dry`) run them one after another; see `SnowflakeConnector.open`."""
    for statement in statements:
        show(f"{statement.strip()};")
    if not dry:
        with connector.open(schema=schema) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


def prepare(connector: SnowflakeConnector, admin_role: str | None, show: Callable[[str], None], *, dry: bool) -> None:
    """Make what is missing, showing each statement first; with `dry`, show only.

    With `admin_role`, that role makes database, roles and grants before. Without it they must be there.

    Raises:
        SettingsError: the parameters are incomplete, or a name is unfit.
        WarehouseError: Snowflake refuses; the text says what to do.
    """
    if admin_role is not None:
        admin = [f"USE ROLE {_plain_name('admin_role', admin_role)}", *administrators_statements(connector)]
        run(connector, admin, show, schema=False, dry=dry)
    place = f"{connector.parameters['database']}.{connector.parameters['schema']}"
    owner = [
        f"USE ROLE {_plain_name('role', connector.parameters['role'])}",
        f"USE SCHEMA {place}",
        *owners_statements(connector),
    ]
    run(connector, owner, show, schema=False, dry=dry)


def _plain_name(what: str, name: object) -> str:
    text = str(name)
    if not _NAME.fullmatch(text):
        raise SettingsError(f"snowflake.{what} {text!r} must be a name that Snowflake takes without quotes")
    return text.upper()
