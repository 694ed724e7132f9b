"""Run one command of the platform. `make help` lists the commands as Make targets."""

import argparse
import ast
import errno
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from intent_platform.errors import IntentPlatformError, first_line, shortened

_COMMANDS = Path(__file__).parent / "commands"
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class _Parser(argparse.ArgumentParser):
    """A parser whose message about a mistake is one line of limited length, whatever was typed."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message, and end the process with the status 2."""
        super().error(shortened(" ".join(message.splitlines())))


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit code of the process.

    This process and its children create all files for their user only. Existing files and folders keep their modes.

    Args:
        arguments: the name of the command and its options; those of the process if None.

    Returns:
        0 after success, 1 after a failure, 130 after Ctrl-C, 141 if the reader of the output stopped, as `head` does.
        Stderr explains a failure in one line. For an unforeseen one, a file has the traceback.

    Raises:
        SystemExit: the arguments are invalid, or ask for help.
    """
    os.umask(0o077)
    typed = sys.argv[1:] if arguments is None else arguments
    parser = _Parser(prog="intent-platform", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, meaning in command_meanings().items():
        commands.add_parser(name, help=meaning, description=meaning)
    named = next((word for word in typed if word in commands.choices), None)
    if named is not None:
        # Only this command is imported, so `--help` and a mistyped name answer at once.
        command = import_module(f"intent_platform.commands.{named.replace('-', '_')}")
        command.options(commands.choices[named])
    for word in typed:
        if not _is_utf8(word):
            parser.error(f"{word!r} is not UTF-8: type it again in UTF-8")
    options = vars(parser.parse_args(typed))
    name = options.pop("command")
    try:
        command.run(**options)
        sys.stdout.flush()  # here, where a broken pipe is caught
    except IntentPlatformError as error:
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        print(f"{name}: interrupted, run it again to continue", file=sys.stderr)  # noqa: T201
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python writes what is left when it exits
        return 141
    except Exception as error:  # noqa: BLE001  the last net
        print(f"{name}: {_last_words(error)}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _is_utf8(word: str) -> bool:
    """Whether a word can be stored. Python keeps other bytes of the command line as lone surrogates."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _last_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        place = error.filename or "the home folder"
        return f"the disk of {place} has no space left: make room on it, then run the command again"
    from intent_platform.crashes import record_crash  # only now, because it imports the settings

    file = record_crash(error)
    place = f"Its traceback is in {file}" if file else "Its traceback could not be written: check the disk"
    cause = shortened(f"{type(error).__name__}: {first_line(error)}")
    return f"an unforeseen error stopped the command ({cause}). {place}"


def command_meanings() -> dict[str, str]:
    """Return the first line of each command's docstring, by command. The modules are parsed, not imported."""
    modules = sorted(path for path in _COMMANDS.glob("*.py") if path.stem != "__init__")
    docstrings = {path.stem.replace("_", "-"): ast.get_docstring(ast.parse(path.read_text())) for path in modules}
    return {name: (docstring or "").partition("\n")[0] for name, docstring in docstrings.items()}


if __name__ == "__main__":
    sys.exit(main())
