"""The process of a procedure: its code with a Snowpark session of its own.

It reads one JSON object from standard input. It prints answer and log as JSON on the last line.
"""

import json
import logging
import sys
from datetime import date, datetime

from snowflake.snowpark import Session

_TYPES = {"date": date.fromisoformat, "datetime": datetime.fromisoformat}


class Collected(logging.Handler):
    """Collects the log records of the code."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, str]] = []

    def emit(self, entry: logging.LogRecord) -> None:
        self.events.append({"level": entry.levelname, "logger": entry.name, "message": self.format(entry)})


asked = json.load(sys.stdin)
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
