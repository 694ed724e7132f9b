"""A damaged warehouse, a full disk and a folder that cannot be used: each is one sentence that says what to do."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from intent_platform.errors import WarehouseError
from intent_platform.platforms import platform_for
from intent_platform.settings import Settings
from intent_platform_tests.builders.disk import files_up_to

ROWS = (
    "INSERT INTO SCORES SELECT 'u' || range, DATE '2024-05-01', 'M', 'v_240501_000000', 0.5, NOW(), 'champion', 1 "
    "FROM range({})"
)
SUM = "SELECT COUNT(DISTINCT UID) AS COUNTED FROM SCORES"


def insert(settings: Settings, rows: int) -> None:
    """Write scores in a transaction."""
    with platform_for(settings).warehouse.connect(writing=True) as connection, connection.transaction():
        connection.execute(ROWS.format(rows))


def count(settings: Settings) -> int:
    with platform_for(settings).warehouse.connect() as connection:
        return int(connection.fetch(SUM)["COUNTED"][0].as_py())


def become_another_database(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE T (A)")
    connection.close()


def flip(file: Path, position: int) -> None:
    content = bytearray(file.read_bytes())
    content[position] ^= 1
    file.write_bytes(content)


#: By kind of damage: what is done to a warehouse of 20,000 scores.
DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda file: file.write_bytes(b""),
    "text": lambda file: file.write_text("no database"),
    "cut": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "corrupt header": lambda file: flip(file, 12),
    "corrupt block": lambda file: flip(file, 12_288 + 1_000),
    "of another database": become_another_database,
}


class TestDamagedFile:
    @pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
    def test_says_how_to_restore_it(self, settings, damage):
        insert(settings, 20_000)
        damage(settings.warehouse_file)
        with pytest.raises(WarehouseError, match=r"make restore from=…") as caught:
            count(settings)
        assert str(settings.warehouse_file) in str(caught.value)
        assert "\n" not in str(caught.value)


class TestLostWarehouse:
    """A new one would be empty, and every answer from it wrong."""

    @pytest.fixture
    def home(self, settings, empty_registry) -> Path:
        home: Path = settings.home
        empty_registry(home)
        (home / "warehouse.duckdb").unlink()
        return home

    def test_beside_files_of_versions_is_refused(self, settings, home):
        (home / "mlartifacts" / "a-run").mkdir()
        with pytest.raises(WarehouseError, match=r"warehouse\.duckdb is missing.*make restore from=…"):
            count(settings)
        assert not settings.warehouse_file.exists()

    def test_in_an_interrupted_restore_is_refused(self, settings, home):
        (home / ".restoring").mkdir()
        with pytest.raises(WarehouseError, match=r"interrupted: restore the same backup again"):
            count(settings)
        assert not settings.warehouse_file.exists()

    def test_beside_a_registry_without_versions_is_a_new_one(self, settings, home):
        assert count(settings) == 0


class TestFullDisk:
    def test_is_named_and_leaves_the_rows(self, settings):
        insert(settings, 100)
        with files_up_to(settings.warehouse_file.stat().st_size), pytest.raises(WarehouseError, match="has space"):
            insert(settings, 500_000)
        assert count(settings) == 100

    def test_is_named_when_sessions_are_staged(self, settings):
        with platform_for(settings).warehouse.connect(writing=True) as connection:
            batch = pa.table({"N": range(100_000)})
            with files_up_to(1_000), pytest.raises(WarehouseError, match="cannot stage sessions"):
                connection.stage("ARRIVED", batch)


class TestMemory:
    def test_that_is_too_small_names_its_setting(self, make_settings):
        settings = make_settings(warehouse={"memory_gb": 0.25})
        with (
            pytest.raises(WarehouseError, match=r"raise warehouse\.memory_gb"),
            platform_for(settings).warehouse.connect() as connection,
        ):
            connection.fetch("SELECT LIST(RANGE) AS L FROM RANGE(100000000)")


class TestFolder:
    @pytest.mark.parametrize("home", ["/dev/null/home", "/tmp/" + "x" * 300], ids=["not a folder", "too long"])
    def test_that_cannot_be_used_names_its_setting(self, settings, home):
        unusable = settings.model_copy(update={"home": Path(home)})
        with pytest.raises(WarehouseError, match="set INTENT_PLATFORM_HOME"):
            count(unusable)

    @pytest.mark.parametrize("name", ["a b", "a'b", 'a"b', "a#b", "a;b", "a:b", "日本", "[x]*"])
    def test_may_have_a_special_name(self, make_settings, tmp_path, name):
        settings = make_settings(home=tmp_path / name)
        insert(settings, 3)
        assert count(settings) == 3


class TestMistakeInAStatement:
    def test_stays_an_error_of_the_program(self, settings):
        with pytest.raises(duckdb.CatalogException), platform_for(settings).warehouse.connect() as connection:
            connection.fetch("SELECT * FROM NOWHERE")


class TestExtensions:
    def test_are_never_downloaded(self, settings):
        with platform_for(settings).warehouse.connect() as connection:
            found = connection.fetch("SELECT CURRENT_SETTING('autoinstall_known_extensions') AS DOWNLOADS")
        assert found["DOWNLOADS"].to_pylist() == [False]
