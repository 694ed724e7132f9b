"""`make setup` and `make demo` when somebody else fills the table."""

from datetime import date
from pathlib import Path

import duckdb
import pytest

from intent_platform.__main__ import main
from intent_platform_tests.builders.observed_table import Filler, in_a_file


@pytest.fixture
def filler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_settings, empty_registry) -> Filler:
    """Three months in a file, and the environment of a user who observes it."""
    home, file = tmp_path / "home", tmp_path / "elt.duckdb"
    empty_registry(home)
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.delenv("DAGSTER_HOME")
    filler = in_a_file(make_settings, file)
    for name, value in {
        "HOME": str(home),
        "FEED": "table",
        "TABLE_FILE": str(file),
        "TABLE_RELATION": "shop.sessions",
        "TRAINING_TRIALS": "1",
        "TRAINING_FOLDS": "2",
        "WAREHOUSE_TIMEOUT_SECONDS": "5",
    }.items():
        monkeypatch.setenv(f"INTENT_PLATFORM_{name}", value)
    return filler


def test_setup_loads_nothing_and_says_what_is_there(filler, capsys):
    filler.put(date(2024, 3, 5), 30)
    assert main(["setup"]) == 0
    assert f"30 sessions in SHOP.SESSIONS in {filler.settings.table.file}, 0 rejected." in capsys.readouterr().out
    assert filler.ours("SELECT COUNT(*) AS COUNTED FROM SOURCE") == [(0,)]
    filler.run("ALTER TABLE {} DROP COLUMN REGION")
    assert main(["setup"]) == 1
    assert "lacks REGION" in capsys.readouterr().err


def test_the_demo_plays_the_months_of_the_table_and_a_second_call_changes_nothing(filler, capsys):
    assert main(["demo"]) == 1
    assert "has none" in capsys.readouterr().err
    for month, n in ((3, 300), (4, 300), (5, 300), (6, 200)):
        filler.put(date(2024, month, 5), n, REGION=[-1])
    before = filler.contents()
    assert main(["demo"]) == 0
    assert "runs wrote" in capsys.readouterr().out
    counted = "SELECT (SELECT COUNT(*) FROM DATASET) AS KEPT, (SELECT COUNT(*) FROM SOURCE_REJECTED) AS REJECTED"
    assert filler.ours(counted) == [(1096, 4)]
    assert filler.ours("SELECT COUNT(*) > 0 AS SCORED FROM SCORES") == [(True,)]
    assert main(["demo"]) == 0
    assert "no run was started" in capsys.readouterr().out
    assert filler.contents() == before


def test_a_demo_without_a_table_says_so(filler, capsys, tmp_path):
    (tmp_path / "elt.duckdb").unlink()
    duckdb.connect(str(tmp_path / "elt.duckdb")).close()
    assert main(["demo"]) == 1
    said = capsys.readouterr().err
    assert "SHOP.SESSIONS cannot be read" in said
    assert "Traceback" not in said
