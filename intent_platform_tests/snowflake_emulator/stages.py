"""Stages: PUT, GET and LIST. GET and LIST read the files of models as well."""

import hashlib
import shutil
from time import gmtime, strftime
from urllib.parse import urlparse

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Rule, Transfer
from intent_platform_tests.snowflake_emulator.errors import already_exists, not_found, syntax_error
from intent_platform_tests.snowflake_emulator.needs import creating, dropping
from intent_platform_tests.snowflake_emulator.results import rows, succeeded
from intent_platform_tests.snowflake_emulator.storage import files_at, resolved, stage_folder


def create(call: Call) -> Answer:
    """Create a stage. A temporary one lasts as long as the emulator."""
    exists = call.reader.take("IF", "NOT", "EXISTS")
    key = call.key()
    if unknown := call.reader.options().keys() - {"COMMENT", "FILE_FORMAT"}:
        raise syntax_error(f"the emulator's stages have no {', '.join(sorted(unknown))}")
    call.reader.end()
    folder = stage_folder(call, key)
    with call.emulator.state.changing("stages") as stages:
        if key in stages and not exists and not call.replacing:
            raise already_exists(key)
        if call.replacing:
            shutil.rmtree(folder, ignore_errors=True)
        stages[key] = {}
    folder.mkdir(parents=True, exist_ok=True)
    return succeeded(f"Stage area {key.rpartition('.')[2]} successfully created.")


def drop(call: Call) -> Answer:
    """Drop a stage with its files."""
    exists = call.reader.take("IF", "EXISTS")
    key = call.key()
    with call.emulator.state.changing("stages") as stages:
        if key not in stages and not exists:
            raise not_found("Stage", key)
        stages.pop(key, None)
    shutil.rmtree(stage_folder(call, key), ignore_errors=True)
    return succeeded(f"{key} successfully dropped.")


def put(call: Call) -> Answer:
    """Tell the client where to copy its files to."""
    source = urlparse(call.reader.location()).path
    folder, path, _ = resolved(call, call.reader.location(), "WRITE")
    options = {name: value.upper() for name, value in call.reader.options().items()}
    call.reader.end()
    target = folder / path
    target.mkdir(parents=True, exist_ok=True)
    return Transfer(
        {
            "command": "UPLOAD",
            "src_locations": [source],
            "parallel": 4,
            "autoCompress": options.get("AUTO_COMPRESS", "TRUE") == "TRUE",
            "overwrite": options.get("OVERWRITE") == "TRUE",
            "sourceCompression": options.get("SOURCE_COMPRESSION", "AUTO_DETECT").lower(),
            "stageInfo": {"locationType": "LOCAL_FS", "location": str(target), "creds": {}},
        }
    )


def get(call: Call) -> Answer:
    """Tell the client which files to copy."""
    folder, path, _ = resolved(call, call.reader.location())
    target = urlparse(call.reader.location()).path
    call.reader.options()
    call.reader.end()
    return Transfer(
        {
            "command": "DOWNLOAD",
            "src_locations": [str(file.relative_to(folder)) for file in files_at(folder, path)],
            "parallel": 4,
            "localLocation": target,
            "encryptionMaterial": [],
            "stageInfo": {"locationType": "LOCAL_FS", "location": f"{folder}/", "creds": {}},
        }
    )


def listing(call: Call) -> Answer:
    """The files at a location."""
    folder, path, prefix = resolved(call, call.reader.location())
    call.reader.end()
    return rows(
        ["name", "size", "md5", "last_modified"],
        [
            (
                f"{prefix}{file.relative_to(folder)}",
                file.stat().st_size,
                hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest(),
                strftime("%a, %d %b %Y %H:%M:%S GMT", gmtime(file.stat().st_mtime)),
            )
            for file in files_at(folder, path)
        ],
    )


RULES = [
    Rule(["CREATE STAGE"], create, need=creating("STAGE")),
    Rule(["DROP STAGE"], drop, need=dropping("STAGE")),
    Rule(["PUT"], put),
    Rule(["GET"], get),
    Rule(["LIST"], listing),
]
