"""Model monitors of versions: the documented conditions, and the states that they lead to.

A monitor computes no metric here. Invalid rows of its source suspend it, which Snowflake does after five refreshes.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

import yaml

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Rule
from intent_platform_tests.snowflake_emulator.errors import already_exists, error, not_found, syntax_error
from intent_platform_tests.snowflake_emulator.models import manifest_of
from intent_platform_tests.snowflake_emulator.needs import creating, dropping, on_object, require_on_relation
from intent_platform_tests.snowflake_emulator.objects import existing
from intent_platform_tests.snowflake_emulator.reader import Reader, list_items
from intent_platform_tests.snowflake_emulator.results import rows, succeeded
from intent_platform_tests.snowflake_emulator.state import like
from intent_platform_tests.snowflake_emulator.storage import version_folder, version_of

_MOST_MONITORS, _MOST_FEATURES, _MOST_SEGMENTS = 250, 500, 5
_REQUIRED = ("MODEL", "VERSION", "FUNCTION", "SOURCE", "WAREHOUSE", "REFRESH_INTERVAL", "AGGREGATION_WINDOW")
_SCORE, _CLASS = "PREDICTION_SCORE_COLUMNS", "PREDICTION_CLASS_COLUMNS"
_ACTUAL_SCORE, _ACTUAL_CLASS = "ACTUAL_SCORE_COLUMNS", "ACTUAL_CLASS_COLUMNS"
_NUMERIC = (_SCORE, _CLASS, _ACTUAL_SCORE, _ACTUAL_CLASS)
_LISTS = (*_NUMERIC, "ID_COLUMNS", "SEGMENT_COLUMNS", "CUSTOM_METRIC_COLUMNS")
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_BINARY = "TABULAR_BINARY_CLASSIFICATION"
_SHOWN = (
    *("created_on", "name", "database_name", "schema_name", "warehouse_name", "refresh_interval"),
    *("aggregation_window", "model_task", "type", "monitor_state", "source", "baseline", "model", "comment"),
)


def create(call: Call) -> Answer:
    """Create the monitor of a version, if source, baseline and version are what the documentation demands."""
    reader = call.reader
    exists = reader.take("IF", "NOT", "EXISTS")
    if exists and call.replacing:
        raise syntax_error("OR REPLACE and IF NOT EXISTS exclude each other")
    key = call.key()
    reader.expect("WITH")
    options = reader.options()
    reader.end()
    with call.emulator.state.changing("monitors") as monitors:
        if key in monitors and exists:
            return succeeded(f"{key} already exists, statement succeeded.")
        if key in monitors and not call.replacing:
            raise already_exists(key)
        monitors.pop(key, None)
        if len(monitors) >= _MOST_MONITORS:
            raise error(f"The account has {_MOST_MONITORS} model monitors already.", 1304, "22000")
        monitors[key] = _checked(call, key, options, monitors)
    return succeeded(f"Model monitor {key.rpartition('.')[2]} successfully created.")


def alter(call: Call) -> Answer:
    """Suspend or resume a monitor. Resuming refreshes it."""
    exists, key = call.reader.take("IF", "EXISTS"), call.key()
    action = call.reader.take_any("SUSPEND", "RESUME")
    call.reader.end()
    if action is None:
        raise syntax_error("the emulator suspends or resumes a monitor")
    with call.emulator.state.changing("monitors") as monitors:
        if key in monitors or not exists:
            monitor = existing(monitors, "Model monitor", key)
            monitor["state"] = "SUSPENDED" if action == "SUSPEND" else _state_after_refresh(call, monitor)
    return succeeded()


def drop(call: Call) -> Answer:
    """Drop a monitor. Its source and baseline stay."""
    exists, key = call.reader.take("IF", "EXISTS"), call.key()
    call.reader.end()
    with call.emulator.state.changing("monitors") as monitors:
        if not exists:
            existing(monitors, "Model monitor", key)
        monitors.pop(key, None)
    return succeeded(f"{key} successfully dropped.")


def show(call: Call) -> Answer:
    """The monitors of the current or a named schema; without IN, those of the database."""
    reader = call.reader
    matches = like(reader.literal() if reader.take("LIKE") else None)
    place = [call.connection.database, call.connection.schema]
    if reader.take("IN"):
        reader.take("SCHEMA")
        if not reader.done:
            named = list(reader.parts())
            place = place[: 2 - len(named)] + named
    else:
        place = place[:1]
    reader.end()
    shown = []
    for key, monitor in sorted(call.emulator.state.of("monitors").items()):
        database, schema, name = key.split(".")
        if [database, schema][: len(place)] == place and matches(name) and call.access.sees("MODEL MONITOR", key):
            shown.append(
                (
                    *(None, name, database, schema, monitor["warehouse"], monitor["refresh"], monitor["window"]),
                    *(_BINARY, "MODEL_VERSION_MONITOR", monitor["state"]),
                    *(json.dumps(monitor[each]) for each in ("source", "baseline", "model")),
                    None,
                )
            )
    return rows(_SHOWN, shown)


def _checked(call: Call, key: str, options: dict[str, str], monitors: dict[str, Any]) -> dict[str, Any]:
    """The monitor of a statement whose options are all as documented."""
    missing = [name for name in (*_REQUIRED, "TIMESTAMP_COLUMN") if name not in options]
    unknown = options.keys() - {*_REQUIRED, *_LISTS, "TIMESTAMP_COLUMN", "BASELINE", "COMMENT"}
    if missing or unknown:
        raise syntax_error(f"missing properties {missing}, unknown properties {sorted(unknown)}")
    if _seconds(options["REFRESH_INTERVAL"]) < 60 or not re.fullmatch(r"\d+ days?", options["AGGREGATION_WINDOW"]):
        raise syntax_error("a refresh takes at least 60 seconds, and the window is a number of days")
    if not call.access.has("USAGE", "WAREHOUSE", options["WAREHOUSE"].upper()):
        raise not_found("Warehouse", options["WAREHOUSE"])
    monitor: dict[str, Any] = {
        "model": _version(call, key, options),
        "source": _relation(call, options["SOURCE"]),
        "baseline": _relation(call, options["BASELINE"]) if "BASELINE" in options else None,
        "warehouse": options["WAREHOUSE"].upper(),
        "refresh": options["REFRESH_INTERVAL"],
        "window": options["AGGREGATION_WINDOW"],
        "columns": {"TIMESTAMP_COLUMN": [options["TIMESTAMP_COLUMN"].strip("'").upper()]}
        | {name: [item.strip("'").upper() for item in list_items(options.get(name, ""))] for name in _LISTS},
    }
    if any(other["model"] == monitor["model"] for other in monitors.values()):
        raise error(f"Version {monitor['model']['version_name']} already has a model monitor.", 1304, "22000")
    _check_columns(call, monitor)
    return {**monitor, "state": _state_after_refresh(call, monitor)}


def _seconds(interval: str) -> int:
    found = re.fullmatch(r"(\d+) (second|minute|hour|day)s?", interval)
    return int(found[1]) * _SECONDS[found[2]] if found else 0


def _version(call: Call, key: str, options: dict[str, str]) -> dict[str, str]:
    """The version to monitor. It has the function, and its task is a binary classification."""
    model_key = call.key(Reader(options["MODEL"]).parts())
    if model_key.rpartition(".")[0] != key.rpartition(".")[0]:
        raise syntax_error("a monitor is in the schema of its model")
    model = existing(call.emulator.state.of("models"), "Model", model_key)
    call.access.require("USAGE", "MODEL", model_key)
    version = str(version_of(model, model_key, options["VERSION"])["name"])
    folder = version_folder(call, model_key, version)
    if options["FUNCTION"].upper() not in {method["name"] for method in manifest_of(folder)["methods"]}:
        raise not_found("Function", options["FUNCTION"])
    task = str(yaml.safe_load((folder / "model" / "model.yaml").read_text()).get("task", "")).upper()
    if task != _BINARY:
        raise syntax_error(f"the emulator monitors a {_BINARY}, and the task of the version is {task or 'unknown'}")
    return {"model_name": model_key.rpartition(".")[2], "version_name": version, "function_name": options["FUNCTION"]}


def _relation(call: Call, name: str) -> str:
    """The full name of a table or view, on which the role needs SELECT."""
    key = call.key(Reader(name).parts())
    require_on_relation(call, "SELECT", key)
    return key


def _types(call: Call, key: str) -> dict[str, str]:
    """The columns of a relation with DuckDB's types; empty if it does not exist."""
    found = call.connection._duck_conn.execute(
        "SELECT column_name, data_type FROM duckdb_columns() "
        "WHERE upper(database_name) = ? AND upper(schema_name) = ? AND upper(table_name) = ?",
        key.upper().split("."),
    ).fetchall()
    return dict(found)


