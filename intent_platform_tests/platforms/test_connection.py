"""Every way to connect, up to the first answer, and every way that it can fail: one sentence with what to do."""

import json
import threading
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import snowflake.connector
import tomlkit
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from intent_platform.errors import SettingsError, WarehouseError
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.settings.platforms import SnowflakeSettings


@pytest.fixture
def way(emulator, make_settings):
    """A connector to the emulated account that is given these parameters, and no password."""
    place = {name: emulator.connection_parameters[name] for name in ("account", "host", "port", "protocol", "user")}

    def way(**given: object) -> SnowflakeConnector:
        return SnowflakeConnector(make_settings(deployment="dev", snowflake={**place, **given}))

    return way


def who(connector: SnowflakeConnector) -> str:
    """The user whose session opens."""
    with connector.open(schema=False, login_seconds=5) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT CURRENT_USER()")
        [[user]] = cursor.fetchall()
    return str(user)


@pytest.fixture
def as_administrator(emulator):
    """Run a statement as the account's administrator; the first row."""

    def run(sql: str) -> tuple[Any, ...]:
        with snowflake.connector.connect(**emulator.connection_parameters) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            return tuple(cursor.fetchall()[0])

    return run


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


@pytest.fixture
def registered(key, as_administrator) -> None:
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    as_administrator(f"ALTER USER SOMEBODY SET RSA_PUBLIC_KEY = '{b64encode(public).decode()}'")


def written(key: rsa.RSAPrivateKey, file: Path, passphrase: str | None = None) -> Path:
    locked = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))
    return file


def test_by_password(way):
    assert who(way(password="no secret")) == "SOMEBODY"


@pytest.mark.parametrize("passphrase", [None, "open sesame"])
@pytest.mark.usefixtures("registered")
def test_by_key_pair(way, key, tmp_path, passphrase):
    file = written(key, tmp_path / "key.p8", passphrase)
    assert who(way(private_key_file=file, private_key_file_pwd=passphrase)) == "SOMEBODY"


def test_by_oauth_token(way, emulator):
    emulator.logins.oauth["a-token"] = True
    assert who(way(token="a-token", user=None)) == "SOMEBODY"


def test_by_programmatic_access_token(way, as_administrator):
    _, secret = as_administrator("ALTER USER SOMEBODY ADD PROGRAMMATIC ACCESS TOKEN DAGSTER")
    assert who(way(token=secret, authenticator="programmatic_access_token")) == "SOMEBODY"
    assert who(way(password=secret)) == "SOMEBODY"  # it may stand where a password is asked for


def test_by_single_sign_on_the_browser_is_needed_once(way, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("SF_TEMPORARY_CREDENTIAL_CACHE_DIR", str(tmp_path))
    seen: list[str] = []

    def browser(url: str) -> bool:
        seen.append(url)
        threading.Thread(target=lambda: urlopen(url, timeout=10).read(), daemon=True).start()
        return True

    monkeypatch.setattr("webbrowser.open_new", browser)
    for _ in range(3):
        assert who(way(authenticator="externalbrowser")) == "SOMEBODY"
    assert len(seen) == 1
    assert "identity-provider" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"password": "wrong"}, "refused somebody"),
        ({"token": "made up"}, "refused somebody"),
        ({"token": "of last year"}, "get a new token"),
        ({"token": "made up", "authenticator": "programmatic_access_token"}, "refused somebody"),
        ({"password": "no secret", "user": "nobody"}, "refused nobody"),
        ({"password": "no secret", "authenticator": "carrier_pigeon"}, "carrier_pigeon"),
        ({"password": "no secret", "role": "EMPEROR"}, "role EMPEROR is not granted to somebody"),
        ({"password": "no secret", "role": "SECRET_ROLE"}, "role SECRET_ROLE is not granted to somebody"),
        ({"password": "no secret", "port": 1}, "cannot be reached"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, dict) else "",
)
def test_a_login_that_is_refused_says_why(way, emulator, as_administrator, given, says):
    emulator.logins.oauth["of last year"] = False
    as_administrator("CREATE ROLE IF NOT EXISTS SECRET_ROLE")
    with pytest.raises((WarehouseError, SettingsError), match=says), way(**given).open(login_seconds=1):
        raise AssertionError("nobody was to be let in")


@pytest.mark.usefixtures("registered")
def test_the_key_of_somebody_else_is_refused(way, tmp_path):
    other = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    connector = way(private_key_file=written(other, tmp_path / "other.p8"))
    with pytest.raises(WarehouseError, match="refused somebody"), connector.open(login_seconds=1):
        raise AssertionError("nobody was to be let in")


