"""Python procedures: declared with their imports, run in a process of their own as clients of this server."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from packaging.requirements import Requirement

from intent_platform_tests.snowflake_emulator import events
from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Rule
from intent_platform_tests.snowflake_emulator.errors import error, invalid_property, invalid_value, syntax_error
from intent_platform_tests.snowflake_emulator.facts import wait
from intent_platform_tests.snowflake_emulator.needs import creating, require_relations
from intent_platform_tests.snowflake_emulator.packages import missing_packages, refuse_missing
from intent_platform_tests.snowflake_emulator.queries import rewritten
from intent_platform_tests.snowflake_emulator.reader import Reader, list_items
from intent_platform_tests.snowflake_emulator.results import rows, succeeded
from intent_platform_tests.snowflake_emulator.storage import files_at, resolved

_RUNNER = Path(__file__).with_name("procedure_runner.py")
_SECONDS = 300
_RUNTIMES = ("3.10", "3.11", "3.12", "3.13", "3.14")
_SNOWPARK = "snowflake-snowpark-python"
#: The options of a procedure, in the order of the documentation.
_OPTIONS = ("RUNTIME_VERSION", "ARTIFACT_REPOSITORY", "PACKAGES", "IMPORTS", "HANDLER", "COMMENT")


def create(call: Call) -> Answer:
    """Store parameters, code and imports, if the account has the packages."""
    reader = call.reader
    reader.take("IF", "NOT", "EXISTS")
    key = call.key()
    parameters = [_parameter(text) for text in list_items(reader.group())]
    reader.expect("RETURNS")
    returns = reader.literal()
    if reader.word() == "(":
        returns += f"({reader.group()})"
    if reader.take("NOT"):
        reader.expect("NULL")
    reader.expect("LANGUAGE", "PYTHON")
    options = reader.options()
    if reader.take("EXECUTE", "AS"):
        reader.expect("CALLER")
    reader.expect("AS")
    body = reader.literal()
    reader.end()
    call.use_warehouse()
    _check_options(call, options)
    imports = [item.strip("'") for item in list_items(options.get("IMPORTS", ""))]
    for reference in imports:
        folder, path, _ = resolved(call, reference)
        if not files_at(folder, path):
            raise error(f"Remote file '{reference}' was not found.", 2003, "02000")
    with call.emulator.state.changing("procedures") as procedures:
        procedures[key] = {
            "parameters": parameters,
            "returns": returns,
            "handler": options["HANDLER"],
            "imports": imports,
            "body": body,
        }
    return succeeded(f"Function {key.rpartition('.')[2]} successfully created.")


def _check_options(call: Call, options: Mapping[str, str]) -> None:
    """Check the options, and that the account has the packages.

    Raises:
        ProgrammingError: an option is unknown, missing, in the wrong place or has a wrong value, or the account lacks a
            package.
    """
    for unknown in options.keys() - {*_OPTIONS}:
        raise invalid_property(unknown, "PROCEDURE")
    if [*options] != [name for name in _OPTIONS if name in options]:
        raise syntax_error(f"the clauses of a procedure have the order {', '.join(_OPTIONS)}")
    for needed in {"RUNTIME_VERSION", "HANDLER", "PACKAGES"} - options.keys():
        raise syntax_error(f"missing option: {needed}")
    if options["RUNTIME_VERSION"] not in _RUNTIMES:
        raise invalid_value(options["RUNTIME_VERSION"], "RUNTIME_VERSION")
    packages = [item.strip("'") for item in list_items(options["PACKAGES"])]
    refuse_missing(call, packages, options.get("ARTIFACT_REPOSITORY"))
    if not any(Requirement(package).name == _SNOWPARK for package in packages):
        raise missing_packages([_SNOWPARK])


def _parameter(text: str) -> dict[str, Any]:
    reader = Reader(text)
    name = reader.name()
    kind, _, default = reader.rest.partition(" DEFAULT ")
    return {"name": name, "type": kind.strip(), "default": default.strip() or None}


def describe(call: Call) -> Answer:
    """Snowpark reads this before it calls the procedure."""
    found = _found(call, call.key())
    if call.reader.word() == "(":  # the parameter types, which are ignored: procedures are not overloaded
        call.reader.group()
    shown = [("returns", found["returns"]), ("language", "PYTHON"), ("handler", found["handler"])]
    return rows(["property", "value"], shown)


def run(call: Call) -> Answer:
    """Run a procedure with the session's role, database and schema."""
    if call.reader.take("SYSTEM$WAIT"):
        return wait(call)
    call.use_warehouse()
    key = call.key()
    found = _found(call, key)
    given = list_items(call.reader.group())
    call.reader.end()
    values = _values(call, found["parameters"], given)
    answer = _run_in_process(call, key, found, values)
    return rows([key.rpartition(".")[2]], [(answer,)])