def _check_columns(call: Call, monitor: dict[str, Any]) -> None:
    """Types, and that each column is used once. Score and actual have at most one column each."""
    columns, types = monitor["columns"], _types(call, monitor["source"])
    used = [name for names in columns.values() for name in names]
    if absent := [name for name in used if name not in types]:
        raise error(f"SQL compilation error:\ninvalid identifier '{absent[0]}'", 904, "42000")
    if len(used) != len(set(used)) or any(len(columns[name]) > 1 for name in _NUMERIC):
        raise syntax_error("each column is used once, and predictions and actuals have one column each")
    if not columns[_SCORE] + columns[_CLASS] or columns[_ACTUAL_SCORE]:
        raise syntax_error("a binary classification needs a prediction, and its actuals are classes")
    if types[columns["TIMESTAMP_COLUMN"][0]] != "TIMESTAMP":
        raise syntax_error("the timestamp column must have the type TIMESTAMP_NTZ")
    numbers = [name for kind in (*_NUMERIC, "CUSTOM_METRIC_COLUMNS") for name in columns[kind]]
    if wrong := [name for name in numbers if not re.match(r"DECIMAL|.*INT", types[name])]:
        raise syntax_error(f"{wrong[0]} must have the type NUMBER, and it has the type {types[wrong[0]]}")
    segments = columns["SEGMENT_COLUMNS"]
    if len(segments) > _MOST_SEGMENTS or any(types[name] != "VARCHAR" for name in segments):
        raise syntax_error(f"a monitor has up to {_MOST_SEGMENTS} segment columns of type STRING")
    if len(types) - len(used) > _MOST_FEATURES:
        raise syntax_error(f"a monitor has up to {_MOST_FEATURES} features")
    if monitor["baseline"] is not None and _types(call, monitor["baseline"]) != types:
        raise syntax_error("source and baseline have different columns")


