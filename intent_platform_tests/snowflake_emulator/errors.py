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


def unknown_statement(sql: str) -> ProgrammingError:
    """The emulator has no rule for this statement. It never pretends success."""
    return error(f"the emulator does not know this statement: {' '.join(sql.split())[:200]}", 9999, "0A000")
