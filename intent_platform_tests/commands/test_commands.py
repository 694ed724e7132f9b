import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from intent_platform.__main__ import main
from intent_platform.partitions import add_months, now
from intent_platform.settings import load_settings
from intent_platform.tables import TABLES
from intent_platform_tests.builders.sensors import evaluate
from intent_platform_tests.builders.sessions import write_uci_csv

MONTHS = {"Mar": 300, "May": 300, "June": 200}


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return write_uci_csv(tmp_path / "sessions.csv", MONTHS)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_registry) -> Path:
    """The environment of a user who wants a quick run; a command leaves DAGSTER_HOME behind, undone afterwards."""
    home = tmp_path / "home"
    empty_registry(home)
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.delenv("DAGSTER_HOME")
    for name, value in {
        "HOME": str(home),
        "TRAINING_TRIALS": "1",
        "TRAINING_FOLDS": "2",
        "WAREHOUSE_TIMEOUT_SECONDS": "1",
    }.items():
        monkeypatch.setenv(f"INTENT_PLATFORM_{name}", value)
    return home


def contents(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        return {table.name: sorted(connection.table(table.name).fetchall(), key=repr) for table in TABLES}


def test_the_demo_plays_all_months_and_a_second_call_changes_no_row(home, csv, capsys):
    assert main(["demo", "--csv", str(csv)]) == 0
    output = capsys.readouterr().out
    assert "runs wrote" in output
    assert "make rollback" in output
    played = contents(home)
    assert len(played["SOURCE"]) == len(played["DATASET"]) == sum(MONTHS.values())
    assert len(played["SCORES"]) == MONTHS["May"] + MONTHS["June"]
    assert {row[0].month for row in played["EVALUATIONS"]} == {4, 5, 6}
    assert len(played["CHAMPION_HISTORY"]) >= 1
    # The home has its own copy of the file: the second call needs no path.
    assert main(["demo"]) == 0
    assert "no row changed" in capsys.readouterr().out
    assert contents(home) == played

    other = write_uci_csv(csv.with_name("other.csv"), MONTHS, seed=1)
    assert main(["demo", "--csv", str(other)]) == 1
    assert "another file" in capsys.readouterr().err
    assert contents(home) == played

    assert main(["replay"]) == 0
    replayed = capsys.readouterr().out
    assert all(policy in replayed for policy in ("evidence", "greater", "always", "never", "regret"))
    assert (home / "replay.png").read_bytes().startswith(b"\x89PNG")
    assert contents(home) == played

    champion = played["CHAMPION_HISTORY"][-1][4]
    assert main(["rollback", "--version", str(champion)]) == 0
    assert "already" in capsys.readouterr().out
    assert main(["rollback", "--version", "v_000101_000000"]) == 1
    assert "has no version v_000101_000000" in capsys.readouterr().err
    target = next(row[1] for row in played["EVALUATIONS"] if row[1] != champion)
    assert main(["rollback", "--version", str(target), "--reason", "it's too high"]) == 0
    assert f"now {target}" in capsys.readouterr().out
    last = contents(home)["CHAMPION_HISTORY"][-1]
    assert last[3:7] == (champion, target, "rollback", "it's too high")
    assert main(["promote", "--version", str(champion), "--reason", ""]) == 1
    assert "a reason is missing" in capsys.readouterr().err
    assert main(["promote", "--version", str(champion), "--reason", "it was right"]) == 0
    assert f"now {champion}" in capsys.readouterr().out
    assert contents(home)["CHAMPION_HISTORY"][-1][3:7] == (target, champion, "force", "it was right")


def test_the_demo_of_a_living_feed_ends_with_yesterday(home, monkeypatch, capsys):
    yesterday = now().date() - timedelta(days=1)
    for name, value in {
        "FIRST_DAY": add_months(yesterday, -2).isoformat(),
        "SIMULATED_SESSIONS_PER_DAY": "20",
        "DEMO_MONTHS": "3",
    }.items():
        monkeypatch.setenv(f"INTENT_PLATFORM_{name}", value)
    assert main(["demo"]) == 0
    played = contents(home)
    days = sorted({row[1] for row in played["DATASET"]})
    assert (days[0], days[-1]) == (add_months(yesterday, -2), yesterday)
    assert len(played["SOURCE"]) == len(played["DATASET"]) > 20 * 45
    assert max(row[1] for row in played["SCORES"]) == yesterday
    capsys.readouterr()
    assert main(["demo"]) == 0
    assert "no row changed" in capsys.readouterr().out
    assert contents(home) == played
    # What `make dev` finds: nothing is missing, so that its sensors ask for nothing until the next clock.
    settings = load_settings()
    with dg.DagsterInstance.get() as instance:
        assert evaluate(settings, "catch_up_sensor", instance).run_requests == []


def test_one_warehouse_holds_one_past(home, csv, monkeypatch, capsys):
    assert main(["setup", "--csv", str(csv)]) == 0
    loaded = contents(home)
    monkeypatch.setenv("INTENT_PLATFORM_FEED", "simulated")
    for command in ("setup", "demo"):
        assert main([command]) == 1
        assert "holds sessions of the feed uci" in capsys.readouterr().err
    monkeypatch.delenv("INTENT_PLATFORM_FEED")
    assert main(["setup"]) == 0  # the home has the file: it goes on with that
    assert contents(home)["SOURCE"] != []
    assert {row[:-1] for row in contents(home)["SOURCE"]} == {row[:-1] for row in loaded["SOURCE"]}


def test_setup_loads_the_source_and_counts_it(home, csv, capsys):
    assert main(["setup", "--csv", str(csv)]) == 0
    assert f"{sum(MONTHS.values()):,} sessions in SOURCE, 0 rejected" in " ".join(capsys.readouterr().out.split())
    assert main(["setup", "--csv", str(csv)]) == 0
    loaded = contents(home)
    assert len(loaded["SOURCE"]) == sum(MONTHS.values())
    assert loaded["DATASET"] == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a,b\n1,2\n", "ADMINISTRATIVE"),
        ("", "empty"),
        (None, "there is no file"),
    ],
    ids=["wrong columns", "empty", "missing"],
)
@pytest.mark.parametrize("command", ["demo", "setup"])
def test_a_file_that_is_none_gives_one_sentence_and_leaves_nothing(home, tmp_path, capsys, command, text, named):
    before = sorted(home.rglob("*"))
    path = tmp_path / "given.csv"
    if text is not None:
        path.write_text(text)
    assert main([command, "--csv", str(path)]) == 1
    sentence = capsys.readouterr().err
    assert named in sentence
    assert sentence.count("\n") == 1
    assert sorted(home.rglob("*")) == before


