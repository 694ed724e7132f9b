"""Start the UI, the schedules and the sensors on this machine.

The command runs `dagster dev` on the persistent instance. The UI listens on the loopback address only.
"""

import os
import sys
from argparse import ArgumentParser

from rich.console import Console

from intent_platform.instance import WORKSPACE, open_instance, prepare_home
from intent_platform.settings import environment_of_paths, load_settings

_ADDRESS = "127.0.0.1"


def options(parser: ArgumentParser) -> None:
    """Declare the port of the UI."""
    parser.add_argument("--port", type=int, default=3000, help="the port of the UI")


def run(port: int) -> None:
    """Replace this process with `dagster dev`."""
    settings = load_settings()
    home = prepare_home(settings)
    with open_instance(settings):  # ends the runs of killed commands, which would block the queue
        pass
    # Dagster's processes start in another folder, where a relative path would name another file.
    os.environ.update(environment_of_paths(settings))
    Console().print(f"Dagster UI: [link]http://{_ADDRESS}:{port}[/link]  (stop with Ctrl-C)")
    # A dagster.yaml in the current folder could count as a second configuration, so Dagster starts in its home.
    os.chdir(home)
    command = [sys.executable, "-m", "dagster", "dev", "-h", _ADDRESS, "-p", str(port), "-w", str(WORKSPACE)]
    os.execv(sys.executable, command)  # noqa: S606
