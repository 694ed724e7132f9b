"""Model monitors: kept by name, each bound to one version. They measure nothing here."""

import json
from typing import Any

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, rule
from intent_platform_tests.snowflake_emulator.errors import absent, syntax_error, taken
from intent_platform_tests.snowflake_emulator.models import version_folder
from intent_platform_tests.snowflake_emulator.reader import Reader
from intent_platform_tests.snowflake_emulator.results import done, rows


@rule("CREATE MODEL MONITOR")
def create(call: Call) -> Answer:
    """A monitor of a version that exists."""
    exists = call.reader.take("IF", "NOT", "EXISTS")
    key = call.key()
    call.reader.expect("WITH")
    options = call.reader.options()
    call.reader.end()
    version_folder(call, call.key(Reader(options["MODEL"]).parts()), options["VERSION"].upper())
    with call.emulator.state.changing("monitors") as monitors:
        if key in monitors and not exists and not call.replacing:
            raise taken(key)
        monitors[key] = {"state": "ACTIVE", "options": options}
    return done(f"Model monitor {key.rpartition('.')[2]} successfully created.")


@rule("ALTER MODEL MONITOR")
def alter(call: Call) -> Answer:
    """Resume or suspend."""
    call.reader.take("IF", "EXISTS")
    key = call.key()
    what = call.reader.take_any("RESUME", "SUSPEND")
    call.reader.end()
    if what is None:
        raise syntax_error("a monitor is resumed or suspended")
    with call.emulator.state.changing("monitors") as monitors:
        _found(monitors, key)["state"] = {"RESUME": "ACTIVE", "SUSPEND": "SUSPENDED"}[what]
    return done()


@rule("DROP MODEL MONITOR")
def drop(call: Call) -> Answer:
    """Forget a monitor."""
    exists = call.reader.take("IF", "EXISTS")
    key = call.key()
    with call.emulator.state.changing("monitors") as monitors:
        if not exists:
            _found(monitors, key)
        monitors.pop(key, None)
    return done(f"{key} successfully dropped.")


@rule("SHOW MODEL MONITORS")
def show(call: Call) -> Answer:
    """All monitors of the account."""
    kept = call.emulator.state.of("monitors")
    shown = [
        (key.rpartition(".")[2], monitor["state"], json.dumps(monitor["options"]))
        for key, monitor in sorted(kept.items())
    ]
    return rows(["name", "monitor_state", "model"], shown)


def _found(monitors: dict[str, Any], key: str) -> dict[str, Any]:
    if key not in monitors:
        raise absent("Model monitor", key)
    found: dict[str, Any] = monitors[key]
    return found
