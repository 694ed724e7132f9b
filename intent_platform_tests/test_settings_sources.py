"""Where the values of settings come from: the defaults, `config.yml`, environment variables and overrides."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from intent_platform.errors import SettingsError
from intent_platform.settings import CONFIG_FILE, Settings, changes_of, load_settings
from intent_platform.settings.training import IntRange


@pytest.fixture
def config_file(monkeypatch, tmp_path: Path) -> Callable[[str], Path]:
    """Write the `config.yml` that settings are read from, and return its path."""

    def write(text: str) -> Path:
        (tmp_path / "config.yml").write_text(text)
        return tmp_path / "config.yml"

    monkeypatch.setattr("intent_platform.settings.CONFIG_FILE", tmp_path / "config.yml")
    return write


class TestConfigFile:
    def test_as_shipped_changes_no_default(self):
        assert yaml.safe_load(CONFIG_FILE.read_text()) is None

    def test_as_shipped_holds_an_example_that_works(self, config_file):
        text = CONFIG_FILE.read_text()
        config_file(text[text.index("#\n") :].replace("# ", "").replace("#", ""))
        assert load_settings().training.search_space["depth"] == IntRange(low=5, high=8)

    @pytest.mark.parametrize(
        "text",
        ["trainings: {}", "training: {trails: 3}", "training: {search_space: {rsm: {lo: 1}}}"],
        ids=["section", "setting", "bound of a range"],
    )
    def test_with_an_unknown_name_is_refused(self, config_file, text: str):
        config_file(text)
        with pytest.raises(SettingsError, match=r"^setting training.*: there is no such setting"):
            load_settings()

    @pytest.mark.parametrize(
        ("content", "mistake"),
        [
            (b"feed: landing: now", "is not YAML in UTF-8: correct the mistake in line 1"),
            (b"owner: caf\xe9", "is not YAML in UTF-8"),
            (b"first_day: 2024-13-45", "is not YAML in UTF-8"),
            (b"[" * 5_000, "is not YAML in UTF-8"),
            (b"- feed", "must be a mapping"),
            (b"1: landing", "must be a mapping"),
        ],
        ids=["not YAML", "not UTF-8", "no such day", "nested too deeply", "list", "name that is a number"],
    )
    def test_in_another_form_is_refused(self, config_file, content: bytes, mistake: str):
        config_file("").write_bytes(content)
        with pytest.raises(SettingsError, match=rf"config\.yml {mistake}"):
            load_settings()

    def test_that_is_a_folder_is_refused(self, config_file):
        file = config_file("")
        file.unlink()
        file.mkdir()
        with pytest.raises(SettingsError, match="cannot be read"):
            load_settings()

    def test_may_be_missing(self, config_file):
        config_file("feed: landing").unlink()
        assert load_settings().feed != "landing"


class TestEnvironment:
    @pytest.mark.parametrize(
        ("variable", "value", "read"),
        [
            ("INTENT_PLATFORM_FEED", "landing", lambda s: s.feed == "landing"),
            ("INTENT_PLATFORM_UCI_SESSION_DATES", "spread", lambda s: s.uci.session_dates == "spread"),
            ("INTENT_PLATFORM_UCI_CSV", "some/file.csv", lambda s: s.uci.csv == Path("some/file.csv").absolute()),
            ("INTENT_PLATFORM_TRAINING_TRIALS", "3", lambda s: s.training.trials == 3),
            ("INTENT_PLATFORM_FIRST_DAY", "2023-02-01", lambda s: s.first_day.year == 2023),
            ("INTENT_PLATFORM_TRAINING_FEATURES", '["PAGEVALUES"]', lambda s: s.training.features == ("PAGEVALUES",)),
            ("INTENT_PLATFORM_TRAINING_FEATURES", "WEEKEND, REGION", lambda s: len(s.training.features) == 2),
        ],
        ids=["setting", "setting of a section", "path", "number", "date", "list", "list with commas"],
    )
    def test_overrides_one_value_and_keeps_the_others(self, monkeypatch, settings, variable, value, read):
        monkeypatch.setenv(variable, value)
        changed = load_settings(home=settings.home)
        assert read(changed)
        assert changed.schedules == settings.schedules
        assert changed.uci.year == settings.uci.year


class TestOverride:
    def test_of_a_setting_keeps_the_rest_of_its_section(self, settings, make_settings):
        training = make_settings(training={"months": 1}).training
        assert training == settings.training.model_copy(update={"months": 1})

    def test_of_an_entry_keeps_the_other_entries_in_order(self, settings, make_settings):
        space = make_settings(training={"search_space": {"depth": {"high": 8}}}).training.search_space
        assert list(space.items()) == list({**settings.training.search_space, "depth": IntRange(low=4, high=8)}.items())

    def test_is_merged_with_the_file_and_the_environment(self, config_file, monkeypatch):
        config_file("training: {months: 6, folds: 4, trials: 5, search_space: {depth: {low: 2}}}")
        monkeypatch.setenv("INTENT_PLATFORM_TRAINING_TRIALS", "3")
        monkeypatch.setenv("INTENT_PLATFORM_TRAINING_SEARCH_SPACE", '{"depth": {"high": 3}}')
        training = load_settings(training={"months": 1}).training
        assert (training.months, training.folds, training.trials) == (1, 4, 3)
        assert training.search_space["depth"] == IntRange(low=2, high=3)
        assert set(training.search_space) == set(Settings.model_fields["training"].default.search_space)

    def test_that_is_wrong_blames_no_variable(self, monkeypatch):
        monkeypatch.setenv("INTENT_PLATFORM_TRAINING_MONTHS", "1")
        with pytest.raises(SettingsError, match=r"^setting training\.months: "):
            load_settings(training={"months": 0})

    @pytest.mark.parametrize("overrides", [{"trainings": {}}, {"training": {"trails": 3}}], ids=["section", "setting"])
    def test_of_an_unknown_name_is_refused(self, overrides):
        with pytest.raises(SettingsError, match=r"^setting training.*: there is no such setting"):
            load_settings(**overrides)


class TestNull:
    def test_removes_a_searched_parameter_as_the_error_advises(self, monkeypatch):
        monkeypatch.setenv("INTENT_PLATFORM_TRAINING_TASK_TYPE", "GPU")
        with pytest.raises(SettingsError) as caught:
            load_settings()
        variable, _, value = str(caught.value).rpartition(" set ")[2].partition("=")
        monkeypatch.setenv(variable, value.strip("'"))
        training = load_settings().training
        assert training.task_type == "GPU"
        assert list(training.search_space) == ["depth", "learning_rate", "l2_leaf_reg", "random_strength"]

    def test_removes_a_guardrail(self, monkeypatch):
        monkeypatch.setenv("INTENT_PLATFORM_GATE_GUARDRAIL_MARGINS", '{"brier": null, "log_loss": 0.1}')
        assert load_settings().gate.guardrail_margins == {"roc_auc": 0.04, "log_loss": 0.1, "calibration_error": 0.06}

    def test_removes_a_fixed_parameter_in_favour_of_a_searched_one(self, config_file):
        name = "leaf_estimation_iterations"
        config_file(f"training: {{fixed: {{{name}: null}}, search_space: {{{name}: {{low: 1, high: 5}}}}}}")
        training = load_settings().training
        assert (training.fixed, training.search_space[name]) == ({}, IntRange(low=1, high=5))

    def test_for_an_unknown_guardrail_is_refused(self, make_settings):
        with pytest.raises(SettingsError, match="brierr"):
            make_settings(gate={"guardrail_margins": {"brierr": None}})

    def test_may_stand_in_a_variable(self, monkeypatch):
        monkeypatch.setenv("INTENT_PLATFORM_GATE_FRESHER_MARGIN", "null")
        assert load_settings().gate.fresher_margin is None


class TestChanges:
    def test_of_the_defaults_follow_from_the_folder(self):
        """The home and the parameters file are in it, and the feed depends on the files of the home."""
        assert set(changes_of(load_settings())) == {"home", "feed", "snowflake"}

    @pytest.mark.parametrize(
        "overrides",
        [
            {"training": {"search_space": {"rsm": None, "bagging_temperature": {"low": 0.0, "high": 1.0}}}},
            {"training": {"fixed": {"leaf_estimation_iterations": None}, "features": ["PAGEVALUES"]}},
            {"gate": {"guardrail_margins": {"brier": None}, "fresher_margin": None}, "first_day": "2023-05-01"},
            {"feed": "simulated", "simulated": {"scenario": {"kind": "late_rows", "start": "2025-05-14"}}},
        ],
        ids=["searched parameters", "training", "gate", "feed"],
    )
    def test_restore_the_settings(self, make_settings, config_file, overrides):
        settings = make_settings(**overrides)
        config_file(yaml.safe_dump(changes_of(settings), sort_keys=False))
        again = load_settings()
        assert again == settings
        assert list(again.training.search_space) == list(settings.training.search_space)