def test_a_truncated_file_gives_one_sentence_and_leaves_nothing(home, csv, capsys):
    before = sorted(home.rglob("*"))
    text = csv.read_text()
    csv.write_text(text[: text.index("Visitor", len(text) // 2)])
    assert main(["demo", "--csv", str(csv)]) == 1
    assert "cannot be read as a table" in capsys.readouterr().err
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize(("version", "named"), [("v2", "v_YYMMDD_HHMMSS"), ("previous", "none was ever promoted")])
def test_a_rollback_that_cannot_be_gives_one_sentence(home, capsys, version, named):
    assert main(["rollback", "--version", version]) == 1
    sentence = capsys.readouterr().err
    assert named in sentence
    assert sentence.count("\n") == 1


def test_a_replay_of_nothing_gives_one_sentence(home, capsys):
    assert main(["replay"]) == 1
    assert "make demo" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["demo", "setup"])
def test_a_deployment_without_an_account_gives_one_sentence_and_leaves_nothing(home, csv, monkeypatch, capsys, command):
    before = sorted(home.rglob("*"))
    monkeypatch.setenv("INTENT_PLATFORM_DEPLOYMENT", "prod")
    assert main([command, "--csv", str(csv)]) == 1
    assert "INTENT_PLATFORM_SNOWFLAKE_ACCOUNT" in capsys.readouterr().err
    assert sorted(home.rglob("*")) == before


def test_a_home_that_cannot_be_written_gives_one_sentence(home, csv, monkeypatch, capsys):
    monkeypatch.setenv("INTENT_PLATFORM_HOME", "/dev/null/home")
    assert main(["setup", "--csv", str(csv)]) == 1
    sentence = capsys.readouterr().err
    assert "INTENT_PLATFORM_HOME" in sentence
    assert sentence.count("\n") == 1


def test_a_warehouse_that_another_process_holds_is_named_with_its_holder(home, csv, capsys):
    assert main(["setup", "--csv", str(csv)]) == 0
    loaded = contents(home)
    program = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(home / "warehouse.duckdb")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
        assert main(["setup", "--csv", str(csv)]) == 1
        sentence = capsys.readouterr().err
        assert f"held by process {holder.pid}" in sentence
        assert sentence.count("\n") == 1
    finally:
        holder.communicate()
    assert contents(home) == loaded
