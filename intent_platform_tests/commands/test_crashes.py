"""The last net of the commands: an unforeseen error is one sentence, and its traceback is in a file."""

import stat
from importlib import import_module
from pathlib import Path

import pytest

from intent_platform import crashes
from intent_platform.__main__ import main
from intent_platform_tests.builders.environment import act_as_user


@pytest.fixture
def home(monkeypatch, tmp_path: Path) -> Path:
    act_as_user(monkeypatch, home=tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def fail(monkeypatch):
    """Let the command `replay` raise an error."""

    def prepare(error: BaseException) -> None:
        def run(**options: object) -> None:
            raise error

        monkeypatch.setattr(import_module("intent_platform.commands.replay"), "run", run)

    return prepare


class TestUnforeseenError:
    def test_is_one_sentence(self, home, fail, capsys):
        fail(OSError(5, "Input/output error"))
        assert main(["replay"]) == 1
        sentence = capsys.readouterr().err
        assert sentence.startswith("replay: an unforeseen error stopped the command (OSError: [Errno 5] Input/output")
        assert sentence.count("\n") == 1

    def test_has_its_traceback_in_a_file_of_the_owner(self, home, fail, capsys):
        fail(RuntimeError("first line\nsecond line"))
        main(["replay"])
        (file,) = (home / "crashes").iterdir()
        assert str(file) in capsys.readouterr().err
        assert "second line" in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700

    def test_keeps_the_newest_twenty_files(self, home, fail, capsys):
        fail(RuntimeError("again"))
        (home / "crashes").mkdir(parents=True)
        for day in range(1, 26):
            (home / "crashes" / f"intent_platform_2401{day:02}_000000_x.txt").touch()
        main(["replay"])
        names = sorted(path.name for path in (home / "crashes").iterdir())
        assert len(names) == 20
        assert names[0] == "intent_platform_240107_000000_x.txt"
        assert names[-1] in capsys.readouterr().err

    def test_is_told_without_the_middle_of_a_long_text(self, home, fail, capsys):
        fail(RuntimeError("x" * 10_000))
        main(["replay"])
        assert len(capsys.readouterr().err) < 2_500

    def test_in_a_home_that_cannot_be_written_uses_the_temp_folder(self, monkeypatch, tmp_path, fail, capsys):
        act_as_user(monkeypatch, home="/dev/null/home")
        monkeypatch.setattr(crashes, "gettempdir", lambda: str(tmp_path))
        fail(RuntimeError("mine"))
        main(["replay"])
        (file,) = tmp_path.iterdir()
        assert f"Its traceback is in {file}" in capsys.readouterr().err

    def test_is_told_even_if_nothing_can_be_written(self, monkeypatch, fail, capsys):
        act_as_user(monkeypatch, home="/dev/null/home")
        monkeypatch.setattr(crashes, "gettempdir", lambda: "/dev/null")
        fail(RuntimeError("mine"))
        assert main(["replay"]) == 1
        assert "could not be written" in capsys.readouterr().err


class TestFullDisk:
    @pytest.mark.parametrize(("file", "named"), [("/data/x.db", "of /data/x.db"), (None, "of the home folder")])
    def test_is_no_unforeseen_error(self, home, fail, capsys, file, named):
        fail(OSError(28, "No space left on device", file))
        assert main(["replay"]) == 1
        told = f"replay: the disk {named} has no space left: make room on it, then run the command again\n"
        assert capsys.readouterr().err == told
        assert not (home / "crashes").exists()


class TestBrokenPipe:
    def test_is_neither_a_crash_nor_a_message(self, home, fail, capfd):
        fail(BrokenPipeError(32, "Broken pipe"))
        assert main(["replay"]) == 141
        assert capfd.readouterr().err == ""
        assert not (home / "crashes").exists()
