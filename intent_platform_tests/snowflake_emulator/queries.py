"""Functions of the account inside queries: user, role, time, earlier results, models."""

from collections.abc import Callable
from datetime import UTC
from zoneinfo import ZoneInfo

import pyarrow as pa

from intent_platform_tests.snowflake_emulator import facts
from intent_platform_tests.snowflake_emulator.emulator import Call
from intent_platform_tests.snowflake_emulator.errors import syntax_error, unknown_statement
from intent_platform_tests.snowflake_emulator.loading import inferred_schema
from intent_platform_tests.snowflake_emulator.methods import method_expression
from intent_platform_tests.snowflake_emulator.packages import available
from intent_platform_tests.snowflake_emulator.reader import closing, replaced, tokens_of
from intent_platform_tests.snowflake_emulator.results import literal, rows
from intent_platform_tests.snowflake_emulator.task_runs import history as task_history

_SYSTEM: dict[str, str] = {
    "SYSTEM$CANCEL_ALL_QUERIES": "'done'",
    "SYSTEM$ML_PLATFORM_CAPABILITIES": "'{}'",
}


def rewritten(call: Call, sql: str) -> str:
    """`sql` with each function of the account replaced by its value.

    Raises:
        ProgrammingError: a function of SYSTEM$ is unknown, or a model does not exist.
    """
    while (piece := _first_replacement(call, sql)) is not None:
        sql = replaced(sql, [piece])
    return sql


def _first_replacement(call: Call, sql: str) -> tuple[int, int, str] | None:
    tokens = tokens_of(sql)
    for place, token in enumerate(tokens):
        word = token.text.upper()
        if place + 1 < len(tokens) and tokens[place + 1].text == "(":
            last = closing(tokens, place + 1)
            inside = sql[tokens[place + 1].end + 1 : tokens[last].start]
            if word == "MODEL" and last + 1 < len(tokens) and tokens[last + 1].text == "!":
                method = tokens[last + 2].text
                end = closing(tokens, last + 3)
                arguments = sql[tokens[last + 3].end + 1 : tokens[end].start]
                return token.start, tokens[end].end, method_expression(call, inside, method, arguments)
            if word in _FUNCTIONS:
                return token.start, tokens[last].end, _FUNCTIONS[word](call, inside)
            if word.startswith("SYSTEM$"):
                if word not in _SYSTEM:
                    raise unknown_statement(sql)
                return token.start, tokens[last].end, _SYSTEM[word]
        if word == "PACKAGES" and place >= 2 and tokens[place - 2].text.upper() == "INFORMATION_SCHEMA":
            first = place - 4 if place >= 4 and tokens[place - 3].text == "." else place - 2
            return tokens[first].start, token.end, f"({_packages(call)}) AS CHANNEL"
    return None


def _table_function(call: Call, inside: str) -> str:
    """TABLE(...): an earlier result, the schema of staged files, or the query history."""
    tokens = tokens_of(inside)
    name = "".join(token.text for token in tokens[: next(n for n, t in enumerate(tokens) if t.text == "(")]).upper()
    arguments = inside[inside.index("(") + 1 : inside.rindex(")")]
    name = name.rpartition(".")[2]
    if name == "RESULT_SCAN":
        return _registered(call, call.connection.results_cache[arguments.strip().strip("'")][0], "RESULT")
    if name == "INFER_SCHEMA":
        return f"({inferred_schema(call, arguments).text})"
    if name in {"QUERY_HISTORY", "QUERY_HISTORY_BY_USER", "QUERY_HISTORY_BY_SESSION"}:
        return _registered(call, _history(call), "HISTORY")
    if name == "TASK_HISTORY":
        return _registered(call, task_history(call.emulator), "HISTORY")
    return f"/**/TABLE ({inside})" if name == "FLATTEN" else _unknown_function(name)


def _unknown_function(name: str) -> str:
    raise unknown_statement(f"TABLE({name}(…))")


def _registered(call: Call, table: pa.Table, prefix: str) -> str:
    name = f"EMULATED_{prefix}_{len(call.emulator.statements)}"
    call.connection._duck_conn.register(name, table)
    return name


def _history(call: Call) -> pa.Table:
    sent = call.emulator.statements
    return pa.table(
        {
            "QUERY_ID": [str(statement.number) for statement in sent],
            "QUERY_TEXT": [statement.sql for statement in sent],
            "QUERY_TAG": [statement.tag for statement in sent],
            "ROLE_NAME": [statement.role for statement in sent],
            "WAREHOUSE_NAME": [statement.warehouse for statement in sent],
            "START_TIME": [statement.at.astimezone(UTC) for statement in sent],
            "TOTAL_ELAPSED_TIME": [0 for _ in sent],
        }
    )


def _packages(call: Call) -> str:
    """The packages of the account: those of this Python, or those that an account once listed."""
    columns = ["PACKAGE_NAME", "VERSION", "LANGUAGE", "RUNTIME_VERSION"]
    listed = call.emulator.answers.get("packages.in_channel", None)
    known = [(name, version) for name, version in sorted(available()) if listed is None or name in listed]
    return rows(columns, [(name, version, "python", None) for name, version in known]).text


def _current_time(call: Call, inside: str) -> str:
    """The time now, or the time that a task runs at."""
    if call.session.ticked_at is None:
        return "NOW()"
    return f"CAST('{call.session.ticked_at.astimezone(UTC).isoformat()}' AS TIMESTAMP_TZ)"


def _task_runtime_info(call: Call, inside: str) -> str:
    """The time that the graph of this task was scheduled for, in the time zone of the session."""
    if call.session.scheduled_at is None:
        raise syntax_error("SYSTEM$TASK_RUNTIME_INFO is called outside of a task run")
    if inside.strip() != "'CURRENT_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP'":
        raise unknown_statement(f"SYSTEM$TASK_RUNTIME_INFO({inside})")
    zone = ZoneInfo(call.session.parameters.get("TIMEZONE", "America/Los_Angeles"))
    return literal(call.session.scheduled_at.astimezone(zone).isoformat(sep=" ", timespec="milliseconds"))


_FUNCTIONS: dict[str, Callable[[Call, str], str]] = {
    "TABLE": _table_function,
    "CURRENT_USER": lambda call, _: literal(call.session.user),
    "CURRENT_ROLE": lambda call, _: literal(call.session.role),
    "CURRENT_WAREHOUSE": lambda call, _: literal(call.session.warehouse),
    "CURRENT_VERSION": facts.version,
    "CURRENT_REGION": facts.region,
    "CURRENT_DATE": facts.current_date,
    "CURRENT_TIMESTAMP": _current_time,
    "SYSDATE": _current_time,
    "SYSTEM$TASK_RUNTIME_INFO": _task_runtime_info,
}
