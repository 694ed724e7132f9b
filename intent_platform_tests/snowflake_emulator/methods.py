"""Methods of models inside queries, run from the uploaded files on whole columns.

snowflake-ml generates a Python file for each method. This module imitates what Snowflake provides to it: the module
`_snowflake` and the folder of imports. Table functions, such as EXPLAIN, are refused.
"""

import json
import sys
import types
from collections.abc import Callable
from hashlib import sha256
from inspect import Parameter, Signature
from pathlib import Path
from threading import Lock
from typing import Any

import fakesnow.server as fakesnow_server
import pandas as pd
import pyarrow as pa
import yaml

from intent_platform_tests.snowflake_emulator.emulator import Call
from intent_platform_tests.snowflake_emulator.errors import error
from intent_platform_tests.snowflake_emulator.models import manifest_of
from intent_platform_tests.snowflake_emulator.reader import Reader, list_items
from intent_platform_tests.snowflake_emulator.storage import version_folder

_DUCK_TYPES = {"DOUBLE": "DOUBLE", "FLOAT": "DOUBLE", "STRING": "VARCHAR", "BOOL": "BOOLEAN", "BYTES": "BLOB"}
_IMPORTS = "snowflake_import_directory"
_importing = Lock()
_creating = Lock()


def method_expression(call: Call, model: str, method: str, arguments: str) -> str:
    """The SQL that replaces `MODEL(model)!method(arguments)`: an OBJECT, parsed from JSON text."""
    named = Reader(model)
    key = call.key(named.parts())
    named.expect(",")
    call.access.require("USAGE", "MODEL", key)
    folder = version_folder(call, key, named.name())
    found = next((each for each in manifest_of(folder)["methods"] if each["name"] == method.upper()), None)
    if found is None or found["type"] == "TABLE_FUNCTION":
        raise error(f"SQL compilation error:\nUnknown function {method.upper()}", 2141, "42601")
    spec = yaml.safe_load((folder / "model" / "model.yaml").read_text())
    inputs = next(each["inputs"] for name, each in spec["signatures"].items() if name.upper() == found["name"])
    kinds = [_DUCK_TYPES.get(each["type"], "BIGINT") for each in inputs]
    given = list_items(arguments)
    if len(given) != len(kinds):
        raise error(f"SQL compilation error:\n{found['name']} takes {len(kinds)} arguments", 1003, "42000")
    name = "EMULATED_" + sha256(f"{folder}{found['name']}".encode()).hexdigest()[:16].upper()
    with _creating:  # two sessions may be the first to ask for the method
        _create_function(name, folder, found, kinds)
    cast = ", ".join(f"CAST({value} AS {kind})" for value, kind in zip(given, kinds, strict=True))
    return f"PARSE_JSON({name}({cast}))"


def _create_function(name: str, folder: Path, method: dict[str, Any], kinds: list[str]) -> None:
    """Create a function in DuckDB for the method, once for each process.

    All sessions call it, so it belongs to the connection that outlives them: DuckDB crashes in the code of a function
    whose connection is gone.
    """
    from duckdb.func import FunctionNullHandling, PythonUDFType

    duck: Any = fakesnow_server.shared_fs.duck_conn
    if duck.execute("SELECT 1 FROM duckdb_functions() WHERE upper(function_name) = ?", [name]).fetchone():
        return
    run = _runner(folder, method)
    # DuckDB counts the parameters that the function declares.
    run.__signature__ = Signature(  # type: ignore[attr-defined]
        [Parameter(f"A{place}", Parameter.POSITIONAL_ONLY) for place in range(len(kinds))]
    )
    duck.create_function(
        name, run, kinds, "VARCHAR", type=PythonUDFType.ARROW, null_handling=FunctionNullHandling.SPECIAL
    )


def _runner(folder: Path, method: dict[str, Any]) -> Callable[..., pa.Array]:
    path, _, function = method["handler"].rpartition(".")
    loaded = _load_module(folder, folder / f"{path.replace('.', '/')}.py")

    def run(*columns: pa.ChunkedArray) -> pa.Array:
        frame = pd.DataFrame({place: column.to_pandas() for place, column in enumerate(columns)})
        answers = getattr(loaded, function)(frame)
        return pa.array([json.dumps(answer, default=lambda number: number.item()) for answer in answers], pa.string())

    return run


def _load_module(folder: Path, file: Path) -> types.ModuleType:
    """Import the generated file, with the environment that Snowflake would provide."""
    given = types.ModuleType("_snowflake")
    given.vectorized = lambda **_: lambda function: function  # type: ignore[attr-defined]
    given.udf_init_once = lambda function: function  # type: ignore[attr-defined]
    module = types.ModuleType(f"emulated_{sha256(str(file).encode()).hexdigest()[:12]}")
    with _importing:
        before = sys._xoptions.get(_IMPORTS)
        sys._xoptions[_IMPORTS] = f"{folder}/"
        sys.modules["_snowflake"] = given
        try:
            exec(compile(file.read_text(), str(file), "exec"), module.__dict__)
        finally:
            del sys.modules["_snowflake"]
            sys._xoptions.pop(_IMPORTS)
            if before is not None:
                sys._xoptions[_IMPORTS] = before
    return module
