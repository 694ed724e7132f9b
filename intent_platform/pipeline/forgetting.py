"""Forgetting a visitor: deletes the rows of sessions that name the visitor, and counts what still does."""

import re
from collections.abc import Mapping

from intent_platform.errors import UnknownVisitor
from intent_platform.platforms.ports import Platform
from intent_platform.tables import TABLES, UUID_PATTERN, Table


def validated_uid(text: str) -> str:
    """The identifier of a visitor in the spelling of the tables.

    Raises:
        UnknownVisitor: the text is not a UUID.
    """
    if not re.fullmatch(UUID_PATTERN, text.strip()):
        raise UnknownVisitor(f"{text!r} is not the UID of a visitor: give a UUID, as the table SOURCE has it")
    return text.strip().lower()


def forget_rows(platform: Platform, uid: str) -> Mapping[str, int]:
    """Delete the visitor's rows from every table of sessions in one transaction. Return their number by table.

    The rejected rows are deleted as well. They keep a session as it was received, in a text.
    """
    with platform.warehouse.connect(writing=True) as connection, connection.transaction():
        return {
            table.name: connection.execute(f"DELETE FROM {table.name} WHERE {_names_visitor(table)}", uid=uid)
            for table in TABLES
            if "SESSION_DATE" in table.column_names
        }


def rows_naming(platform: Platform, uid: str) -> Mapping[str, int]:
    """The number of rows that name the visitor, by table, for all tables that have such rows."""
    with platform.warehouse.connect() as connection:
        found = {
            table.name: connection.value(
                f"SELECT COUNT(*) AS COUNTED FROM {table.name} WHERE {_names_visitor(table)}", uid=uid
            )
            for table in TABLES
        }
    return {name: rows for name, rows in found.items() if rows}


def _names_visitor(table: Table) -> str:
    """The condition that a text of a row contains `:uid`."""
    texts = [column.name for column in table.columns if column.type == "VARCHAR"]
    return " OR ".join(f"CONTAINS(LOWER({name}), :uid)" for name in texts)
