"""The home that commands prepare and the store that they open, whole or damaged, alone or at the same time."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from intent_platform.__main__ import main
from intent_platform.errors import InstanceError, SettingsError
from intent_platform.instance import home as home_module
from intent_platform.instance import open_instance
from intent_platform.instance.home import prepare_home
from intent_platform.settings import Settings, load_settings
from intent_platform_tests.builders.disk import files_up_to
from intent_platform_tests.builders.environment import act_as_user

DATABASES = ["history/runs.db", "history/runs/index.db", "schedules/schedules.db"]
OPEN = """
import sys
from intent_platform.instance import open_instance
from intent_platform.platforms import platform_for
from intent_platform.settings import load_settings
settings = load_settings()
print("ready", flush=True)
sys.stdin.readline()
with open_instance(settings) as instance, platform_for(settings).warehouse.connect():
    print(instance.get_runs_count(), platform_for(settings).registry.versions())
"""


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`prepare_home` sets DAGSTER_HOME, and a command sets the umask of the process."""
    monkeypatch.setenv("DAGSTER_HOME", "")
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def store(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """Dagster's home with a store. No test changes it."""

    def fill(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DAGSTER_HOME", "")
            with open_instance(load_settings(home=folder)):
                pass

    return made_once("store", fill) / "dagster"


class TestNewHome:
    def test_is_for_its_user_only(self, settings: Settings, monkeypatch: pytest.MonkeyPatch):
        act_as_user(monkeypatch, home=settings.home)
        assert main(["prune", "--keep", "1"]) == 0
        with open_instance(settings):
            pass
        paths = [settings.home, *settings.home.rglob("*")]
        assert [path for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077] == []

    def test_is_created_once_by_processes_that_start_together(self, tmp_path: Path):
        environment = {**os.environ, "DAGSTER_HOME": "", "INTENT_PLATFORM_HOME": str(tmp_path / "home")}
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", OPEN],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        answers = [process.communicate() for process in processes]
        assert [answer for answer, _ in answers] == ["0 []\n"] * 4, answers


class TestExistingHome:
    def test_keeps_its_modes(self, settings: Settings):
        settings.home.mkdir(mode=0o750)
        prepare_home(settings)
        assert stat.S_IMODE(settings.home.stat().st_mode) == 0o750

    def test_that_another_command_prepares_is_refused(self, settings: Settings, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(home_module, "_STARTING_SECONDS", 0)
        (settings.home / "dagster").mkdir(parents=True)
        with (
            FileLock(settings.home / "dagster" / "start.lock"),
            pytest.raises(InstanceError, match="another command has been starting"),
        ):
            prepare_home(settings)

    def test_that_is_a_file_is_refused(self, settings: Settings):
        settings.home.write_text("")
        with pytest.raises(SettingsError, match="INTENT_PLATFORM_HOME"):
            prepare_home(settings)

    def test_that_cannot_be_written_is_refused(self, settings: Settings, monkeypatch: pytest.MonkeyPatch):
        """As on a read-only disk. The user of a test may be one whom modes do not stop."""

        def refuse(*_: object) -> None:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(shutil, "copyfile", refuse)
        with pytest.raises(SettingsError, match="Read-only file system"):
            prepare_home(settings)


class TestDagsterHome:
    def test_with_a_configuration_is_used(self, settings: Settings, store: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("DAGSTER_HOME", str(store))
        assert prepare_home(settings) == store
        assert not settings.home.exists()

    @pytest.mark.parametrize("name", ["relative", "{}/missing", "{}/file", "{}/empty", "{}/" + 300 * "x"])
    def test_that_is_unusable_is_refused(self, settings, tmp_path, monkeypatch: pytest.MonkeyPatch, name: str):
        (tmp_path / "file").write_text("")
        (tmp_path / "empty").mkdir()
        monkeypatch.setenv("DAGSTER_HOME", name.format(tmp_path))
        with pytest.raises(SettingsError, match="unset it"):
            prepare_home(settings)

    @pytest.mark.parametrize("text", ["nonsense: 1", "a: ["], ids=["unknown name", "not YAML"])
    def test_with_a_wrong_configuration_is_refused(self, settings, tmp_path, monkeypatch, text: str):
        (tmp_path / "dagster.yaml").write_text(text)
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
        with pytest.raises(InstanceError, match=r"dagster\.yaml"), open_instance(settings):
            pass


class TestFullDisk:
    def test_that_dagster_finds_while_it_runs_is_named(self, settings: Settings, store: Path):
        shutil.copytree(store, settings.home / "dagster")
        with (
            pytest.raises(InstanceError, match="its disk has space"),
            open_instance(settings) as instance,
            files_up_to(1_000),
        ):
            instance.run_storage.set_cursor_values({"a": "b" * 100_000})


class TestClosedHome:
    @pytest.mark.parametrize("feed", ["auto", "simulated"])
    def test_is_named(self, tmp_path: Path, monkeypatch, feed: str):
        def refuse(path: Path) -> bool:  # root may read every folder
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(Path, "exists", refuse)
        with pytest.raises(SettingsError, match="cannot read the home folder"):
            load_settings(home=tmp_path, feed=feed)


class TestDamage:
    @pytest.fixture
    def copy(self, settings: Settings, store: Path) -> Path:
        return shutil.copytree(store, settings.home / "dagster")

    @pytest.mark.parametrize("name", DATABASES)
    @pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"garbage" * 1000])
    def test_of_a_database_is_named(self, settings: Settings, copy: Path, name: str, damage):
        (copy / name).write_bytes(damage((copy / name).read_bytes()))
        with pytest.raises(InstanceError, match=rf"{name} is damaged.*make restore"), open_instance(settings):
            pass

    @pytest.mark.parametrize("name", DATABASES[:2])
    def test_that_empties_a_database_is_named(self, settings: Settings, copy: Path, name: str):
        (copy / name).write_bytes(b"")
        with pytest.raises(InstanceError, match=f"{name} is damaged .it is empty"), open_instance(settings):
            pass

    def test_of_the_store_that_is_a_file_is_named(self, settings: Settings, copy: Path):
        shutil.rmtree(copy / "history")
        (copy / "history").write_text("")
        with pytest.raises(InstanceError, match="cannot open its store"), open_instance(settings):
            pass

    def test_is_not_what_a_killed_first_start_leaves(self, settings: Settings, copy: Path):
        """The first start was killed after it opened a database and before it created the tables."""
        (copy / DATABASES[1]).write_bytes(b"")
        (copy / DATABASES[2]).unlink()
        with open_instance(settings) as instance:
            assert instance.get_runs() == []