@pytest.mark.parametrize(
    ("passphrase", "given", "says"),
    [
        ("open sesame", None, "cannot be opened.*_PRIVATE_KEY_FILE_PWD"),
        ("open sesame", "wrong", "cannot be opened"),
        (None, "superfluous", "cannot be opened"),
    ],
)
def test_a_key_that_does_not_open_says_so(way, key, tmp_path, passphrase, given, says):
    file = written(key, tmp_path / "key.p8", passphrase)
    with pytest.raises(SettingsError, match=says) as caught:
        _ = way(private_key_file=file, private_key_file_pwd=given).parameters
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "INTENT_PLATFORM_SNOWFLAKE_ACCOUNT"),
        ({"account": "a", "user": "u"}, "no way to prove who you are"),
        ({"account": "a", "password": "p"}, "names no user"),
        ({"account": "a", "user": "u", "private_key_file": "nowhere.p8"}, "nowhere.p8 cannot be read"),
        ({"connection": "nobody_has_this_one"}, "connections.toml"),
        ({"parameters_file": "{"}, "is not JSON"),
        ({"parameters_file": "[]"}, "one JSON object"),
    ],
)
def test_parameters_that_do_not_suffice_say_what_is_missing(make_settings, tmp_path, given, says):
    if "parameters_file" in given:
        file = tmp_path / "connection_parameters_dev.json"
        file.write_text(given["parameters_file"])
        given = {"parameters_file": file}
    with pytest.raises(SettingsError, match=says) as caught:
        _ = SnowflakeConnector(make_settings(deployment="dev", snowflake=given)).parameters
    assert "\n" not in str(caught.value)


SANDBOX = {
    "account": "a",
    "user": "u",
    "password": "hush",
    "role": "",
    "warehouse": "W",
    "database": "mlsystem_dev",
    "schema": "",
}


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    """The file that the sandbox had."""
    file = tmp_path / "connection_parameters_dev.json"
    file.write_text(json.dumps(SANDBOX))
    return file


def test_the_parameters_file_of_the_sandbox_is_understood_and_settings_win_over_it(make_settings, sandbox):
    settings = make_settings(deployment="dev", snowflake={"parameters_file": sandbox, "warehouse": "MINE"})
    found = SnowflakeConnector(settings).parameters
    assert (found["account"], found["warehouse"], found["schema"]) == ("a", "MINE", "ONLINE_SHOPPERS_INTENTION")
    assert found["role"] == "mlsystem_dev_RUNNER"
    assert "hush" not in repr(settings)


def test_the_parameters_file_of_the_deployment_is_found_where_one_calls_from(make_settings, sandbox, monkeypatch):
    monkeypatch.chdir(sandbox.parent)
    assert SnowflakeConnector(make_settings(deployment="dev")).parameters["account"] == "a"
    with pytest.raises(SettingsError, match=r"connection_parameters_prod\.json"):
        _ = SnowflakeConnector(make_settings(deployment="prod")).parameters


def test_credentials_of_the_settings_replace_those_of_the_file_whole(make_settings, sandbox, key, tmp_path):
    file = written(key, tmp_path / "key.p8")
    for given in ({"private_key_file": file}, {"token": "t"}, {"authenticator": "externalbrowser"}):
        settings = make_settings(deployment="dev", snowflake={"parameters_file": sandbox, **given})
        assert "password" not in SnowflakeConnector(settings).parameters


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('user = "u"\npassword = "p"\nrole = "MINE"', {"role": "MINE", "database": "MLSYSTEM_DEV", "password": "p"}),
        ('user = "u"\nprivate_key_path = "KEY"', {"private_key_file": "KEY"}),
        ('user = "u"\nprivate_key = "base64"', {"authenticator": "snowflake_jwt"}),
        ('token_file_path = "KEY"', {"authenticator": "oauth"}),
        ('user = "u"\nauthenticator = "externalbrowser"', {"authenticator": "externalbrowser"}),
    ],
)
def test_a_named_connection_is_read_from_connections_toml(make_settings, monkeypatch, key, tmp_path, text, expected):
    file = str(written(key, tmp_path / "key.p8"))
    connections(monkeypatch, tmp_path, '[shop]\naccount = "a"\n' + text.replace("KEY", file))
    found = SnowflakeConnector(make_settings(deployment="dev", snowflake={"connection": "shop"})).parameters
    assert found["account"] == "a"
    for name, value in expected.items():
        assert found[name] == value.replace("KEY", file)


def test_a_connections_toml_that_is_none_says_so(make_settings, monkeypatch, tmp_path):
    connections(monkeypatch, tmp_path, "[shop\n")
    with pytest.raises(SettingsError, match=r"connections\.toml cannot be read"):
        _ = SnowflakeConnector(make_settings(deployment="dev", snowflake={"connection": "shop"})).parameters


def connections(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> None:
    """Let the connector find this connections.toml, as it does in SNOWFLAKE_HOME."""
    from snowflake.connector import config_manager

    file = folder / "connections.toml"
    file.write_text(text)
    file.chmod(0o600)
    part = config_manager.ConfigSlice(file, config_manager.ConfigSliceOptions(check_permissions=True), "connections")
    config = config_manager.ConfigManager(name="TEST", file_path=folder / "config.toml", _slices=[part])
    config.add_option(name="connections", parse_str=tomlkit.parse, default={})
    monkeypatch.setattr(config_manager, "CONFIG_MANAGER", config)


def test_no_secret_is_shown(make_settings):
    secrets = {"password": "hush", "token": "hush", "private_key_file_pwd": "hush"}
    assert secrets.keys() == {n for n, f in SnowflakeSettings.model_fields.items() if "SecretStr" in str(f.annotation)}
    assert "hush" not in repr(make_settings(deployment="dev", snowflake=secrets))
