"""`make dev`: `dagster dev` on the persistent instance, on this machine's loopback address only."""

import os
import sys
from pathlib import Path

from rich.console import Console

from intent_platform.commands.instance import open_instance, prepare_home
from intent_platform.settings import load_settings
from intent_platform.settings.types import ENVIRONMENT_PREFIX

_ADDRESS = "127.0.0.1"
_WORKSPACE = Path(__file__).parents[2] / "workspace.yaml"


def dev(port: int) -> None:
    """Replace this process by `dagster dev`."""
    settings = load_settings()
    home = prepare_home(settings)
    with open_instance(settings):  # ends the runs of commands that were killed, which would hold up the queue
        pass
    # Every process that Dagster starts must find the same folders, wherever it is started.
    folders = {"HOME": settings.home, "UCI_CSV": settings.uci.csv, "LANDING_FOLDER": settings.landing.folder}
    folders["TABLE_FILE"] = settings.table.file
    folders["SNOWFLAKE_PARAMETERS_FILE"] = settings.snowflake.parameters_file
    os.environ.update({f"{ENVIRONMENT_PREFIX}{name}": str(path) for name, path in folders.items() if path is not None})
    Console().print(f"Dagster UI: [link]http://{_ADDRESS}:{port}[/link]  (stop with Ctrl-C)")
    # From its own home, so that Dagster does not take this folder's template for a second configuration.
    os.chdir(home)
    command = [sys.executable, "-m", "dagster", "dev", "-h", _ADDRESS, "-p", str(port), "-w", str(_WORKSPACE)]
    os.execv(sys.executable, command)  # noqa: S606