def _state_after_refresh(call: Call, monitor: dict[str, Any]) -> str:
    """ACTIVE if all rows are valid: no NULL, NaN or infinity, and scores between 0 and 1."""
    types = _types(call, monitor["source"])
    faults = [f'"{name}" IS NULL' for name in types]
    faults += [f'NOT isfinite("{name}")' for name, kind in types.items() if kind in {"DOUBLE", "FLOAT"}]
    faults += [f'"{name}" NOT BETWEEN 0 AND 1' for name in monitor["columns"][_SCORE]]
    return "SUSPENDED" if _any(call, monitor["source"], faults) else "ACTIVE"


def _any(call: Call, relation: str, conditions: Sequence[str]) -> bool:
    counted = f"SELECT COUNT(*) FROM {relation} WHERE {' OR '.join(conditions)}"
    return bool(call.connection._duck_conn.execute(counted).fetchone()[0])


RULES = [
    Rule(["CREATE MODEL MONITOR"], create, need=creating("MODEL MONITOR")),
    Rule(["ALTER MODEL MONITOR"], alter, need=on_object("OWNERSHIP", "MODEL MONITOR")),
    Rule(["DROP MODEL MONITOR"], drop, need=dropping("MODEL MONITOR")),
    Rule(["SHOW MODEL MONITORS"], show),
]
