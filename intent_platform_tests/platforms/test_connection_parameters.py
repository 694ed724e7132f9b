"""The parameters of a connection: where they come from, which of them wins, and what an error says is missing."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import tomlkit
from snowflake.connector import config_manager

from intent_platform.errors import SettingsError
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.settings.platforms import SnowflakeSettings
from intent_platform_tests.platforms.conftest import write_key


class TestMissingParameters:
    @pytest.mark.parametrize(
        ("given", "missing"),
        [
            ({}, "INTENT_PLATFORM_SNOWFLAKE_ACCOUNT"),
            ({"account": "a", "user": "u"}, "no way to prove who you are"),
            ({"account": "a", "password": "p"}, "names no user"),
            ({"account": "a", "authenticator": "workload_identity"}, "_WORKLOAD_IDENTITY_PROVIDER"),
            ({"account": "a", "workload_identity_provider": "OIDC"}, "OIDC and has no token"),
            ({"account": "a", "user": "u", "private_key_file": "nowhere.p8"}, "nowhere.p8 cannot be read"),
            ({"connection": "nobody_has_this_one"}, "connections.toml"),
            ({"parameters_file": "{"}, "is not JSON"),
            ({"parameters_file": "[]"}, "one JSON object"),
        ],
        ids=[
            *("account", "credentials", "user", "identity provider", "identity token"),
            *("key file", "named connection", "JSON", "JSON object"),
        ],
    )
    def test_are_named_in_one_sentence(self, make_settings, tmp_path, given, missing):
        if "parameters_file" in given:
            file = tmp_path / "connection_parameters_dev.json"
            file.write_text(given["parameters_file"])
            given = {"parameters_file": file}
        with pytest.raises(SettingsError, match=missing) as caught:
            _ = SnowflakeConnector(make_settings(deployment="dev", snowflake=given)).parameters
        assert "\n" not in str(caught.value)


class TestParametersFile:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        """The file of the sandbox, in which role and schema are empty."""
        file = tmp_path / "connection_parameters_dev.json"
        parameters = {"account": "a", "user": "u", "password": "hush", "role": "", "warehouse": "W"}
        file.write_text(json.dumps({**parameters, "database": "mlsystem_dev", "schema": ""}))
        return file

    def test_gives_way_to_the_settings(self, make_settings, file):
        settings = make_settings(deployment="dev", snowflake={"parameters_file": file, "warehouse": "MINE"})
        parameters = SnowflakeConnector(settings).parameters
        assert (parameters["account"], parameters["warehouse"]) == ("a", "MINE")

    def test_leaves_empty_entries_to_the_defaults(self, make_settings, file):
        settings = make_settings(deployment="dev", snowflake={"parameters_file": file})
        parameters = SnowflakeConnector(settings).parameters
        assert parameters["schema"] == "ONLINE_SHOPPERS_INTENTION"
        assert parameters["role"] == "mlsystem_dev_RUNNER"

    def test_shows_no_secret_in_the_settings(self, make_settings, file):
        assert "hush" not in repr(make_settings(deployment="dev", snowflake={"parameters_file": file}))

    def test_is_found_in_the_current_folder(self, make_settings, file, monkeypatch):
        monkeypatch.chdir(file.parent)
        assert SnowflakeConnector(make_settings(deployment="dev")).parameters["account"] == "a"

    def test_of_another_deployment_is_not_read(self, make_settings, file, monkeypatch):
        monkeypatch.chdir(file.parent)
        with pytest.raises(SettingsError, match=r"connection_parameters_prod\.json"):
            _ = SnowflakeConnector(make_settings(deployment="prod")).parameters

    @pytest.mark.parametrize("name", ["private_key_file", "token", "authenticator", "workload_identity_provider"])
    def test_loses_its_password_to_other_credentials(self, make_settings, file, private_key, tmp_path, name):
        key = write_key(private_key, tmp_path / "key.p8")
        credentials = {
            "private_key_file": key,
            "token": "t",
            "authenticator": "externalbrowser",
            "workload_identity_provider": "AWS",
        }
        settings = make_settings(deployment="dev", snowflake={"parameters_file": file, name: credentials[name]})
        assert "password" not in SnowflakeConnector(settings).parameters


class TestNamedConnection:
    """A connection of `connections.toml`."""

    @pytest.fixture
    def parameters_of(self, make_settings, monkeypatch, tmp_path):
        """Let the connector find this `connections.toml`, as it does in SNOWFLAKE_HOME, and return its parameters."""

        def parameters(text: str) -> Mapping[str, object]:
            file = tmp_path / "connections.toml"
            file.write_text(text)
            file.chmod(0o600)
            options = config_manager.ConfigSliceOptions(check_permissions=True)
            part = config_manager.ConfigSlice(file, options, "connections")
            config = config_manager.ConfigManager(name="TEST", file_path=tmp_path / "config.toml", _slices=[part])
            config.add_option(name="connections", parse_str=tomlkit.parse, default={})
            monkeypatch.setattr(config_manager, "CONFIG_MANAGER", config)
            return SnowflakeConnector(make_settings(deployment="dev", snowflake={"connection": "shop"})).parameters

        return parameters

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (
                'user = "u"\npassword = "p"\nrole = "MINE"',
                {"role": "MINE", "database": "MLSYSTEM_DEV", "password": "p"},
            ),
            ('user = "u"\nprivate_key_path = "KEY"', {"private_key_file": "KEY"}),
            ('user = "u"\nprivate_key = "base64"', {"authenticator": "snowflake_jwt"}),
            ('token_file_path = "KEY"', {"authenticator": "oauth"}),
            (
                'token_file_path = "KEY"\nworkload_identity_provider = "OIDC"',
                {"authenticator": "WORKLOAD_IDENTITY", "workload_identity_provider": "OIDC"},
            ),
            ('user = "u"\nauthenticator = "externalbrowser"', {"authenticator": "externalbrowser"}),
        ],
        ids=["password", "key file", "key", "token file", "identity", "single sign-on"],
    )
    def test_has_its_credentials(self, parameters_of, private_key, tmp_path, text, expected):
        file = str(write_key(private_key, tmp_path / "key.p8"))
        parameters = parameters_of('[shop]\naccount = "a"\n' + text.replace("KEY", file))
        assert parameters["account"] == "a"
        for name, value in expected.items():
            assert parameters[name] == value.replace("KEY", file)

    def test_of_an_unreadable_file_is_refused(self, parameters_of):
        with pytest.raises(SettingsError, match=r"connections\.toml cannot be read"):
            parameters_of("[shop\n")


class TestSettingsOfStatements:
    def test_are_not_given_to_the_connector(self, make_settings):
        given = {"account": "a", "user": "u", "password": "p"}
        others = {"statement_timeout_seconds": 5, "error_integration": "PAGER"}
        parameters = SnowflakeConnector(make_settings(deployment="dev", snowflake={**given, **others})).parameters
        assert given.items() <= parameters.items()
        assert not others.keys() & parameters.keys()


class TestSecrets:
    secrets = ("password", "token", "private_key_file_pwd")

    def test_are_these_settings(self):
        fields = SnowflakeSettings.model_fields
        assert set(self.secrets) == {name for name in fields if "SecretStr" in str(fields[name].annotation)}

    def test_are_shown_nowhere(self, make_settings):
        given = dict.fromkeys(self.secrets, "hush")
        assert "hush" not in repr(make_settings(deployment="dev", snowflake=given))
