"""Start the UI, the schedules and the sensors on this machine.

The command runs `dagster dev` on the persistent instance. The UI listens on the loopback address only.
"""

import os
import socket
import sys
from argparse import ArgumentParser

from intent_platform.errors import InstanceError
from intent_platform.instance import WORKSPACE, open_instance
from intent_platform.instance.claim import claim
from intent_platform.instance.home import prepare_home
from intent_platform.settings import environment_of_paths, load_settings
from intent_platform.terminal import open_console
from intent_platform.workers import fail_unstarted

_ADDRESS = "127.0.0.1"


def options(parser: ArgumentParser) -> None:
    """Declare the port of the UI."""
    parser.add_argument("--port", type=int, default=3000, help="the port of the UI, 0 for any free one")


def run(port: int) -> None:
    """Replace this process with `dagster dev`.

    Raises:
        SettingsError: the home cannot be used.
        InstanceError: the home or the port is in use, or the store is damaged.
    """
    settings = load_settings()
    home = prepare_home(settings)
    with open_instance(settings) as instance:
        claim(home)
        port = _free_port(port)
        fail_unstarted(instance)  # no daemon runs, because this process has claimed the home
    # Dagster's processes start in another folder, where a relative path would name another file.
    os.environ.update(environment_of_paths(settings))
    open_console().print(f"Dagster UI: http://{_ADDRESS}:{port}  (stop with Ctrl-C)")
    # A dagster.yaml in the current folder could count as a second configuration, so Dagster starts in its home.
    os.chdir(home)
    command = [sys.executable, "-m", "dagster", "dev", "-h", _ADDRESS, "-p", str(port), "-w", str(WORKSPACE)]
    os.execv(sys.executable, command)  # noqa: S606


def _free_port(port: int) -> int:
    """This port, or any free one for 0."""
    with socket.socket() as probe:
        # As the webserver does: connections that ended a moment ago do not keep the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_ADDRESS, port))
        except (OSError, OverflowError) as error:
            raise InstanceError(
                f"the UI cannot use port {port} ({getattr(error, 'strerror', None) or error}): free it or name "
                "another one, as in make dev port=3001"
            ) from error
        return int(probe.getsockname()[1])
