"""The files of the local registry: each kind of damage is one sentence, and any folder can be the home."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import mlflow.catboost
import pytest
from catboost import CatBoostError
from filelock import FileLock

from intent_platform.errors import VersionUnfit, WarehouseError
from intent_platform.platforms.local.registry import MlflowRegistry
from intent_platform.platforms.versions import ModelVersion
from intent_platform_tests.builders.disk import files_up_to
from intent_platform_tests.platforms.conftest import provenance


def registry_in(home: Path, timeout_seconds: float = 5) -> MlflowRegistry:
    """A registry that has not opened its store yet, like that of another process."""
    return MlflowRegistry(home=str(home), timeout_seconds=timeout_seconds)


@pytest.fixture(scope="module")
def template(tmp_path_factory, empty_registry, model) -> tuple[Path, ModelVersion]:
    """A home with one version, which no test changes."""
    home = tmp_path_factory.mktemp("registered") / "home"
    empty_registry(home)
    return home, registry_in(home).log(model, provenance("2024-05-01"), [])


@pytest.fixture
def home(template: tuple[Path, ModelVersion], tmp_path: Path) -> Path:
    shutil.copytree(template[0], tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def reads(template) -> dict[str, Callable[[MlflowRegistry], object]]:
    version = template[1]
    return {
        "versions": lambda registry: registry.versions(),
        "version": lambda registry: registry.version(version.name),
        "load": lambda registry: registry.load(version),
        "champion": lambda registry: registry.champion(),
    }


@pytest.fixture
def writes(template, model) -> dict[str, Callable[[MlflowRegistry], object]]:
    version = template[1]
    return {
        "log": lambda registry: registry.log(model, provenance("2024-05-01"), []),
        "move_champion": lambda registry: registry.move_champion(version, None),
        "set_quarantine": lambda registry: registry.set_quarantine(version, "a test"),
        "delete": lambda registry: registry.delete(version),
    }


def sentence_of(use: Callable[[MlflowRegistry], object], registry: MlflowRegistry) -> str:
    """The error of this use of the registry."""
    with pytest.raises(WarehouseError) as raised:
        use(registry)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def empty(database: Path) -> None:
    database.write_bytes(b"")


def missing(database: Path) -> None:
    database.unlink()


def truncated(database: Path) -> None:
    database.write_bytes(database.read_bytes()[: database.stat().st_size // 2])


def text(database: Path) -> None:
    database.write_bytes(b"hello\n" * 1_000)


def without_header(database: Path) -> None:
    database.write_bytes(bytes(100) + database.read_bytes()[100:])


def without_body(database: Path) -> None:
    database.write_bytes(database.read_bytes()[:4_096] + bytes(database.stat().st_size - 4_096))


def of_somebody_else(database: Path) -> None:
    database.unlink()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE mine (n INTEGER)")


class TestDamagedDatabase:
    @pytest.mark.parametrize(
        "damage", [empty, missing, truncated, text, without_header, without_body, of_somebody_else]
    )
    def test_is_refused_by_every_method(self, home, reads, writes, capfd, damage):
        damage(home / "mlflow.db")
        for use in {**reads, **writes, "sweep": MlflowRegistry.sweep}.values():
            sentence = sentence_of(use, registry_in(home))
            assert "mlflow.db" in sentence
            assert "make restore from=…" in sentence
        assert "Traceback" not in capfd.readouterr().err

    @pytest.mark.parametrize("damage", [text, without_header])
    def test_is_refused_by_a_registry_that_opened_it(self, home, reads, writes, capfd, damage):
        registry = registry_in(home)
        registry.champion()
        damage(home / "mlflow.db")
        for use in {**reads, **writes}.values():
            assert "make restore from=…" in sentence_of(use, registry)
        assert "Traceback" not in capfd.readouterr().err


def changed(statement: str) -> Callable[[Path], None]:
    """Damage that SQLite cannot see, because it has no checksums."""

    def change(database: Path) -> None:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute(statement)
            connection.commit()

    return change


class TestDamagedCell:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE model_version_tags SET value = 'v_240501_000000' WHERE key = 'version_name'",
            "UPDATE model_version_tags SET key = 'version_nam' WHERE key = 'version_name'",
            "UPDATE registered_model_aliases SET alias = 'v_240501_000000' WHERE alias LIKE 'v_%'",
        ],
        ids=["name", "key of the name", "alias"],
    )
    def test_of_a_name_is_refused(self, home, template, statement):
        registry_in(home).move_champion(template[1], None)
        changed(statement)(home / "mlflow.db")
        for use in (MlflowRegistry.champion, MlflowRegistry.versions):
            sentence = sentence_of(use, registry_in(home))
            assert "mlflow.db" in sentence
            assert "make restore from=…" in sentence

    def test_of_a_record_makes_the_version_unfit(self, home, template):
        changed("UPDATE model_version_tags SET value = REPLACE(value, '0.7', '0.8') WHERE key = 'provenance'")(
            home / "mlflow.db"
        )
        (version,) = registry_in(home).versions()
        assert version.name == template[1].name
        with pytest.raises(VersionUnfit, match=r"it has changed since the version was logged.*make restore from=…"):
            registry_in(home).load(version)

    def test_of_an_index_is_refused(self, home):
        with closing(sqlite3.connect(home / "mlflow.db")) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("UPDATE sqlite_master SET rootpage = 2 WHERE name = 'sqlite_autoindex_tags_1'")
            connection.commit()
        assert "make restore from=…" in sentence_of(MlflowRegistry.champion, registry_in(home))


class TestUnusableDatabase:
    def test_of_another_release_of_mlflow_says_so(self, home):
        with closing(sqlite3.connect(home / "mlflow.db")) as connection:
            connection.execute("UPDATE alembic_version SET version_num = 'later'")
            connection.commit()
        assert "use the release of MLflow that wrote it" in sentence_of(MlflowRegistry.champion, registry_in(home))

    def test_that_cannot_be_opened_says_so(self, home):
        (home / "mlflow.db").unlink()
        (home / "mlflow.db").mkdir()
        assert "allow your user to read and write it" in sentence_of(MlflowRegistry.champion, registry_in(home))

    def test_that_another_process_locks_says_so(self, home):
        with closing(sqlite3.connect(home / "mlflow.db")) as other:
            other.execute("BEGIN EXCLUSIVE")
            registry = registry_in(home, timeout_seconds=0.1)
            assert "another process holds it" in sentence_of(MlflowRegistry.champion, registry)

    def test_that_is_read_only_can_be_read_only(self, home, template, reads, writes, capfd):
        with (home / "mlflow.db").open("r+b") as file:
            file.seek(18)  # the version of the file format that a writer must know
            file.write(b"\x03")
        registry = registry_in(home)
        for read in reads.values():
            read(registry)
        for write in writes.values():
            assert "allow your user to read and write it" in sentence_of(write, registry)
        assert registry.versions() == [template[1]]
        assert "Traceback" not in capfd.readouterr().err


class TestFullDisk:
    def test_says_so_and_changes_nothing(self, home, template, writes):
        registry = registry_in(home)
        registry.champion()
        for write in writes.values():
            with files_up_to(600):
                sentence = sentence_of(write, registry)
            assert "check the free space" in sentence
        assert registry.versions() == [template[1]]
        assert registry.champion() is None

    def test_says_so_when_catboost_writes(self, home, template, writes, monkeypatch):
        def fail(*arguments: object, **named: object) -> None:
            raise CatBoostError("(Error 28: No space left on device)")

        monkeypatch.setattr(mlflow.catboost, "save_model", fail)
        registry = registry_in(home)
        sentence = sentence_of(writes["log"], registry)
        assert "No space left on device" in sentence
        assert "check the free space" in sentence
        assert registry.versions() == [template[1]]


class TestLock:
    def test_is_waited_for_until_the_timeout(self, home, writes):
        registry = registry_in(home, timeout_seconds=0.1)
        with FileLock(home / "registry.lock"):
            for write in writes.values():
                sentence = sentence_of(write, registry)
                assert "waited 0.1 s for" in sentence
                assert "registry.lock, which another process holds" in sentence

    def test_that_cannot_be_opened_says_so(self, home, writes):
        (home / "registry.lock").unlink()
        (home / "registry.lock").mkdir()
        assert "registry.lock" in sentence_of(writes["set_quarantine"], registry_in(home))


class TestNewStore:
    def test_is_for_its_owner_only(self, tmp_path):
        home = tmp_path / "home"
        assert registry_in(home).versions() == []
        assert {path.name: oct(path.stat().st_mode & 0o777) for path in [home, *home.iterdir()]} == {
            "home": "0o700",
            "mlartifacts": "0o700",
            "mlflow.db": "0o600",
            "registry.lock": "0o600",
        }

    def test_replaces_a_draft_of_a_killed_process(self, tmp_path):
        for name in ("mlflow.draft", "mlflow.draft-journal"):
            (tmp_path / name).write_bytes(b"half")
        assert registry_in(tmp_path).versions() == []
        assert [*tmp_path.glob("mlflow.draft*")] == []

    def test_says_which_folder_cannot_be_created(self, tmp_path):
        (tmp_path / "file").write_text("")
        assert str(tmp_path / "file") in sentence_of(MlflowRegistry.champion, registry_in(tmp_path / "file" / "home"))


class TestNameOfTheHome:
    @pytest.mark.parametrize("name", ["a?b=c", "a#b", "a%20b", "a b'ü"])
    def test_may_have_any_characters(self, home, tmp_path, template, model, name):
        place = tmp_path / "place"
        place.mkdir()
        registry = registry_in(home.rename(place / name))
        registry.load(template[1])
        logged = registry.log(model, provenance("2024-06-01"), [])
        registry.load(logged)
        registry.delete(template[1])
        assert registry.versions() == [logged]
        assert [path.name for path in place.iterdir()] == [name]
