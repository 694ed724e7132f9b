"""Models: versions, aliases and the default version, by Snowflake's rules."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Rule
from intent_platform_tests.snowflake_emulator.errors import already_exists, error, not_found, syntax_error
from intent_platform_tests.snowflake_emulator.needs import creating, dropping, on_object
from intent_platform_tests.snowflake_emulator.objects import existing
from intent_platform_tests.snowflake_emulator.packages import refuse_missing_of_model
from intent_platform_tests.snowflake_emulator.results import rows, succeeded, table
from intent_platform_tests.snowflake_emulator.state import like
from intent_platform_tests.snowflake_emulator.storage import model_folder, resolved, version_folder, version_of

_MOST_METADATA = 100_000
_MANIFEST = "MANIFEST.yml"


def create(call: Call) -> Answer:
    """Create a model with its first version, which becomes the default."""
    call.reader.take("IF", "NOT", "EXISTS")
    key = call.key()
    call.reader.expect("WITH", "VERSION")
    version = call.reader.name()
    call.reader.expect("FROM")
    with call.emulator.state.changing("models") as models:
        if key in models and not call.replacing:
            raise error(f"Object '{key}' already exists.", 100132, "42710")
        default = version if call.emulator.answers.get("models.first_is_default", True) else None
        models[key] = {"created": _now(), "comment": None, "default": default, "versions": {}}
        _add(call, models[key], key, version)
    return succeeded(f"Model {key.rpartition('.')[2]} successfully created.")


def alter(call: Call) -> Answer:
    """Add, change or drop a version; move the default or an alias."""
    call.reader.take("IF", "EXISTS")
    key, reader = call.key(), call.reader
    with call.emulator.state.changing("models") as models:
        model = existing(models, "Model", key)
        if reader.take("ADD", "VERSION"):
            name = reader.name()
            reader.expect("FROM")
            _add(call, model, key, name)
        elif reader.take("DROP", "VERSION"):
            _drop_version(call, model, key, reader.name())
        elif reader.take("SET", "DEFAULT_VERSION"):
            reader.expect("=")
            model["default"] = version_of(model, key, reader.name())["name"]
        elif reader.take("SET", "COMMENT"):
            reader.expect("=")
            model["comment"] = reader.literal()
        elif reader.take("MODIFY", "VERSION"):
            version = version_of(model, key, reader.name())
            reader.expect("SET")
            what = reader.take_any("METADATA", "COMMENT")
            if what is None:
                raise syntax_error(f"a version has no {reader.rest[:40]}")
            reader.expect("=")
            text = reader.literal()
            most = call.emulator.answers.get("limits.metadata", _MOST_METADATA)
            if len(text) > most:  # the number of this error is not documented
                raise error(f"{what.capitalize()} exceeds the limit of {most} bytes.", 1304, "22000")
            version[what.lower()] = text
        elif reader.take("VERSION"):
            _alias(call, model, key)
        reader.end()
    return succeeded()


def drop(call: Call) -> Answer:
    """Drop a model with all its versions, the default included."""
    exists = call.reader.take("IF", "EXISTS")
    key = call.key()
    with call.emulator.state.changing("models") as models:
        if key not in models and not exists:
            raise not_found("Model", key)
        models.pop(key, None)
    shutil.rmtree(model_folder(call, key), ignore_errors=True)
    return succeeded(f"{key.rpartition('.')[2]} successfully dropped.")


def show_models(call: Call) -> Answer:
    """The models of a schema or database."""
    reader = call.reader
    matches = like(reader.literal() if reader.take("LIKE") else None)
    scope = [call.connection.database, call.connection.schema]
    if reader.take("IN"):
        reader.take("SCHEMA") or reader.take("DATABASE")
        scope = scope if reader.done else list(reader.parts())
    reader.end()
    shown = []
    for key, model in sorted(call.emulator.state.of("models").items()):
        database, schema, name = key.split(".")
        if [database, schema][: len(scope)] == scope and matches(name) and call.access.sees("MODEL", key):
            aliases = {alias: v["name"] for v in model["versions"].values() for alias in v["aliases"]}
            shown.append(
                {
                    "created_on": model["created"],
                    "name": name,
                    "model_type": "USER_MODEL",
                    "database_name": database,
                    "schema_name": schema,
                    "comment": model["comment"],
                    "owner": call.access.owner("MODEL", key),
                    "default_version_name": model["default"],
                    "versions": json.dumps([*model["versions"]]),
                    "aliases": json.dumps({"DEFAULT": model["default"], **aliases}),
                }
            )
    columns = ["created_on", "name", "model_type", "database_name", "schema_name", "comment", "owner"]
    return table([*columns, "default_version_name", "versions", "aliases"], shown)


def show_versions(call: Call) -> Answer:
    """The versions of a model, oldest first."""
    reader = call.reader
    matches = like(reader.literal() if reader.take("LIKE") else None)
    reader.expect("IN", "MODEL")
    key = call.key()
    reader.end()
    call.access.require("USAGE", "MODEL", key)
    model = existing(call.emulator.state.of("models"), "Model", key)
    shown = []
    for version in model["versions"].values():
        if matches(version["name"]):
            folder = version_folder(call, key, version["name"])
            manifest, spec = manifest_of(folder), (folder / "model" / "model.yaml").read_text()
            about = yaml.safe_load(spec)
            database, schema, name = key.split(".")
            shown.append(
                {
                    "created_on": version["created"],
                    "name": version["name"],
                    "aliases": json.dumps([*_system_aliases(model, version), *version["aliases"]]),
                    "comment": version["comment"],
                    "database_name": database,
                    "schema_name": schema,
                    "model_name": name,
                    "is_default_version": version["name"] == model["default"],
                    "functions": json.dumps([method["name"] for method in manifest["methods"]]),
                    "metadata": version["metadata"] or "{}",
                    "user_data": "{}",
                    "model_attributes": json.dumps({"framework": about["model_type"]}),
                    "size": sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
                    "environment": json.dumps({"default": manifest["runtimes"]["python_runtime"]}),
                    "runnable_in": json.dumps(manifest.get("target_platforms", ["WAREHOUSE"])),
                    "inference_services": "[]",
                    "model_spec": spec,
                }
            )
    columns = ["created_on", "name", "aliases", "comment", "database_name", "schema_name", "model_name"]
    columns += ["is_default_version", "functions", "metadata", "user_data", "model_attributes", "size", "environment"]
    columns += ["runnable_in", "inference_services", "model_spec"]
    recorded = call.emulator.answers.get("models.columns", columns)
    return table([column for column in columns if column in recorded], shown)


def show_functions(call: Call) -> Answer:
    """The methods of a version."""
    reader = call.reader
    reader.expect("IN", "MODEL")
    key = call.key()
    call.access.require("USAGE", "MODEL", key)
    reader.expect("VERSION")
    manifest = manifest_of(version_folder(call, key, reader.name()))
    shown = []
    for method in manifest["methods"]:
        kinds = ", ".join(each["type"] for each in method["inputs"])
        returned = method["outputs"][0]["type"]
        if method["type"] == "TABLE_FUNCTION":
            returned = "TABLE (" + ", ".join(f"{each['name']} {each['type']}" for each in method["outputs"]) + ")"
        count = len(method["inputs"])
        shown.append((method["name"], 1, count, f"{method['name']}({kinds}) RETURN {returned}", returned))
    return rows(["name", "min_num_arguments", "max_num_arguments", "arguments", "return_type"], shown)


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of a version, which lists its methods."""
    found: dict[str, Any] = yaml.safe_load((folder / _MANIFEST).read_text())
    return found


