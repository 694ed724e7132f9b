"""`make setup` and `make demo` when somebody else fills the table."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from intent_platform.__main__ import main
from intent_platform.settings import Settings, load_settings
from intent_platform_tests.builders.environment import act_as_user, clean_environment
from intent_platform_tests.builders.observed_table import Filler, in_a_file
from intent_platform_tests.commands.conftest import QUICK, Called, call


def observing(file: Path) -> dict[str, object]:
    """The settings of a user who observes a table in this file."""
    return {
        **QUICK,
        "feed": "table",
        "table_file": file,
        "table_relation": "shop.sessions",
        "warehouse_timeout_seconds": 5,
    }


@pytest.fixture
def filler(home: Path, monkeypatch: pytest.MonkeyPatch, make_settings, tmp_path: Path) -> Filler:
    """The owner of an empty table in a file, and the environment of a user who observes it."""
    filler = in_a_file(make_settings, tmp_path / "elt.duckdb")
    act_as_user(monkeypatch, home=home, **observing(tmp_path / "elt.duckdb"))
    return filler


class TestSetup:
    def test_reports_the_number_of_sessions(self, filler, capsys):
        filler.put(date(2024, 3, 5), 30)
        assert main(["setup"]) == 0
        assert f"30 sessions in SHOP.SESSIONS in {filler.settings.table.file}, 0 rejected." in capsys.readouterr().out

    def test_loads_nothing(self, filler):
        filler.put(date(2024, 3, 5), 30)
        assert main(["setup"]) == 0
        assert filler.ours("SELECT COUNT(*) AS COUNTED FROM SOURCE") == [(0,)]

    def test_names_a_missing_column(self, filler, capsys):
        filler.put(date(2024, 3, 5), 30)
        filler.run("ALTER TABLE {} DROP COLUMN REGION")
        assert main(["setup"]) == 1
        assert "lacks REGION" in capsys.readouterr().err


class Played(NamedTuple):
    """The owner of a table of four months, the contents of the table before the demo, and the demo."""

    filler: Filler
    before: list[str]
    demo: Called


class TestDemo:
    @pytest.fixture(scope="class")
    @classmethod
    def played(cls, new_home: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Played:
        """One session of each month is invalid."""
        home, file = new_home(), tmp_path_factory.mktemp("owner") / "elt.duckdb"

        def make_settings(**overrides: object) -> Settings:
            with clean_environment():
                return load_settings(home=home, **overrides)

        filler = in_a_file(make_settings, file)
        for month, sessions in ((3, 300), (4, 300), (5, 300), (6, 200)):
            filler.put(date(2024, month, 5), sessions, REGION=[-1])
        return Played(filler, filler.contents(), call(home, "demo", **observing(file)))

    def test_reports_its_runs(self, played):
        assert "runs wrote" in played.demo.output

    def test_builds_features_of_the_valid_sessions(self, played):
        counted = "SELECT (SELECT COUNT(*) FROM DATASET) AS KEPT, (SELECT COUNT(*) FROM SOURCE_REJECTED) AS REJECTED"
        assert played.filler.ours(counted) == [(1096, 4)]

    def test_scores_sessions(self, played):
        assert played.filler.ours("SELECT COUNT(*) > 0 AS SCORED FROM SCORES") == [(True,)]

    def test_starts_no_run_when_it_is_repeated(self, played):
        again = call(played.demo.home, "demo", **observing(played.filler.settings.table.file))
        assert "no run was started" in again.output

    def test_only_reads_the_table(self, played):
        assert played.filler.contents() == played.before

    @pytest.mark.usefixtures("filler")
    def test_refuses_an_empty_table(self, capsys):
        assert main(["demo"]) == 1
        assert "has none" in capsys.readouterr().err

    def test_names_a_missing_table(self, filler, capsys, tmp_path):
        (tmp_path / "elt.duckdb").unlink()
        duckdb.connect(str(tmp_path / "elt.duckdb")).close()
        assert main(["demo"]) == 1
        sentence = capsys.readouterr().err
        assert "SHOP.SESSIONS cannot be read" in sentence
        assert "Traceback" not in sentence
