"""The kind security finds secrets, open files and pickles wherever they are planted."""

import gzip
import json
import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
import zipfile
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from random import Random
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pytest
from pyarrow import parquet
from pydantic import HttpUrl, Secret, SecretStr

from bench.torture.homes import Room
from bench.torture.runner import import_everything
from bench.torture.security.operations import Operation
from bench.torture.security.search import files_showing, shown_in
from bench.torture.security.secrets import _is_secret, _parts, planted, secret_settings
from bench.torture.security.trials import judged, security
from bench.torture.security.watch import open_to_others
from bench.torture.trials import SIZES
from intent_platform.settings import load_settings

SECRET = "bcdfghjkmnpqrstvwxzbcdfg"
PROGRAM = "from intent_platform_tests.bench.torture.test_security import main; main()"


def in_sqlite(file: Path, cell: object) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE T (C)")
        connection.execute("INSERT INTO T VALUES (?)", [cell])
        connection.commit()


def in_duckdb(file: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE T AS SELECT {'a': [?]} AS C", [SECRET])


def in_zip(file: Path) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.gz", gzip.compress(SECRET.encode()))


#: By name: how a file comes to hold the secret.
HIDING: Mapping[str, Callable[[Path], object]] = {
    "text": lambda file: file.write_text(f"password={SECRET}"),
    "upper case": lambda file: file.write_text(SECRET.upper()),
    "its beginning": lambda file: file.write_text(f"'{SECRET[:10]}…'"),
    "its end": lambda file: file.write_text(f"'…{SECRET[-9:]}'"),
    "base64": lambda file: file.write_bytes(b64encode(f"user:{SECRET}@".encode())),
    "base64 at another place": lambda file: file.write_bytes(b64encode(f"u:{SECRET}".encode())),
    "hex": lambda file: file.write_text(SECRET.encode().hex()),
    "UTF-16": lambda file: file.write_text(SECRET, encoding="utf-16"),
    "an address": lambda file: file.write_text(quote(f"https://x/ä {SECRET}", safe="")),
    "gzip": lambda file: file.write_bytes(gzip.compress(SECRET.encode())),
    "gzip in zip": in_zip,
    "SQLite": lambda file: in_sqlite(file, SECRET),
    "compressed in SQLite": lambda file: in_sqlite(file, zlib.compress(SECRET.encode())),
    "DuckDB": in_duckdb,
    "Parquet": lambda file: parquet.write_table(pa.table({"C": [SECRET] * 9}), file, compression="zstd"),
}


class TestSearch:
    @pytest.mark.parametrize("hiding", HIDING)
    def test_finds_a_secret_in(self, tmp_path, hiding):
        (tmp_path / "inner").mkdir()
        HIDING[hiding](tmp_path / "inner" / "file")
        assert files_showing(tmp_path, [SECRET])[0].startswith("inner/file (")

    @pytest.mark.parametrize("hiding", HIDING)
    def test_finds_no_other_secret_in(self, tmp_path, hiding):
        HIDING[hiding](tmp_path / "file")
        assert files_showing(tmp_path, [SECRET[::-1] * 2]) == []

    def test_of_a_home_finds_nothing(self, home):
        assert files_showing(home, [SECRET]) == []


class TestSecrets:
    def test_are_those_of_the_settings(self):
        assert {".".join(names) for names in secret_settings()} == {
            *("alerts.webhook_url", "snowflake.password", "snowflake.token", "snowflake.private_key_file_pwd")
        }

    @pytest.mark.parametrize("kind", [SecretStr, SecretStr | None, Secret[HttpUrl], list[Secret[str]] | None], ids=str)
    def test_are_known_by_their_type(self, kind):
        assert any(_is_secret(part) for part in _parts(kind))

    @pytest.mark.parametrize("kind", [str, str | None, HttpUrl, list[str]], ids=str)
    def test_are_not_of_another_type(self, kind):
        assert not any(_is_secret(part) for part in _parts(kind))

    def test_are_values_that_the_settings_accept(self, monkeypatch):
        values, cores = planted(Random(0))
        for name, value in values.items():
            monkeypatch.setenv(f"INTENT_PLATFORM_{name}", value)
        settings = load_settings()
        assert settings.snowflake.token is not None
        assert settings.snowflake.token.get_secret_value() in cores
        assert not shown_in(repr(settings).encode(), cores)

    def test_are_the_same_for_the_same_seed(self):
        assert planted(Random(1)) == planted(Random(1)) != planted(Random(2))


class TestModes:
    @pytest.mark.parametrize("mode", [0o604, 0o640, 0o620, 0o601])
    @pytest.mark.parametrize("place", ["file", "folder", "."])
    def test_that_let_others_in_are_found(self, tmp_path, place, mode):
        home = tmp_path / "home"
        (home / "folder").mkdir(parents=True, mode=0o700)
        (home / "file").touch(mode=0o600)
        home.chmod(0o700)
        assert open_to_others(home) == []
        (home / place).chmod(mode | 0o100)
        (found,) = open_to_others(home)
        assert found.endswith(f"has the mode {mode | 0o100:o}")


def leak(folder: Path, secrets: Mapping[str, str]) -> None:
    """Show a secret, write another one to a file for everybody, and read a pickle."""
    print(secrets["SNOWFLAKE_TOKEN"])
    (folder / "home" / "leak").write_text(secrets["SNOWFLAKE_PASSWORD"])
    pickle.loads(pickle.dumps(Fraction(1, 2)))


def main() -> None:
    """Judge the operation that leaks, one that does nothing and one that fails, and print the violations as JSON."""
    import_everything()
    room = Room(Path(sys.argv[1]))
    operations: dict[str, Operation] = {"leak": leak, "nothing": lambda *_: None, "failure": lambda *_: 1 / 0}
    outcomes = {name: [*judged(True, run, room, Random(0)).violations] for name, run in operations.items()}
    print(json.dumps(outcomes))


@pytest.fixture(scope="module")
def outcomes(sound_template: Path, tmp_path_factory) -> dict[str, list[str]]:
    """The violations of each operation. A trial forks, so it runs in a process of its own."""
    room = tmp_path_factory.mktemp("room")
    shop = shutil.copytree(sound_template, room / "shop")
    for path in (shop, *shop.rglob("*")):
        path.chmod(path.stat().st_mode & 0o700)
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(room)], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


class TestTrial:
    @pytest.mark.parametrize(
        "violation",
        [
            "a secret is in home/leak (its bytes)",
            "a secret is in output (its bytes)",
            "home/leak has the mode 666",
            "fractions.Fraction was unpickled by test_security.py:leak",
        ],
    )
    def test_finds_what_is_planted(self, outcomes, violation):
        assert violation in outcomes["leak"]

    def test_finds_nothing_else(self, outcomes):
        assert len(outcomes["leak"]) == 4
        assert outcomes["nothing"] == []

    def test_finds_an_operation_that_fails(self, outcomes):
        (violation,) = outcomes["failure"]
        assert "ZeroDivisionError" in violation

    def test_is_repeated_by_its_name(self):
        names = [trial.name for trial in security(SIZES["full"], Random(0))]
        assert len(names) == len({*names})