def _values(call: Call, parameters: Sequence[dict[str, Any]], given: Sequence[str]) -> list[Any]:
    """The values of the arguments, evaluated as SQL. Defaults fill those that are missing."""
    if len(given) > len(parameters) or any(p["default"] is None for p in parameters[len(given) :]):
        raise error("SQL compilation error:\nthe number of arguments is wrong", 1044, "42P13")
    expressions = [*given, *(parameter["default"] for parameter in parameters[len(given) :])]
    if not expressions:
        return []
    casts = ", ".join(f"CAST({e} AS {p['type']})" for e, p in zip(expressions, parameters, strict=True))
    params = list(call.params) if call.params else None
    cursor = call.connection.cursor()
    query = f"SELECT {rewritten(call, casts)}"
    require_relations(call, query)
    return list(cursor.execute(query, binding_params=params).fetchone())


def _run_in_process(call: Call, key: str, procedure: dict[str, Any], values: Sequence[Any]) -> str | None:
    """The answer of the code. Its session copies the caller's, but gets results as JSON."""
    session = call.session
    connection = {
        **call.emulator.connection_parameters,
        "database": call.connection.database,
        "schema": call.connection.schema,
        "role": session.role,
        "warehouse": session.warehouse,
        "session_parameters": {**session.parameters, "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "JSON"},
    }
    with TemporaryDirectory() as folder:
        for reference in procedure["imports"]:
            place, path, _ = resolved(call, reference)
            for file in files_at(place, path):
                shutil.copy(file, folder)
        asked = {
            "body": procedure["body"],
            "handler": procedure["handler"],
            "connection": connection,
            "arguments": [_as_json(value) for value in values],
        }
        process = subprocess.run(
            [sys.executable, "-X", f"snowflake_import_directory={folder}/", str(_RUNNER)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": folder, "TMPDIR": folder},  # no variable of the caller
            check=False,
        )
    if process.stdout:
        report = json.loads(process.stdout.splitlines()[-1])
        events.record(call, key, report["events"])
    if process.returncode != 0:
        last = process.stderr.strip().splitlines()[-1:] or ["no output"]
        raise error(
            f"Python Interpreter Error:\n{last[0]}\nin function with handler {procedure['handler']}", 100357, "P0000"
        )
    answer: str | None = report["answer"]
    return answer


def _as_json(value: Any) -> list[Any]:
    """A value and the name of its type, because JSON has no dates."""
    return [type(value).__name__, value.isoformat() if hasattr(value, "isoformat") else value]


def _found(call: Call, key: str) -> dict[str, Any]:
    kept = call.emulator.state.of("procedures")
    if key not in kept or not call.access.sees("PROCEDURE", key):
        raise error(f"SQL compilation error:\nUnknown function {key}", 2141, "42601")
    found: dict[str, Any] = kept[key]
    return found


RULES = [
    Rule(["CREATE PROCEDURE"], create, need=creating("PROCEDURE")),
    Rule(["DESCRIBE PROCEDURE"], describe),
    Rule(["CALL"], run),
]
