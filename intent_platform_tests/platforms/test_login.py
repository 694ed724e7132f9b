"""Every way to log in to an account, and the sentence that a refused login gives."""

import threading
import time
from base64 import b64encode
from typing import Any
from urllib.request import urlopen

import jwt
import pytest
import snowflake.connector
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from intent_platform.errors import SettingsError, WarehouseError
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform_tests.platforms.conftest import write_key


@pytest.fixture
def connector_with(emulator, make_settings):
    """Make a connector to the emulated account with these parameters, and without a password."""
    place = {name: emulator.connection_parameters[name] for name in ("account", "host", "port", "protocol", "user")}

    def make(**given: object) -> SnowflakeConnector:
        return SnowflakeConnector(make_settings(deployment="dev", snowflake={**place, **given}))

    return make


@pytest.fixture
def as_administrator(emulator):
    """Run a statement as the account's administrator, and return the first row."""

    def run(sql: str) -> tuple[Any, ...]:
        with snowflake.connector.connect(**emulator.connection_parameters) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            return tuple(cursor.fetchall()[0])

    return run


@pytest.fixture
def registered_key(private_key, as_administrator) -> None:
    """The account knows the public key of the user."""
    public_key = private_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    as_administrator(f"ALTER USER SOMEBODY SET RSA_PUBLIC_KEY = '{b64encode(public_key).decode()}'")


def user_of(connector: SnowflakeConnector) -> str:
    """The user of a connection that opens."""
    with connector.open(schema=False, login_seconds=5) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT CURRENT_USER()")
        [[user]] = cursor.fetchall()
    return str(user)


class TestLogin:
    def test_with_password(self, connector_with):
        assert user_of(connector_with(password="no secret")) == "SOMEBODY"

    @pytest.mark.parametrize("passphrase", [None, "open sesame"], ids=["without passphrase", "with passphrase"])
    @pytest.mark.usefixtures("registered_key")
    def test_with_key_pair(self, connector_with, private_key, tmp_path, passphrase):
        file = write_key(private_key, tmp_path / "key.p8", passphrase)
        assert user_of(connector_with(private_key_file=file, private_key_file_pwd=passphrase)) == "SOMEBODY"

    def test_with_oauth_token(self, connector_with, emulator):
        emulator.logins.oauth["a-token"] = True
        assert user_of(connector_with(token="a-token", user=None)) == "SOMEBODY"

    def test_with_programmatic_access_token(self, connector_with, as_administrator):
        """The token may also take the place of a password."""
        _, secret = as_administrator("ALTER USER SOMEBODY ADD PROGRAMMATIC ACCESS TOKEN DAGSTER")
        assert user_of(connector_with(token=secret, authenticator="programmatic_access_token")) == "SOMEBODY"
        assert user_of(connector_with(password=secret)) == "SOMEBODY"

    def test_with_single_sign_on_opens_the_browser_once(self, connector_with, monkeypatch, tmp_path, capsys):
        """The client caches the identity token for the next connections."""
        monkeypatch.setenv("SF_TEMPORARY_CREDENTIAL_CACHE_DIR", str(tmp_path))
        opened_urls: list[str] = []

        def browser(url: str) -> bool:
            opened_urls.append(url)
            threading.Thread(target=lambda: urlopen(url, timeout=10).read(), daemon=True).start()
            return True

        monkeypatch.setattr("webbrowser.open_new", browser)
        for _ in range(3):
            assert user_of(connector_with(authenticator="externalbrowser")) == "SOMEBODY"
        assert len(opened_urls) == 1
        assert "identity-provider" in capsys.readouterr().out


