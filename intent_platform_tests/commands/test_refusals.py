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


class TestDeployment:
    @pytest.mark.parametrize("command", ["demo", "setup"])
    @pytest.mark.usefixtures("unchanged_home")
    def test_without_an_account_names_the_variable(self, csv, monkeypatch, capsys, command):
        monkeypatch.setenv("INTENT_PLATFORM_DEPLOYMENT", "prod")
        assert main([command, "--csv", str(csv)]) == 1
        assert "INTENT_PLATFORM_SNOWFLAKE_ACCOUNT" in capsys.readouterr().err


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
        [("v2", "v_YYMMDD_HHMMSS"), ("previous", "none was ever promoted")],
        ids=["to a malformed name", "to the previous of no champion"],
    )
    def test_gives_one_sentence(self, capsys, version, named):
        assert main(["rollback", "--version", version]) == 1
        sentence = capsys.readouterr().err
        assert named in sentence
        assert sentence.count("\n") == 1


@pytest.mark.usefixtures("home")
class TestReplay:
    def test_of_an_empty_home_names_the_demo(self, capsys):
        assert main(["replay"]) == 1
        assert "make demo" in capsys.readouterr().err