def _add(call: Call, model: dict[str, Any], key: str, name: str) -> None:
    folder, path, _ = resolved(call, call.reader.location())
    call.reader.end()
    if name in model["versions"]:
        raise already_exists(f"{key} version {name}")
    if not (folder / path / _MANIFEST).is_file():
        raise error("Unable to read file MANIFEST.yml", 398507, "42601")
    refuse_missing_of_model(call, folder / path, manifest_of(folder / path))
    target = model_folder(call, key) / name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder / path, target)
    model["versions"][name] = {"name": name, "aliases": [], "comment": None, "metadata": None, "created": _now()}


def _drop_version(call: Call, model: dict[str, Any], key: str, name: str) -> None:
    version = version_of(model, key, name)
    if version["name"] == model["default"]:
        raise error(f"Cannot drop the default version {version['name']} of model {key}", 3001, "42501")
    del model["versions"][version["name"]]
    shutil.rmtree(model_folder(call, key) / version["name"], ignore_errors=True)


def _alias(call: Call, model: dict[str, Any], key: str) -> None:
    """VERSION v SET ALIAS = a. A version has at most one alias, and an alias is unique in the model.

    The documentation does not say whether a second SET ALIAS replaces the first one, so it is refused here.
    """
    version = version_of(model, key, call.reader.name())
    if call.reader.take("UNSET", "ALIAS"):
        version["aliases"] = []
        return
    call.reader.expect("SET", "ALIAS", "=")
    alias = call.reader.name()
    if alias in {"DEFAULT", "FIRST", "LAST"}:
        raise syntax_error(f"{alias} is an alias of the system")
    if version["aliases"]:
        raise error(f"Version {version['name']} of model {key} already has an alias.", 1304, "22000")
    if alias in {*model["versions"], *(each for other in model["versions"].values() for each in other["aliases"])}:
        raise already_exists(f"{key} alias {alias}")
    version["aliases"].append(alias)


def _system_aliases(model: dict[str, Any], version: dict[str, Any]) -> list[str]:
    names = list(model["versions"])
    system = {"DEFAULT": model["default"], "FIRST": names[0], "LAST": names[-1]}
    return [alias for alias, name in system.items() if name == version["name"]]


def _now() -> str:
    return datetime.now(UTC).isoformat()


RULES = [
    Rule(["CREATE MODEL"], create, need=creating("MODEL")),
    Rule(["ALTER MODEL"], alter, need=on_object("OWNERSHIP", "MODEL")),
    Rule(["DROP MODEL"], drop, need=dropping("MODEL")),
    Rule(["SHOW MODELS"], show_models),
    Rule(["SHOW VERSIONS"], show_versions),
    Rule(["SHOW FUNCTIONS"], show_functions),
]
