"""The archive of the stored procedures: the settings that it carries, and those that it must not carry."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import yaml

from intent_platform.platforms.snowflake.deployment import pack
from intent_platform.settings import CONFIG_FILE, Settings, load_settings

SECRET = "not-for-the-stage"


def packed_config(folder: Path, settings: Settings) -> str:
    """The text of the only `config.yml` in the archive."""
    with zipfile.ZipFile(pack(folder, settings)) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(f"/{CONFIG_FILE.name}")]
        assert name == "intent_platform/settings/config.yml"
        return archive.read(name).decode()


class TestArchive:
    def test_holds_neither_connection_nor_secret(self, tmp_path: Path, make_settings: Callable[..., Settings]):
        settings = make_settings(
            deployment="dev",
            snowflake={"account": SECRET, "user": SECRET, "password": SECRET, "statement_timeout_seconds": 60},
            alerts={"webhook_url": f"https://example.invalid/{SECRET}"},
        )
        config = packed_config(tmp_path, settings)
        assert SECRET not in config
        assert {"snowflake", "alerts"} & yaml.safe_load(config).keys() == set()

    def test_holds_the_changed_settings(self, tmp_path: Path, make_settings: Callable[..., Settings], monkeypatch):
        """Inside the warehouse, training takes place in the process of the procedure."""
        settings = make_settings(
            deployment="dev",
            training={"place": "warehouse", "months": 1, "task_type": "GPU", "search_space": {"rsm": None}},
            gate={"guardrail_margins": {"brier": None}},
        )
        (tmp_path / "config.yml").write_text(packed_config(tmp_path, settings))
        monkeypatch.setattr("intent_platform.settings.CONFIG_FILE", tmp_path / "config.yml")
        inside = load_settings()
        assert inside.training == settings.training.model_copy(update={"place": "process"})
        assert (inside.deployment, inside.feed, inside.gate) == ("dev", settings.feed, settings.gate)
