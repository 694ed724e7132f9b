"""What is done with planted secrets: commands, jobs, refusals, a crash, alerts and attempts to reach Snowflake.

Each function gets the folder of its trial and works in its `home`, in a process of its own. Its output is searched.
"""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from unittest.mock import patch

from bench.torture import work
from bench.torture.homes import use
from bench.torture.security.secrets import HERE, MISTAKES
from bench.torture.work import MARKED
from intent_platform_tests.builders.errors import everything_shown

#: Gets the folder of the trial and the variables of the secrets.
Operation = Callable[[Path, Mapping[str, str]], object]
_UNREACHABLE = {"SNOWFLAKE_ACCOUNT": "x", "SNOWFLAKE_USER": "x", "SNOWFLAKE_HOST": "127.0.0.1", "SNOWFLAKE_PORT": "9"}


def _run(*commands: Sequence[str]) -> Operation:
    """Run commands, which may be refused. A word may name `{folder}`, that of the trial."""

    def run(folder: Path, secrets: Mapping[str, str]) -> None:
        for words in commands:
            _command(folder, secrets, *(word.format(folder=folder) for word in words))

    return run


def _command(folder: Path, secrets: Mapping[str, str], *words: str, **overrides: str) -> int:
    from intent_platform.__main__ import main

    use(folder / "home", **(dict(secrets) | overrides))
    code = main([*words])
    print(f"{words[0]} ended with the status {code}")  # noqa: T201
    return code


def _promotion(folder: Path, secrets: Mapping[str, str]) -> None:
    use(folder / "home", **secrets)
    name = work.version_names(folder / "home")[MARKED]
    _command(folder, secrets, "promote", "--version", name, "--reason", "torture")


def _landing_load(folder: Path, secrets: Mapping[str, str]) -> None:
    """Load files as a run of `make dev` does, whose process began with a command."""
    _command(folder, secrets, "setup", FEED="landing")
    work.drop_files(folder / "home" / "landing", 2, "security")
    (folder / "home" / "landing" / "bad.csv").write_text("UID\n")
    (folder / "home" / "landing" / "bad.csv.done").touch()
    work.load_landing(folder / "home")


def _refusals(_: Path, secrets: Mapping[str, str]) -> None:
    """Give settings with a mistake to a command and to Dagster, and print all that the errors hold."""
    from intent_platform.definitions import defs

    for secret in secrets.values():
        for name, value in MISTAKES.values():
            mistake = {name: value.replace(HERE, secret.rpartition("/")[2])}
            with patch.dict("os.environ", _variables({**secrets, **mistake})):
                _refused(partial(_main, "prune", "--keep", "1000"))
                _refused(defs)


def _main(*words: str) -> int:
    from intent_platform.__main__ import main

    return main([*words])


def _refused(attempt: Callable[[], object]) -> None:
    try:
        attempt()
    except Exception as error:  # noqa: BLE001  all that it shows is printed
        print(everything_shown(error), file=sys.stderr)  # noqa: T201


def _variables(values: Mapping[str, str]) -> dict[str, str]:
    from intent_platform.settings.types import ENVIRONMENT_PREFIX

    return {f"{ENVIRONMENT_PREFIX}{name}": value for name, value in values.items()}


def _crash(folder: Path, secrets: Mapping[str, str]) -> None:
    """An unforeseen error quotes all settings, and its traceback goes to `crashes/`."""

    def fail(*arguments: object) -> None:
        from intent_platform.settings import load_settings

        raise RuntimeError(f"{load_settings()!r} {load_settings()} {arguments}")

    with patch("intent_platform.commands.prune.prune", fail):
        _command(folder, secrets, "prune", "--keep", "1000")


def _shown_settings(folder: Path, secrets: Mapping[str, str]) -> None:
    """Print everything that represents the settings."""
    from intent_platform.settings import changes_of

    settings = use(folder / "home", **secrets)
    for shown in (settings, *(section for _, section in settings)):
        print(repr(shown), str(shown), f"{shown}")  # noqa: T201
    print(settings.model_dump(), settings.model_dump(mode="json"), settings.model_dump_json())  # noqa: T201
    print(changes_of(settings), vars(settings.alerts), vars(settings.snowflake))  # noqa: T201


def _alerts(folder: Path, secrets: Mapping[str, str]) -> None:
    """Send alerts to a webhook that cannot be reached, fails or redirects, with every library's log shown."""
    from intent_platform.automation.alerts import announce

    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, force=True)
    secret = secrets["ALERTS_WEBHOOK_URL"].rpartition("/")[2]
    with _failing_server() as address:
        for url in (secrets["ALERTS_WEBHOOK_URL"], *(f"{address}/{status}/{secret}" for status in (302, 404, 500))):
            settings = use(folder / "home", **{**secrets, "ALERTS_WEBHOOK_URL": url})
            _refused(partial(announce, settings, logging.getLogger("alerts"), "torture"))


class _Failing(BaseHTTPRequestHandler):
    """Answers with the status that the path begins with."""

    def do_POST(self) -> None:
        self.send_response(int(self.path.split("/")[1]))
        self.send_header("Location", "http://127.0.0.1:9/")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing, because the log of a webhook is not the platform's."""


@contextmanager
def _failing_server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Failing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def _snowflake(folder: Path, secrets: Mapping[str, str]) -> None:
    """Print the statements of all deployments."""
    for words in (("setup", "--dry-run"), ("deploy-sproc", "--dry-run"), ("deploy-task", "--dry-run")):
        _command(folder, secrets, *words, DEPLOYMENT="dev", **_UNREACHABLE)


def _account_out_of_reach(folder: Path, secrets: Mapping[str, str]) -> None:
    """Connect to an account where nobody listens."""
    _command(folder, secrets, "prune", "--keep", "1", DEPLOYMENT="dev", SNOWFLAKE_PROTOCOL="http", **_UNREACHABLE)


#: These take many seconds, so a small run leaves them out.
LONG = ("demo", "setup", "backup and restore", "an account out of reach")
#: By name: whether it begins with the shop, and what is done.
OPERATIONS: Mapping[str, tuple[bool, Operation]] = {
    "demo": (True, _run(["demo"])),
    "setup": (False, _run(["setup"])),
    "landing load": (False, _landing_load),
    "rollback": (True, _run(["rollback", "--version", "previous", "--reason", "torture"])),
    "promotion": (True, _promotion),
    "backup and restore": (True, _run(["backup", "--to", "{folder}/backup"], ["restore", "--from", "{folder}/backup"])),
    "forget": (True, _run(["forget", "--uid", "12345678-1234-4234-8234-123456789abc"])),
    "prune": (True, _run(["prune", "--keep", "1"])),
    "refused settings": (True, _refusals),
    "refused commands": (
        True,
        _run(["rollback", "--version", "x"], ["restore", "--from", "x"], ["demo", "--csv", "x"]),
    ),
    "a crash": (True, _crash),
    "settings shown": (True, _shown_settings),
    "alerts": (True, _alerts),
    "deployments to Snowflake": (True, _snowflake),
    "an account out of reach": (True, _account_out_of_reach),
}
