"""`make backup` and `make restore`: a restored home is the home of the moment of the backup, and it plays on."""

import json
import shutil
from itertools import count
from pathlib import Path

import pytest
from filelock import FileLock

from intent_platform.__main__ import main
from intent_platform.partitions import clock_set_to, now
from intent_platform_tests.builders.disk import files_up_to
from intent_platform_tests.commands.conftest import call, contents


@pytest.fixture
def home(played_home: Path) -> Path:
    """A copy of the home after the demo, in the environment of its user."""
    return played_home


@pytest.fixture
def backup(home: Path, tmp_path: Path) -> Path:
    """A backup of the home after the demo."""
    assert main(["backup", "--to", str(tmp_path / "backup")]) == 0
    return tmp_path / "backup"


def damage(home: Path) -> None:
    """Overwrite the databases of the home."""
    for name in ("warehouse.duckdb", "mlflow.db", "dagster/history/runs.db"):
        (home / name).write_bytes(b"not a database")


class TestBackup:
    def test_holds_every_table_and_the_champion(self, played, backup):
        assert contents(backup / "home") == contents(played.home)

    def test_is_for_its_owner_alone(self, backup):
        assert backup.stat().st_mode & 0o077 == 0

    def test_leaves_the_home_in_use(self, home, backup, played):
        assert main(["demo"]) == 0
        assert contents(home) == contents(played.home)

    def test_says_how_to_go_back_to_it(self, home, tmp_path, capsys):
        assert main(["backup", "--to", str(tmp_path / "told")]) == 0
        assert f"make restore from={tmp_path / 'told'}" in capsys.readouterr().out.replace("\n", "")

    @pytest.mark.parametrize("name", ["[/x]", "[bold]", ":bomb:"])
    def test_names_its_folder_as_it_is(self, home, tmp_path, name, capsys):
        assert main(["backup", "--to", str(tmp_path / name)]) == 0
        assert f"make restore from={tmp_path / name}\n" in capsys.readouterr().out

    @pytest.mark.parametrize("place", ["an existing folder", "the home", "x" * 300])
    def test_is_refused(self, home, tmp_path, place, capsys):
        to = {"an existing folder": tmp_path, "the home": home / "backup"}.get(place, tmp_path / place)
        before = contents(home)
        assert main(["backup", "--to", str(to)]) == 1
        assert "name a" in capsys.readouterr().err
        assert contents(home) == before
        assert not (home / "crashes").exists()

    def test_of_a_damaged_database_is_refused_by_its_name(self, home, tmp_path, capsys):
        file = home / "dagster" / "history" / "runs.db"
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        assert main(["backup", "--to", str(tmp_path / "backup")]) == 1
        assert f"{file} could not be copied" in capsys.readouterr().err
        assert not (tmp_path / "backup").exists()


class Interruption(BaseException):
    """Ends a restore as a kill does: nothing catches it."""


def restore_until(move: int, backup: Path) -> None:
    """Restore the backup, and end before this move of a file, counted from 0."""
    moves, rename = count(), Path.rename

    def rename_or_end(path: Path, target: Path) -> Path:
        if next(moves) == move:
            raise Interruption
        return rename(path, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", rename_or_end)
        with pytest.raises(Interruption):
            main(["restore", "--from", str(backup)])


class TestInterruptedRestore:
    @pytest.mark.parametrize("move", range(1, 8))
    def test_leaves_no_warehouse_until_the_last_move(self, home, backup, move, capsys):
        damage(home)
        restore_until(move, backup)
        assert not (home / "warehouse.duckdb").exists()
        assert main(["demo"]) == 1
        assert "make restore from=…" in capsys.readouterr().err

    def test_is_completed_by_another_one_in_the_same_second(self, home, backup, played):
        damage(home)
        with clock_set_to(now()):
            restore_until(5, backup)
            assert main(["restore", "--from", str(backup)]) == 0
        assert contents(home) == contents(played.home)
        assert main(["demo"]) == 0


class TestRestore:
    def test_brings_back_a_damaged_home(self, home, backup, played):
        damage(home)
        assert main(["restore", "--from", str(backup)]) == 0
        assert contents(home) == contents(played.home)

    def test_lets_the_home_play_on(self, home, backup, played, capsys):
        """Dagster knows every run of it, so the demo has nothing to do. A rollback finds its version."""
        damage(home)
        assert main(["restore", "--from", str(backup)]) == 0
        assert main(["demo"]) == 0
        assert "no row changed" in capsys.readouterr().out

    def test_keeps_the_files_that_it_replaces(self, home, backup):
        damage(home)
        assert main(["restore", "--from", str(backup)]) == 0
        (replaced,) = home.glob("replaced_*")
        assert (replaced / "warehouse.duckdb").read_bytes() == b"not a database"

    def test_waits_for_nobody_who_uses_the_home(self, home, backup, played, capsys):
        (home / "dagster" / "workers").mkdir(exist_ok=True)
        with FileLock(home / "dagster" / "workers" / "a-run"):
            assert main(["restore", "--from", str(backup)]) == 1
        assert "run a-run of a command uses" in capsys.readouterr().err
        assert contents(home) == contents(played.home)

    def test_to_a_full_disk_changes_nothing_and_names_one_file(self, home, backup, played, capsys):
        with files_up_to(1_000):
            assert main(["restore", "--from", str(backup)]) == 1
        told = capsys.readouterr().err
        assert "make room" in told
        assert told.count(str(backup)) == 1
        assert contents(home) == contents(played.home)

    def test_fills_a_new_home(self, backup, tmp_path, played):
        moved = tmp_path / "elsewhere"
        call(moved, "restore", "--from", str(backup))
        assert contents(moved) == contents(played.home)
        assert "no row changed" in call(moved, "demo").output

    @pytest.mark.parametrize("fault", ["a flipped byte", "a missing file", "a newer form", "no manifest"])
    def test_of_a_damaged_backup_changes_nothing(self, home, backup, fault, played, capsys):
        file = backup / "home" / "warehouse.duckdb"
        if fault == "a flipped byte":
            content = bytearray(file.read_bytes())
            content[len(content) // 2] ^= 1
            file.write_bytes(content)
        elif fault == "a missing file":
            file.unlink()
        elif fault == "a newer form":
            manifest = backup / "manifest.json"
            manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": 2}))
        else:
            shutil.rmtree(backup)
        assert main(["restore", "--from", str(backup)]) == 1
        assert "backup" in capsys.readouterr().err
        assert contents(home) == contents(played.home)
        assert not [*home.glob("replaced_*")]
