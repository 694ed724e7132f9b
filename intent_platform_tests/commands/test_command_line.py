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
    *{"demo", "setup", "dev", "rollback", "promote", "prune", "backup", "restore", "forget", "replay", "game-day"},
    *{"deploy-sproc", "deploy-task", "doctor", "monitor"},
}
DEFAULTS: dict[str, dict[str, object]] = {
    "demo": {"csv": None},
    "setup": {"csv": None, "admin_role": None, "dry_run": False},
    "dev": {"port": 3000},
    "rollback": {"reason": "no reason given"},
    "game-day": {"strength": 1.0, "days": 60, "sessions_per_day": 400},
    "deploy-sproc": {"only": None, "dry_run": False},
    "deploy-task": {"only": None, "resume": False, "dry_run": False},
    "doctor": {"full": False},
    "monitor": {"dry_run": False},
}
PRINT_LOADED_PACKAGES = """
import sys
from intent_platform.__main__ import main
try:
    main(sys.argv[1:])
finally:
    print("loaded", *sorted({name.split(".")[0] for name in sys.modules} & {"dagster", "rich", "pydantic"}))
"""


def help_of(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    """The help of a command or, without one, of the program."""
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    return " ".join(capsys.readouterr().out.split())


class TestMeanings:
    def test_exist_for_exactly_these_commands(self):
        assert set(command_meanings()) == COMMANDS

    def test_are_sentences(self):
        assert all(meaning.endswith(".") for meaning in command_meanings().values())


class TestHelp:
    def test_lists_every_command_with_its_meaning(self, capsys):
        shown = help_of(capsys)
        assert shown.startswith("usage: intent-platform")
        assert all(f"{name} {meaning}" in shown for name, meaning in command_meanings().items())

    @pytest.mark.parametrize("name", sorted(COMMANDS))
    def test_of_a_command_shows_its_meaning_and_options(self, name, capsys):
        shown = help_of(capsys, name)
        assert command_meanings()[name] in shown
        assert all(f"--{option.replace('_', '-')}" in shown for option in DEFAULTS.get(name, {}))

    @pytest.mark.parametrize("typed", ["--help", "rollbakc"], ids=["help", "a mistyped name"])
    def test_imports_no_command(self, typed):
        answer = subprocess.run([sys.executable, "-c", PRINT_LOADED_PACKAGES, typed], capture_output=True, text=True)
        assert "rollback" in answer.stdout + answer.stderr
        assert answer.stdout.splitlines()[-1] == "loaded"


@pytest.mark.parametrize("name", sorted(COMMANDS))
class TestOptions:
    @staticmethod
    def declared_defaults(name: str) -> dict[str, object]:
        parser = argparse.ArgumentParser()
        import_module(f"intent_platform.commands.{name.replace('-', '_')}").options(parser)
        return {action.dest: action.default for action in parser._actions if action.dest != "help"}

    def test_are_the_parameters_of_the_command(self, name):
        code = import_module(f"intent_platform.commands.{name.replace('-', '_')}").run.__code__
        assert set(self.declared_defaults(name)) == {*code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]}

    def test_have_these_defaults(self, name):
        declared = self.declared_defaults(name)
        assert declared | DEFAULTS.get(name, {}) == declared


class TestMistake:
    """What argparse refuses. The words come from a user, so they have any length and any characters."""

    def message_of(self, capsys: pytest.CaptureFixture[str], *words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main([*words])
        assert ended.value.code == 2
        return capsys.readouterr().err.partition(" error: ")[2]

    @pytest.mark.parametrize(
        "words",
        [["x" * 5_000], ["prune", "--keep", "9" * 5_000], ["prune", "--keep", "1", "x" * 5_000]],
        ids=["command", "value", "further word"],
    )
    def test_is_not_repeated_whole(self, capsys, words):
        assert len(self.message_of(capsys, *words)) < 1_600

    def test_is_answered_in_one_line(self, capsys):
        assert self.message_of(capsys, "prune", "--keep", "1", "a\nb\nc\nd").count("\n") == 1

    def test_in_the_encoding_is_refused_before_anything_is_done(self, capsys):
        """The ledger cannot store such a reason, and DuckDB cannot open a file of such a name."""
        words = ["promote", "--version", "v_260101_000000", "--reason", "caf\udce9"]
        assert self.message_of(capsys, *words) == r"'caf\udce9' is not UTF-8: type it again in UTF-8" + "\n"

    @pytest.mark.parametrize("words", [["backup", "--to"], ["restore", "--from"], ["demo", "--csv"]], ids=" ".join)
    def test_in_the_name_of_a_user_is_named(self, capsys, words):
        assert "'~nosuch/x'" in self.message_of(capsys, *words, "~nosuch/x")


class TestReasonOfARollback:
    def test_has_one_default_in_job_and_command(self):
        assert RollbackConfig().reason == DEFAULTS["rollback"]["reason"]

    def test_has_the_same_default_in_the_procedure(self):
        rollback = next(sql for sql in procedure_statements("code.zip", "commit") if "PROCEDURE ROLLBACK" in sql)
        assert f"REASON VARCHAR DEFAULT '{DEFAULTS['rollback']['reason']}'" in rollback


class TestDeployment:
    @pytest.mark.parametrize(
        ("command", "reason"),
        [
            ("deploy-sproc", "local has neither procedures nor tasks"),
            ("deploy-task", "local has neither procedures nor tasks"),
            ("monitor", "local has no model monitors"),
        ],
    )
    def test_on_the_local_platform_is_refused(self, command, reason, capsys):
        assert main([command, "--dry-run"]) == 1
        sentence = capsys.readouterr().err
        assert sentence.startswith(f"{command}: {reason}")
        assert sentence.count("\n") == 1

    def test_on_the_local_platform_has_no_account_to_ask(self, capsys):
        assert main(["doctor"]) == 1
        assert capsys.readouterr().err == (
            "doctor: local has no account to ask: set INTENT_PLATFORM_DEPLOYMENT to dev or prod\n"
        )
