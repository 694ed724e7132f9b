"""Commands that cannot do their work give one sentence, and leave the home as it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from intent_platform.__main__ import main


@pytest.fixture
def unchanged_home(home: Path) -> Iterator[Path]:
    """The home. After the test it has the same files as before."""
    before = sorted(home.rglob("*"))
    yield home
    assert sorted(home.rglob("*")) == before


class TestUnusableFile:
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
    @pytest.mark.usefixtures("unchanged_home")
    def test_gives_one_sentence_and_leaves_nothing(self, tmp_path, capsys, command, text, named):
        path = tmp_path / "given.csv"
        if text is not None:
            path.write_text(text)
        assert main([command, "--csv", str(path)]) == 1
        sentence = capsys.readouterr().err
        assert named in sentence
        assert sentence.count("\n") == 1

    @pytest.mark.usefixtures("unchanged_home")
    def test_that_is_truncated_leaves_nothing(self, csv, tmp_path, capsys):
        text = csv.read_text()
        truncated = tmp_path / "truncated.csv"
        truncated.write_text(text[: text.index("Visitor", len(text) // 2)])
        assert main(["demo", "--csv", str(truncated)]) == 1
        assert "cannot be read as a table" in capsys.readouterr().err

    @pytest.mark.usefixtures("unchanged_home")
    def test_with_a_very_long_name_is_not_repeated_whole(self, capsys):
        assert main(["setup", "--csv", "x" * 5_000]) == 1
        sentence = capsys.readouterr().err
        assert "give the path of online_shoppers_intention.csv" in sentence
        assert len(sentence) < 1_600


class TestDeployment:
    @pytest.mark.parametrize("command", ["demo", "setup"])
    @pytest.mark.usefixtures("unchanged_home")
    def test_without_an_account_names_the_variable(self, csv, monkeypatch, capsys, command):
        monkeypatch.setenv("INTENT_PLATFORM_DEPLOYMENT", "prod")
        assert main([command, "--csv", str(csv)]) == 1
        assert "INTENT_PLATFORM_SNOWFLAKE_ACCOUNT" in capsys.readouterr().err


@pytest.mark.usefixtures("unchanged_home")
class TestImpossibleOption:
    @pytest.mark.parametrize(
        ("command", "named"),
        [
            (["setup", "--dry-run"], "dry_run is for Snowflake"),
            (["setup", "--admin-role", "ACCOUNTADMIN"], "admin_role is for Snowflake"),
            (["game-day", "--scenario", "none", "--days", "0"], "--days must be from 1"),
            (["game-day", "--scenario", "none", "--days", "-5"], "--days must be from 1"),
        ],
        ids=["dry run on local", "role on local", "no days", "negative days"],
    )
    def test_is_refused_before_anything_is_created(self, capsys, command, named):
        assert main(command) == 1
        sentence = capsys.readouterr().err
        assert named in sentence
        assert sentence.count("\n") == 1


class TestLandingFolder:
    def test_that_is_a_file_names_its_setting(self, home, monkeypatch, capsys):
        monkeypatch.setenv("INTENT_PLATFORM_FEED", "landing")
        (home / "landing").touch()
        assert main(["setup"]) == 1
        assert "set INTENT_PLATFORM_LANDING_FOLDER" in capsys.readouterr().err


@pytest.mark.usefixtures("home")
class TestHome:
    def test_that_cannot_be_written_names_its_variable(self, csv, monkeypatch, capsys):
        monkeypatch.setenv("INTENT_PLATFORM_HOME", "/dev/null/home")
        assert main(["setup", "--csv", str(csv)]) == 1
        sentence = capsys.readouterr().err
        assert "INTENT_PLATFORM_HOME" in sentence
        assert sentence.count("\n") == 1


@pytest.mark.usefixtures("home")
class TestRollback:
    @pytest.mark.parametrize(
        ("version", "named"),
        [("v2", "v_YYMMDD_HHMMSS"), ("x" * 5_000, "for example v_"), ("previous", "none was ever promoted")],
        ids=["to a malformed name", "to a very long name", "to the previous of no champion"],
    )
    def test_gives_one_sentence(self, capsys, version, named):
        assert main(["rollback", "--version", version]) == 1
        sentence = capsys.readouterr().err
        assert named in sentence
        assert sentence.count("\n") == 1
        assert len(sentence) < 1_600


@pytest.mark.usefixtures("home")
class TestReplay:
    def test_of_an_empty_home_names_the_demo(self, capsys):
        assert main(["replay"]) == 1
        assert "make demo" in capsys.readouterr().err
