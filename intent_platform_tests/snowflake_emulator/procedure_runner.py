"""The process that a procedure runs in: its code with a Snowpark session, and nothing of the caller's.

Reads one JSON object from standard input and prints the answer as JSON on its last line.
"""

import json
import sys
from datetime import date, datetime

from snowflake.snowpark import Session

_TYPES = {"date": date.fromisoformat, "datetime": datetime.fromisoformat}

asked = json.load(sys.stdin)
session = Session.builder.configs(asked["connection"]).create()
code: dict[str, object] = {"__name__": "procedure"}
exec(compile(asked["body"], "procedure", "exec"), code)
arguments = [_TYPES.get(kind, lambda value: value)(value) for kind, value in asked["arguments"]]
answer = code[asked["handler"]](session, *arguments)  # type: ignore[operator]
session.close()
print(json.dumps(None if answer is None else str(answer)))
