"""Where the files of stages and model versions are, and how a statement refers to them."""

from pathlib import Path
from typing import Any

from intent_platform_tests.snowflake_emulator.emulator import Call
from intent_platform_tests.snowflake_emulator.errors import not_found, syntax_error
from intent_platform_tests.snowflake_emulator.objects import existing
from intent_platform_tests.snowflake_emulator.reader import Reader

_MODEL_SCHEME = "snow://model/"


def stage_folder(call: Call, key: str) -> Path:
    """Where the files of a stage are."""
    return call.emulator.root / "stages" / key.replace(".", "/")


def resolved(call: Call, reference: str, privilege: str = "READ") -> tuple[Path, str, str]:
    """The folder of a stage or version, the path in it, and the prefix of its listing.

    The session needs the privilege on the stage, or owns the model.
    """
    if reference.startswith(_MODEL_SCHEME):
        name, _, rest = reference.removeprefix(_MODEL_SCHEME).lstrip("/").partition("/versions/")
        version, _, path = rest.partition("/")
        model = call.key(Reader(name).parts())
        call.access.require("OWNERSHIP", "MODEL", model)
        folder = version_folder(call, model, version.upper())
        return folder, path.strip("/").removeprefix("./").strip("."), f"versions/{version}/"
    if not reference.startswith("@"):
        raise syntax_error(f"{reference} is not a stage")
    name, _, path = reference[1:].partition("/")
    key = call.key(Reader(name).parts())
    if key not in call.emulator.state.of("stages"):
        raise not_found("Stage", key)
    call.access.require(privilege, "STAGE", key)
    return stage_folder(call, key), path.strip("/"), f"{key.rpartition('.')[2].lower()}/"


def files_at(folder: Path, path: str) -> list[Path]:
    """The file of that path, or all files under it."""
    place = folder / path
    return [place] if place.is_file() else sorted(file for file in place.rglob("*") if file.is_file())


def model_folder(call: Call, key: str) -> Path:
    """Where the versions of a model are."""
    return call.emulator.root / "models" / key.replace(".", "/")


def version_folder(call: Call, key: str, name: str) -> Path:
    """Where the files of a version (or of an alias) are."""
    model = existing(call.emulator.state.of("models"), "Model", key)
    return model_folder(call, key) / str(version_of(model, key, name)["name"])


def version_of(model: dict[str, Any], key: str, name: str) -> dict[str, Any]:
    """The version of that name or alias."""
    names = list(model["versions"])
    system = {"DEFAULT": model["default"], "FIRST": names[0], "LAST": names[-1]}
    for version in model["versions"].values():
        if version["name"] == system.get(name, name) or name in version["aliases"]:
            found: dict[str, Any] = version
            return found
    raise not_found("Version", f"{key} {name}")
