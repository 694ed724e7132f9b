from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import intent_platform
from intent_platform.errors import SettingsError
from intent_platform.settings import CONFIG_FILE, Settings, changes_of, environment_of_paths, load_settings
from intent_platform.settings.reference import reference
from intent_platform.settings.training import IntRange
from intent_platform.settings.types import Section, variable_of

PACKAGE = Path(intent_platform.__file__).parent


def test_the_defaults_are_the_local_platform_and_a_shop_that_lives(settings):
    assert (settings.deployment, settings.feed, settings.uci.session_dates) == ("local", "simulated", "month_start")


def test_without_a_feed_it_is_the_uci_file_where_there_is_one_and_on_snowflake(make_settings, tmp_path):
    assert make_settings(uci={"csv": tmp_path / "f.csv"}).feed == "uci"
    assert make_settings(deployment="dev").feed == "uci"
    copy = make_settings().uci_copy
    copy.parent.mkdir(parents=True)
    copy.touch()
    assert make_settings().feed == "uci"
    assert make_settings(feed="simulated").feed == "simulated"


@pytest.mark.parametrize(
    ("variable", "value", "read"),
    [
        ("INTENT_PLATFORM_FEED", "landing", lambda s: s.feed == "landing"),
        ("INTENT_PLATFORM_UCI_SESSION_DATES", "spread", lambda s: s.uci.session_dates == "spread"),
        ("INTENT_PLATFORM_UCI_CSV", "some/file.csv", lambda s: s.uci.csv == Path("some/file.csv").absolute()),
        ("INTENT_PLATFORM_TRAINING_TRIALS", "3", lambda s: s.training.trials == 3),
        ("INTENT_PLATFORM_FIRST_DAY", "2023-02-01", lambda s: s.first_day.year == 2023),
        ("INTENT_PLATFORM_TRAINING_FEATURES", '["PAGEVALUES"]', lambda s: s.training.features == ("PAGEVALUES",)),
    ],
)
def test_the_environment_overrides_one_value_and_leaves_its_neighbours(monkeypatch, settings, variable, value, read):
    monkeypatch.setenv(variable, value)
    changed = load_settings(home=settings.home)
    assert read(changed)
    assert changed.schedules == settings.schedules
    assert changed.uci.year == settings.uci.year


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("INTENT_PLATFORM_FEED", "carrier_pigeon", "feed"),
        ("INTENT_PLATFORM_GATE_POLICY", "luck", "gate.policy"),
        ("INTENT_PLATFORM_SCHEDULES_SCORES_HOUR", "24", "schedules.scores_hour"),
        ("INTENT_PLATFORM_TRAINING_FEATURES", '["REVENUE"]', "REVENUE"),
        ("INTENT_PLATFORM_TRAINING_TRAILS", "3", "INTENT_PLATFORM_TRAINING_TRAILS"),
        ("INTENT_PLATFORM_FEEDS", "uci", "INTENT_PLATFORM_FEEDS"),
        ("INTENT_PLATFORM_EVALUATION_DAYS", "15", "evaluation_day"),
        ("INTENT_PLATFORM_TRAINING_SEARCH_SPACE", '{"depth": {"low": 5, "high": 2}}', "low 5 is above high 2"),
        ("INTENT_PLATFORM_TRAINING_FIXED", '{"depth": 3}', "depth"),
        ("INTENT_PLATFORM_TRAINING_TASK_TYPE", "GPU", "rsm"),
        ("INTENT_PLATFORM_SCHEDULES_SCORES_HOUR", "5", "schedules.sessions_hour"),
    ],
)
def test_a_mistake_is_refused_in_one_sentence_that_names_it(monkeypatch, variable, value, named):
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def fields_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every setting by its full name, those of sections included."""
    for name, field in model.model_fields.items():
        full = f"{prefix}{field.alias or name}"
        yield full, field
        if section := section_of(field):
            yield from fields_of(section, f"{full}.")


def section_of(field: FieldInfo) -> type[Section] | None:
    match field.annotation:
        case type() as annotation if issubclass(annotation, Section):
            return annotation
    return None


def mentioned_types(annotation: Any) -> Iterator[Any]:
    """A type, and the types within a union, an annotated type or a collection."""
    yield annotation
    for inner in get_args(annotation):
        yield from mentioned_types(inner)


FIELDS = dict(fields_of(Settings))
PATHS = sorted(name for name, field in FIELDS.items() if Path in mentioned_types(field.annotation))


@pytest.fixture
def config_file(monkeypatch, tmp_path) -> Callable[[str], None]:
    """Write the `config.yml` that settings are read from."""

    def write(text: str) -> None:
        (tmp_path / "config.yml").write_text(text)

    monkeypatch.setitem(Settings.model_config, "yaml_file", tmp_path / "config.yml")
    return write


class TestDefaults:
    def test_every_setting_and_section_has_one(self):
        assert [name for name, field in FIELDS.items() if field.is_required()] == []

    def test_every_setting_has_a_meaning(self):
        settings = {name: field for name, field in FIELDS.items() if section_of(field) is None}
        assert [name for name, field in settings.items() if not field.description] == []

    def test_the_shipped_config_file_changes_none(self):
        assert yaml.safe_load(CONFIG_FILE.read_text()) is None

    def test_the_example_in_the_shipped_config_file_can_be_used(self, config_file):
        text = CONFIG_FILE.read_text()
        config_file(text[text.index("#\n") :].replace("# ", "").replace("#", ""))
        assert load_settings().training.search_space["depth"] == IntRange(low=5, high=8)

    def test_the_reference_page_is_current(self):
        assert (PACKAGE.parent / "docs" / "settings.md").read_text() == reference(), "run make settings"


class TestMerging:
    def test_an_override_of_a_section_leaves_its_neighbours(self, settings, make_settings):
        training = make_settings(training={"months": 1}).training
        assert training == settings.training.model_copy(update={"months": 1})

    def test_a_mapping_keeps_its_other_entries_in_order(self, settings, make_settings):
        space = make_settings(training={"search_space": {"depth": {"high": 8}}}).training.search_space
        assert list(space.items()) == list({**settings.training.search_space, "depth": IntRange(low=4, high=8)}.items())

    def test_the_file_the_environment_and_an_override_meet_in_one_section(self, config_file, monkeypatch):
        config_file("training: {months: 6, folds: 4, trials: 5, search_space: {depth: {low: 2}}}")
        monkeypatch.setenv("INTENT_PLATFORM_TRAINING_TRIALS", "3")
        monkeypatch.setenv("INTENT_PLATFORM_TRAINING_SEARCH_SPACE", '{"depth": {"high": 3}}')
        training = load_settings(training={"months": 1}).training
        assert (training.months, training.folds, training.trials) == (1, 4, 3)
        assert training.search_space["depth"] == IntRange(low=2, high=3)
        assert set(training.search_space) == set(Settings.model_fields["training"].default.search_space)

    @pytest.mark.parametrize(
        "text", ["trainings: {}", "training: {trails: 3}", "training: {search_space: {rsm: {lo: 1}}}"]
    )
    def test_an_unknown_name_in_the_file_is_refused(self, config_file, text: str):
        config_file(text)
        with pytest.raises(SettingsError, match=r"^setting training.*: there is no such setting"):
            load_settings()

    @pytest.mark.parametrize("overrides", [{"trainings": {}}, {"training": {"trails": 3}}])
    def test_an_unknown_override_is_refused(self, overrides):
        with pytest.raises(SettingsError, match=r"^setting training.*: there is no such setting"):
            load_settings(**overrides)


class TestNull:
    def test_removes_a_searched_parameter_that_a_gpu_lacks(self, monkeypatch):
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

    def test_of_a_guardrail_that_does_not_exist_is_refused(self, make_settings):
        with pytest.raises(SettingsError, match="brierr"):
            make_settings(gate={"guardrail_margins": {"brierr": None}})

    def test_is_a_value_of_a_variable(self, monkeypatch):
        monkeypatch.setenv("INTENT_PLATFORM_GATE_FRESHER_MARGIN", "null")
        assert load_settings().gate.fresher_margin is None


class TestPaths:
    def test_are_the_settings_that_are_expected(self):
        files = ["snowflake.parameters_file", "snowflake.private_key_file", "table.file", "uci.csv"]
        assert ["home", "landing.folder", *files] == PATHS

    @pytest.mark.parametrize("name", PATHS)
    def test_are_handed_over_absolute(self, monkeypatch, tmp_path, name: str):
        """`make dev` starts processes with another current folder."""
        variable = variable_of(*name.split("."))
        monkeypatch.setenv(variable, "some/file")
        handed_over = environment_of_paths(load_settings())
        assert handed_over[variable] == str(Path("some/file").absolute())
        for other, path in handed_over.items():
            monkeypatch.setenv(other, path)
        before = load_settings()
        monkeypatch.chdir(tmp_path)
        assert load_settings() == before

    def test_begin_at_the_home_folder_of_the_user(self, make_settings):
        assert make_settings(landing={"folder": "~/drop"}).landing.folder == Path.home() / "drop"


class TestChanges:
    def test_defaults_change_only_what_follows_from_the_folder(self):
        assert set(changes_of(load_settings())) == {"home", "feed", "snowflake"}

    @pytest.mark.parametrize(
        "overrides",
        [
            {"training": {"search_space": {"rsm": None, "bagging_temperature": {"low": 0.0, "high": 1.0}}}},
            {"training": {"fixed": {"leaf_estimation_iterations": None}, "features": ["PAGEVALUES"]}},
            {"gate": {"guardrail_margins": {"brier": None}, "fresher_margin": None}, "first_day": "2023-05-01"},
            {"feed": "simulated", "simulated": {"scenario": {"kind": "late_rows", "start": "2025-05-14"}}},
        ],
    )
    def test_make_the_same_settings_again(self, make_settings, config_file, overrides):
        settings = make_settings(**overrides)
        config_file(yaml.safe_dump(changes_of(settings), sort_keys=False))
        again = load_settings()
        assert again == settings
        assert list(again.training.search_space) == list(settings.training.search_space)


def test_settings_are_frozen_and_show_no_secret(make_settings):
    settings = make_settings(alerts={"webhook_url": "https://example.invalid/secret"})
    with pytest.raises(ValueError, match="frozen"):
        settings.feed = "landing"
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("relation", "file", "name"),
    [
        (None, None, "SOURCE"),
        ("sessions", None, "SESSIONS"),
        ("elt.shop.web_sessions$1", None, "ELT.SHOP.WEB_SESSIONS$1"),
        (None, "elt.duckdb", "ELSEWHERE.SOURCE"),
        ("shop.sessions", "elt.duckdb", "ELSEWHERE.SHOP.SESSIONS"),
    ],
)
def test_the_observed_table_is_called_by_its_qualified_name(make_settings, relation, file, name):
    settings = make_settings(table={"relation": relation, "file": file})
    assert settings.table.name == name
    assert settings.table.file is None or settings.table.file.is_absolute()


@pytest.mark.parametrize(
    "relation", ["", "a b", "a;b", '"a"', "a.b.c.d", "a..b", "1a", "a\n", "SOURCE--", "a.(SELECT 1)"]
)
def test_what_is_no_name_is_refused_as_a_table(make_settings, relation):
    with pytest.raises(SettingsError, match="names that need no quotes"):
        make_settings(table={"relation": relation})


def test_a_file_is_the_database_of_the_observed_table_and_local(make_settings):
    with pytest.raises(SettingsError, match="leave it out"):
        make_settings(table={"relation": "a.b.c", "file": "elt.duckdb"})
    with pytest.raises(SettingsError, match=r"name the table in table\.relation"):
        make_settings(deployment="dev", table={"file": "elt.duckdb"})
