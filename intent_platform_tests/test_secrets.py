"""Secrets of the settings: neither the settings nor an error that they lead to shows one."""

import pytest

from intent_platform.definitions import defs
from intent_platform.errors import SettingsError
from intent_platform.settings import changes_of, load_settings
from intent_platform.settings.reference import reference
from intent_platform_tests.builders.errors import everything_shown

SECRETS = {
    "INTENT_PLATFORM_ALERTS_WEBHOOK_URL": "https://hooks.invalid/hook-hush",
    "INTENT_PLATFORM_SNOWFLAKE_PASSWORD": "password-hush",
    "INTENT_PLATFORM_SNOWFLAKE_TOKEN": "token-hush",
    "INTENT_PLATFORM_SNOWFLAKE_PRIVATE_KEY_FILE_PWD": "passphrase-hush",
}
#: By kind: a variable and its wrong value. Some are mistakes in a secret itself.
MISTAKES = {
    "in another section": ("SCHEDULES_EVALUATION_DAY", "3"),
    "in the order of the clocks": ("SCHEDULES_SCORES_HOUR", "1"),
    "between sections": ("TRAINING_PLACE", "warehouse"),
    "in the same section": ("SNOWFLAKE_PORT", "x"),
    "in a choice": ("DEPLOYMENT", "hush"),
    "in a name": ("SNOWFLAKE_NOPE", "hush"),
    "in the place of a password": ("SNOWFLAKE", '{"host": {"password": "hush"}}'),
    "in a name beside a password": ("SNOWFLAKE", '{"password": "hush", "nope": 1}'),
    "in the JSON of a section": ("SNOWFLAKE", '{"password": "hush"'),
    "in the scheme of the webhook": ("ALERTS_WEBHOOK_URL", "file:///hush"),
    "in the host of the webhook": ("ALERTS_WEBHOOK_URL", "http://[::1/hush"),
    "in an address without a scheme": ("ALERTS_WEBHOOK_URL", "hooks.invalid/hush"),
    "in the form of the alerts": ("ALERTS", '"hush"'),
}


@pytest.fixture
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("_planted")
class TestSettings:
    @pytest.mark.parametrize(
        "shown",
        [repr, str, lambda s: s.model_dump_json(), lambda s: str(s.model_dump()), lambda s: str(changes_of(s))],
        ids=["repr", "str", "json", "dump", "changes"],
    )
    def test_show_no_secret(self, shown):
        assert "hush" not in shown(load_settings())

    def test_keep_the_secrets_for_their_users(self):
        settings = load_settings()
        assert settings.snowflake.password is not None
        assert settings.snowflake.password.get_secret_value() == "password-hush"
        assert str(settings.alerts.webhook_url and settings.alerts.webhook_url.get_secret_value()).endswith("hook-hush")

    def test_are_described_without_them(self):
        assert "hush" not in reference()


@pytest.mark.usefixtures("_planted")
class TestMistake:
    @pytest.mark.parametrize(("variable", "value"), MISTAKES.values(), ids=MISTAKES)
    def test_shows_no_secret_in_any_of_its_errors(self, monkeypatch, variable: str, value: str):
        monkeypatch.setenv(f"INTENT_PLATFORM_{variable}", value)
        with pytest.raises(SettingsError) as caught:
            load_settings()
        assert "hush" not in everything_shown(caught.value)

    def test_shows_no_secret_when_the_definitions_are_loaded(self, monkeypatch):
        monkeypatch.setenv("INTENT_PLATFORM_SCHEDULES_EVALUATION_DAY", "3")
        with pytest.raises(SettingsError) as caught:
            defs()
        assert "hush" not in everything_shown(caught.value)

    def test_in_the_config_file_is_not_quoted(self, monkeypatch, tmp_path):
        file = tmp_path / "config.yml"
        file.write_text("snowflake: {password: hush: hush}")
        monkeypatch.setattr("intent_platform.settings.CONFIG_FILE", file)
        with pytest.raises(SettingsError, match="correct the mistake in line 1") as caught:
            load_settings()
        assert "hush" not in everything_shown(caught.value)
