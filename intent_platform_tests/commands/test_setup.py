"""`make setup`: what it loads, and that one warehouse holds the sessions of one feed."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from intent_platform.__main__ import main
from intent_platform_tests.commands.conftest import MONTHS, Called, call, contents


@pytest.fixture(scope="module")
def loaded(new_home: Callable[[], Path], csv: Path) -> Called:
    """The home after a first setup. Every test that changes it does so in a copy."""
    return call(new_home(), "setup", "--csv", str(csv))


@pytest.fixture
def home(loaded: Called, home: Path) -> Path:
    """A copy of the home after the setup, in the environment of its user."""
    shutil.rmtree(home)
    return shutil.copytree(loaded.home, home)


class TestSetup:
    def test_reports_the_number_of_sessions(self, loaded):
        assert f"{sum(MONTHS.values()):,} sessions in SOURCE, 0 rejected" in " ".join(loaded.output.split())

    def test_loads_the_source_and_nothing_else(self, loaded):
        tables = contents(loaded.home)
        assert len(tables["SOURCE"]) == sum(MONTHS.values())
        assert tables["DATASET"] == []

    def test_can_be_repeated(self, home, csv):
        assert main(["setup", "--csv", str(csv)]) == 0
        tables = contents(home)
        assert len(tables["SOURCE"]) == sum(MONTHS.values())
        assert tables["DATASET"] == []

    def test_continues_with_the_file_of_the_home(self, home, loaded):
        """Only LOADED_AT, the last column, changes."""
        assert main(["setup"]) == 0
        before, after = contents(loaded.home)["SOURCE"], contents(home)["SOURCE"]
        assert after != []
        assert {row[:-1] for row in after} == {row[:-1] for row in before}


class TestWarehouse:
    @pytest.mark.parametrize("command", ["setup", "demo"])
    def test_of_one_feed_refuses_another(self, home, monkeypatch, capsys, command):
        monkeypatch.setenv("INTENT_PLATFORM_FEED", "simulated")
        assert main([command]) == 1
        assert "holds sessions of the feed uci" in capsys.readouterr().err

    @pytest.fixture
    def holder(self, home: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Another process that has the warehouse open."""
        program = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(home / "warehouse.duckdb")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == b"held"
            yield process
        finally:
            process.communicate()

    def test_that_another_process_holds_names_it(self, home, csv, capsys, holder):
        assert main(["setup", "--csv", str(csv)]) == 1
        sentence = capsys.readouterr().err
        assert f"held by process {holder.pid}" in sentence
        assert sentence.count("\n") == 1

    def test_that_another_process_holds_is_unchanged(self, home, csv, loaded, holder):
        assert main(["setup", "--csv", str(csv)]) == 1
        holder.communicate()
        assert contents(home) == contents(loaded.home)
