"""`make doctor`: its table and exit code, what it sends and writes, and accounts that answer from its file."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from intent_platform.__main__ import main
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.doctor.examination import PROBES, Examination, scratch_schema
from intent_platform.platforms.snowflake.doctor.record import read_answers
from intent_platform.platforms.snowflake.preparation import prepare
from intent_platform.settings import load_settings
from intent_platform_tests.builders.environment import act_as_user, clean_environment

#: What another account answers, by the names of the probes.
OTHERWISE: dict[str, Any] = {
    "login.version": "10.40.0",
    "login.region": "AWS_AP_NORTHEAST_1",
    "login.network_policies": 2,
    "privileges.missing": ["EXECUTE TASK ON ACCOUNT"],
    "privileges.refused": {"view": 3001},
    "times.parameters": {"DATE_OUTPUT_FORMAT": "DD.MM.YYYY"},
    "types.integers": ["int32"],
    "errors.unknown_table": 2049,
    "errors.python": 100999,
    "errors.timeout": 604,
    "limits.metadata": 10_000,
    "limits.query_tag": 500,
}
READS = ("SELECT", "WITH", "SHOW", "DESC", "LIST", "USE", "BEGIN", "COMMIT", "ROLLBACK", "ALTER SESSION", "CALL")


@dataclass(frozen=True)
class Asked:
    """A finished doctor: its exit code, what it printed, and the answers in its file."""

    code: int
    output: str
    error: str
    file: Path

    @property
    def answers(self) -> dict[str, Any]:
        return read_answers(self.file)


def ask(home: Path, parameters: dict[str, Any]) -> Asked:
    """Call `make doctor` as a user with this home and this account."""
    account = {f"snowflake_{name}": value for name, value in parameters.items()}
    with clean_environment() as patch, redirect_stdout(StringIO()) as output, redirect_stderr(StringIO()) as error:
        act_as_user(patch, home=home, deployment="dev", **account)
        patch.setenv("COLUMNS", "400")  # each row of the table on one line
        code = main(["doctor"])
    return Asked(code, output.getvalue(), error.getvalue(), home / "snowflake_account.json")


@pytest.fixture(scope="module")
def asked(emulator, tmp_path_factory) -> Asked:
    """The doctor at the emulated account."""
    return ask(tmp_path_factory.mktemp("doctor") / "home", emulator.connection_parameters)


@contextmanager
def fresh_account(folder: Path, answers: Path) -> Iterator[dict[str, Any]]:
    """A prepared account in a process of its own, which answers as the file says."""
    command = [sys.executable, "-m", "intent_platform_tests.snowflake_emulator"]
    with subprocess.Popen(
        [*command, "--root", str(folder), "--answers", str(answers)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            parameters = json.loads(process.stdout.readline())
            settings = load_settings(deployment="dev", snowflake=parameters)
            prepare(SnowflakeConnector(settings), "ACCOUNTADMIN", lambda _: None, dry=False)
            yield parameters
        finally:
            process.terminate()


def table_rows(asked: Asked) -> dict[str, str]:
    """The rows of the printed table by probe. The names of the probes are printed before it too."""
    table = asked.output.partition("What the platform assumes")[2]
    lines = [line for line in table.splitlines() if line.split(" ")[0] in {probe.name for probe in PROBES}]
    return {line.split(" ")[0]: re.sub(r" {2,}", " | ", line.strip()) for line in lines}


class TestDoctor:
    def test_finds_no_difference_at_the_emulated_account(self, asked, emulator):
        assert Examination(asked.answers, _names(emulator.connection_parameters)).differences == []
        assert (asked.code, asked.error) == (0, "")

    def test_prints_a_row_for_each_probe(self, asked):
        assert list(table_rows(asked)) == [probe.name for probe in PROBES]

    def test_writes_no_name_of_the_account(self, asked, emulator):
        written = asked.file.read_text().lower()
        names = {str(emulator.connection_parameters[name]).lower() for name in ("user", "password", "port")}
        assert [name for name in names | {"mlsystem", "compute_wh", "127.0.0.1"} if name in written] == []

    def test_changes_schemas_of_its_own_only(self, asked, emulator):
        """Its connections are in the scratch schema, so only statements that name a schema can leave it."""
        sent = [each.sql for each in emulator.statements if '"asset": "doctor"' in each.tag]
        changing = [sql for sql in sent if not sql.lstrip().upper().startswith(READS)]
        places = {place for sql in changing for place in re.findall(r"\bMLSYSTEM_DEV\.(\w+)", sql.upper())}
        assert len(changing) > len(PROBES)
        assert scratch_schema(load_settings(home=asked.file.parent)) in places
        assert [place for place in places if not re.fullmatch("DOCTOR_[0-9A-F]{12}", place)] == []


class TestAccountWithTheAnswersOfAnother:
    def test_gives_the_same_table(self, asked, tmp_path):
        recorded = json.loads(asked.file.read_text())
        recorded["answers"] |= OTHERWISE
        file = tmp_path / "recorded.json"
        file.write_text(json.dumps(recorded))
        with fresh_account(tmp_path / "account", file) as parameters:
            again = ask(tmp_path / "home", parameters)
        assert again.answers == recorded["answers"]
        shown = {row.row[0]: row for row in Examination(again.answers, _names(parameters)).findings}
        assert list(table_rows(again)) == list(shown)
        assert all(finding.row[3] in table_rows(again)[name] for name, finding in shown.items())


def _names(parameters: dict[str, Any]) -> dict[str, Any]:
    return dict(SnowflakeConnector(load_settings(deployment="dev", snowflake=parameters)).parameters)
