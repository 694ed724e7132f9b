"""Model monitors: kept by name, each bound to one version. They measure nothing here."""

import json

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, rule
from intent_platform_tests.snowflake_emulator.errors import taken
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


@rule("SHOW MODEL MONITORS")
def show(call: Call) -> Answer:
    """All monitors of the account."""
    kept = call.emulator.state.of("monitors")
    shown = [
        (key.rpartition(".")[2], monitor["state"], json.dumps(monitor["options"]))
        for key, monitor in sorted(kept.items())
    ]
    return rows(["name", "monitor_state", "model"], shown)
