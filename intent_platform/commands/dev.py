"""`make dev`: `dagster dev` on the persistent instance, on this machine's loopback address only."""

import os
import sys
from pathlib import Path

from rich.console import Console

from intent_platform.commands.instance import open_instance, prepare_home
from intent_platform.settings import environment_of_paths, load_settings

_ADDRESS = "127.0.0.1"
_WORKSPACE = Path(__file__).parents[2] / "workspace.yaml"


def dev(port: int) -> None:
    """Replace this process by `dagster dev`."""
    settings = load_settings()
    home = prepare_home(settings)
    with open_instance(settings):  # ends the runs of commands that were killed, which would hold up the queue
        pass
    # Every process that Dagster starts must find the same files, wherever it is started.
    os.environ.update(environment_of_paths(settings))
    Console().print(f"Dagster UI: [link]http://{_ADDRESS}:{port}[/link]  (stop with Ctrl-C)")
    # From its own home: Dagster would take this folder's template for a second configuration.
    os.chdir(home)
    command = [sys.executable, "-m", "dagster", "dev", "-h", _ADDRESS, "-p", str(port), "-w", str(_WORKSPACE)]
    os.execv(sys.executable, command)  # noqa: S606
