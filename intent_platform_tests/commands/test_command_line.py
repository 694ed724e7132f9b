"""The command line: one module a command, found by its file, and imported only when it is called."""

import argparse
import subprocess
import sys
from importlib import import_module

import pytest

from intent_platform.__main__ import command_meanings, main
from intent_platform.automation.rollback import RollbackConfig
from intent_platform.platforms.snowflake.deployment import procedure_statements

COMMANDS = {
    *{"demo", "setup", "dev", "rollback", "promote", "prune", "replay", "game-day"},
    *{"deploy-sproc", "deploy-task"},
}
DEFAULTS: dict[str, dict[str, object]] = {
    "demo": {"csv": None},
    "setup": {"csv": None, "admin_role": None, "dry_run": False},
    "dev": {"port": 3000},
    "rollback": {"reason": "no reason given"},
    "game-day": {"strength": 1.0, "days": 60, "sessions_per_day": 400},
    "deploy-sproc": {"dry_run": False},
    "deploy-task": {"resume": False, "dry_run": False},
}
LOADED = """
import sys
from intent_platform.__main__ import main
try:
    main(sys.argv[1:])
finally:
    print("loaded", *sorted({name.split(".")[0] for name in sys.modules} & {"dagster", "rich", "pydantic"}))
"""


def test_every_command_is_listed_with_its_meaning(capsys):
    meanings = command_meanings()
    assert set(meanings) == COMMANDS
    assert all(meaning.endswith(".") for meaning in meanings.values())
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith("usage: intent-platform")
    assert all(f"{name} {meaning}" in shown for name, meaning in meanings.items())


@pytest.mark.parametrize("typed", ["--help", "rollbakc"])
def test_help_and_a_mistyped_name_import_no_command(typed):
    answer = subprocess.run([sys.executable, "-c", LOADED, typed], capture_output=True, text=True)
    assert "rollback" in answer.stdout + answer.stderr
    assert answer.stdout.splitlines()[-1] == "loaded"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_shows_its_options(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert command_meanings()[name] in " ".join(shown.split())
    assert all(f"--{option.replace('_', '-')}" in shown for option in DEFAULTS.get(name, {}))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_options_of_a_command_are_what_it_takes(name):
    command = import_module(f"intent_platform.commands.{name.replace('-', '_')}")
    parser = argparse.ArgumentParser()
    command.options(parser)
    taken = command.run.__code__
    names = taken.co_varnames[: taken.co_argcount + taken.co_kwonlyargcount]
    declared = {action.dest: action.default for action in parser._actions if action.dest != "help"}
    assert set(declared) == set(names)
    assert declared | DEFAULTS.get(name, {}) == declared


def test_the_reason_of_a_rollback_has_one_default():
    assert RollbackConfig().reason == DEFAULTS["rollback"]["reason"]
    rollback = next(sql for sql in procedure_statements("code.zip", "commit") if "PROCEDURE ROLLBACK" in sql)
    assert "REASON VARCHAR DEFAULT 'no reason given'" in rollback


@pytest.mark.parametrize("command", ["deploy-sproc", "deploy-task"])
def test_nothing_is_deployed_locally(command, capsys):
    assert main([command, "--dry-run"]) == 1
    sentence = capsys.readouterr().err
    assert sentence.startswith(f"{command}: local has neither procedures nor tasks")
    assert sentence.count("\n") == 1
