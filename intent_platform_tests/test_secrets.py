"""Secrets of the settings: neither the settings nor an error that they lead to shows one."""

from random import Random

import pytest

from bench.torture.security.search import shown_in
from bench.torture.security.secrets import HERE, MISTAKES, planted
from intent_platform.definitions import defs
from intent_platform.errors import SettingsError
from intent_platform.settings import changes_of, load_settings
from intent_platform.settings.reference import reference
from intent_platform_tests.builders.errors import everything_shown

#: A value for each secret of the settings, and what must never be shown of them.
VALUES, SECRETS = planted(Random(0))


@pytest.fixture
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VALUES.items():
        monkeypatch.setenv(f"INTENT_PLATFORM_{name}", value)


def shows_a_secret(text: str) -> bool:
    """Whether a text shows a part of a planted secret, or what a mistake has in the place of one."""
    return "hush" in text or shown_in(text.encode(), SECRETS)


@pytest.mark.usefixtures("_planted")
class TestSettings:
    @pytest.mark.parametrize(
        "shown",
        [repr, str, lambda s: s.model_dump_json(), lambda s: str(s.model_dump()), lambda s: str(changes_of(s))],
        ids=["repr", "str", "json", "dump", "changes"],
    )
    def test_show_no_secret(self, shown):
        assert not shows_a_secret(shown(load_settings()))

    def test_keep_the_secrets_for_their_users(self):
        settings = load_settings()
        assert settings.snowflake.password is not None
        assert settings.snowflake.password.get_secret_value() == VALUES["SNOWFLAKE_PASSWORD"]
        assert settings.alerts.webhook_url is not None
        assert str(settings.alerts.webhook_url.get_secret_value()) == VALUES["ALERTS_WEBHOOK_URL"]

    def test_are_described_without_them(self):
        assert not shows_a_secret(reference())


@pytest.mark.usefixtures("_planted")
class TestMistake:
    @pytest.mark.parametrize(("variable", "value"), MISTAKES.values(), ids=MISTAKES)
    def test_shows_no_secret_in_any_of_its_errors(self, monkeypatch, variable: str, value: str):
        monkeypatch.setenv(f"INTENT_PLATFORM_{variable}", value.replace(HERE, "hush"))
        with pytest.raises(SettingsError) as caught:
            load_settings()
        assert not shows_a_secret(everything_shown(caught.value))

    def test_shows_no_secret_when_the_definitions_are_loaded(self, monkeypatch):
        monkeypatch.setenv("INTENT_PLATFORM_SCHEDULES_EVALUATION_DAY", "3")
        with pytest.raises(SettingsError) as caught:
            defs()
        assert not shows_a_secret(everything_shown(caught.value))

    def test_in_the_config_file_is_not_quoted(self, monkeypatch, tmp_path):
        file = tmp_path / "config.yml"
        file.write_text("snowflake: {password: hush: hush}")
        monkeypatch.setattr("intent_platform.settings.CONFIG_FILE", file)
        with pytest.raises(SettingsError, match="correct the mistake in line 1") as caught:
            load_settings()
        assert not shows_a_secret(everything_shown(caught.value))