@pytest.fixture
def token_of(emulator, private_key, as_administrator, monkeypatch):
    """Make tokens of an OIDC provider for jobs of a repository. The account knows one of its branches as the user CI.

    The client sends tokens only to hosts that it trusts, so the test names the host of the emulator.
    """
    issuer = "https://tokens.example"
    public = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    emulator.logins.issuers[issuer] = private_key.public_key().public_bytes(*public).decode()
    identity = f"(TYPE = OIDC ISSUER = '{issuer}' SUBJECT = 'repo:shop:ref:main')"
    as_administrator(f"CREATE USER IF NOT EXISTS CI TYPE = SERVICE WORKLOAD_IDENTITY = {identity}")
    monkeypatch.setenv("SNOWFLAKE_WIF_ALLOWED_HOST_SUFFIXES", emulator.connection_parameters["host"])

    def make(key: rsa.RSAPrivateKey = private_key, **claims: object) -> str:
        usual = {"iss": issuer, "sub": "repo:shop:ref:main", "aud": "snowflakecomputing.com", "exp": time.time() + 60}
        return jwt.encode({**usual, **claims}, key, algorithm="RS256")

    return make


class TestWorkloadIdentity:
    def test_logs_in_as_the_user_of_its_subject(self, connector_with, token_of):
        connector = connector_with(workload_identity_provider="OIDC", token=token_of(), user=None)
        assert user_of(connector) == "CI"

    @pytest.mark.parametrize(
        "claims",
        [
            {"sub": "repo:shop:ref:other"},
            {"iss": "https://elsewhere.example"},
            {"aud": "somebody else"},
            {"exp": 1},
            {"key": None},
        ],
        ids=["other subject", "other issuer", "other audience", "expired", "other key"],
    )
    def test_is_refused_with_another(self, connector_with, token_of, claims):
        if "key" in claims:
            claims = {"key": rsa.generate_private_key(public_exponent=65_537, key_size=2_048)}
        connector = connector_with(workload_identity_provider="OIDC", token=token_of(**claims), user=None)
        with pytest.raises(WarehouseError, match="Snowflake refused"), connector.open(login_seconds=1):
            raise AssertionError("the login succeeded")

    def test_is_sent_to_no_other_host(self, connector_with, token_of, monkeypatch):
        monkeypatch.delenv("SNOWFLAKE_WIF_ALLOWED_HOST_SUFFIXES")
        connector = connector_with(workload_identity_provider="OIDC", token=token_of(), user=None)
        with pytest.raises(WarehouseError, match="recognized Snowflake host"), connector.open(login_seconds=1):
            raise AssertionError("the login succeeded")


class TestRefusedLogin:
    @pytest.mark.parametrize(
        ("given", "reason"),
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
        ids=[
            *("wrong password", "wrong token", "expired token", "wrong access token", "unknown user"),
            *("unknown authenticator", "unknown role", "role of another user", "no server"),
        ],
    )
    def test_gives_its_reason(self, connector_with, emulator, as_administrator, given, reason):
        emulator.logins.oauth["of last year"] = False
        as_administrator("CREATE ROLE IF NOT EXISTS SECRET_ROLE")
        connector = connector_with(**given)
        with pytest.raises((WarehouseError, SettingsError), match=reason), connector.open(login_seconds=1):
            raise AssertionError("the login succeeded")

    @pytest.mark.usefixtures("registered_key")
    def test_follows_from_the_key_of_another_user(self, connector_with, tmp_path):
        other_key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        connector = connector_with(private_key_file=write_key(other_key, tmp_path / "other.p8"))
        with pytest.raises(WarehouseError, match="refused somebody"), connector.open(login_seconds=1):
            raise AssertionError("the login succeeded")


class TestUnreadableKey:
    @pytest.mark.parametrize(
        ("passphrase", "given", "reason"),
        [
            ("open sesame", None, "cannot be opened.*_PRIVATE_KEY_FILE_PWD"),
            ("open sesame", "wrong", "cannot be opened"),
            (None, "superfluous", "cannot be opened"),
        ],
        ids=["no passphrase", "wrong passphrase", "superfluous passphrase"],
    )
    def test_is_reported_without_its_passphrase(self, connector_with, private_key, tmp_path, passphrase, given, reason):
        file = write_key(private_key, tmp_path / "key.p8", passphrase)
        with pytest.raises(SettingsError, match=reason) as caught:
            _ = connector_with(private_key_file=file, private_key_file_pwd=given).parameters
        assert "sesame" not in str(caught.value)
