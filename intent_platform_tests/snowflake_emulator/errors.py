"""Errors as Snowflake numbers them."""

from snowflake.connector.errors import ProgrammingError


def error(message: str, errno: int, sqlstate: str) -> ProgrammingError:
    """An error that the client receives."""
    return ProgrammingError(msg=message, errno=errno, sqlstate=sqlstate)


def not_found(what: str, name: str) -> ProgrammingError:
    """The object does not exist."""
    return error(f"SQL compilation error:\n{what} '{name}' does not exist or not authorized.", 2003, "02000")


def already_exists(name: str) -> ProgrammingError:
    """An object of that name exists already."""
    return error(f"SQL compilation error:\nObject '{name}' already exists.", 2002, "42710")


def syntax_error(message: str) -> ProgrammingError:
    """The statement is malformed, or the emulator cannot read it."""
    return error(f"SQL compilation error:\n{message}", 1003, "42000")


def absent_or_forbidden() -> ProgrammingError:
    """USE and some others do not say what is missing."""
    return error("SQL compilation error:\nObject does not exist, or operation cannot be performed.", 2043, "02000")


def invalid_property(name: str, kind: str) -> ProgrammingError:
    """The kind of object has no such property."""
    return error(f"SQL compilation error:\ninvalid property '{name}' for '{kind}'", 1420, "22023")


def invalid_value(value: str, name: str) -> ProgrammingError:
    """The property of an object cannot have that value."""
    return error(f"SQL compilation error:\ninvalid value '{value}' for property '{name}'", 1422, "22023")


def no_warehouse() -> ProgrammingError:
    """The statement needs a warehouse, and the session has none that works."""
    return error(
        "No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse' "
        "command.",
        606,
        "57P03",
    )


def no_current(what: str, verb: str) -> ProgrammingError:
    """The session has no database or no schema, and the statement gives a name without one."""
    return error(
        f"Cannot perform {verb}. This session does not have a current {what}. Call 'USE {what.upper()}', or use a "
        "qualified name.",
        {"database": 90105, "schema": 90106}[what],
        "22000",
    )


def unknown_statement(sql: str) -> ProgrammingError:
    """The emulator has no rule for this statement. It never pretends success."""
    return error(f"the emulator does not know this statement: {' '.join(sql.split())[:200]}", 9999, "0A000")


def insufficient(privilege: str, kind: str, name: str, role: str) -> ProgrammingError:
    """The role sees the object, but lacks a privilege. Snowflake names the privilege if it is ownership."""
    message = f"Insufficient privileges to operate on {kind.lower()} '{name.rpartition('.')[2]}'."
    if privilege == "OWNERSHIP":
        message += f" Your primary role {role} must have OWNERSHIP granted on {kind} {name}."
    return error(f"SQL access control error:\n{message}", 3001, "42501")
