"""The process of a procedure: its code with a Snowpark session of its own.

It reads one JSON object from standard input. It prints answer and log as JSON on the last line.
"""

import json
import logging
import sys
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from snowflake.connector.cursor import SnowflakeCursor
from snowflake.connector.errors import ProgrammingError
from snowflake.snowpark import FileOperation, Session

_TYPES = {"date": date.fromisoformat, "datetime": datetime.fromisoformat}


class Collected(logging.Handler):
    """Collects the log records of the code."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, str]] = []

    def emit(self, entry: logging.LogRecord) -> None:
        self.events.append({"level": entry.levelname, "logger": entry.name, "message": self.format(entry)})


class FileTransfers:
    """Refuses PUT and GET as statements, as a procedure does. There, Snowpark transfers files without them."""

    def __init__(self) -> None:
        self._by_snowpark = False
        execute = SnowflakeCursor.execute

        def checked(cursor: SnowflakeCursor, command: str, *arguments: Any, **options: Any) -> Any:
            if command.split(maxsplit=1)[:1] in (["PUT"], ["GET"]) and not self._by_snowpark:
                message = f"Stored procedure execution error: Unsupported statement type '{command[:3]}_FILES'."
                raise ProgrammingError(msg=message, errno=90236, sqlstate="42601")
            return execute(cursor, command, *arguments, **options)

        SnowflakeCursor.execute = checked  # type: ignore[method-assign, assignment]
        for name in ("put", "put_stream", "get", "get_stream"):
            setattr(FileOperation, name, self._allowed(getattr(FileOperation, name)))

    def _allowed(self, transfer: Callable[..., Any]) -> Callable[..., Any]:
        def transferring(*arguments: Any, **options: Any) -> Any:
            self._by_snowpark = True
            try:
                return transfer(*arguments, **options)
            finally:
                self._by_snowpark = False

        return transferring


asked = json.load(sys.stdin)
FileTransfers()
session = Session.builder.configs(asked["connection"]).create()
collected = Collected()
logging.getLogger().addHandler(collected)
for chatty in ("snowflake", "optuna"):
    logging.getLogger(chatty).setLevel(logging.WARNING)
logging.getLogger().setLevel(logging.INFO)
code: dict[str, object] = {"__name__": "procedure"}
answer = None
try:
    exec(compile(asked["body"], "procedure", "exec"), code)
    arguments = [_TYPES.get(kind, lambda value: value)(value) for kind, value in asked["arguments"]]
    answer = code[asked["handler"]](session, *arguments)  # type: ignore[operator]
finally:
    session.close()
    print(json.dumps({"answer": None if answer is None else str(answer), "events": collected.events}))
