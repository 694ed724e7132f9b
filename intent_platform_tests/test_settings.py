"""The settings: every field, its default, the mistakes that are refused, and the names and paths that are derived."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import intent_platform
from intent_platform.errors import SettingsError
from intent_platform.settings import Settings, environment_of_paths, load_settings
from intent_platform.settings.reference import reference
from intent_platform.settings.types import Section, variable_of

PACKAGE = Path(intent_platform.__file__).parent


def fields_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every setting and section by its full name, with the settings of sections."""
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


class TestFields:
    def test_all_have_a_default(self):
        assert [name for name, field in FIELDS.items() if field.is_required()] == []

    def test_all_have_a_meaning(self):
        settings = {name: field for name, field in FIELDS.items() if section_of(field) is None}
        assert [name for name, field in settings.items() if not field.description] == []

    def test_are_described_on_the_reference_page(self):
        assert (PACKAGE.parent / "docs" / "settings.md").read_text() == reference(), "run make settings"


class TestDefaults:
    def test_are_the_local_platform_and_the_simulated_feed(self, settings):
        assert (settings.deployment, settings.feed) == ("local", "simulated")

    def test_date_uci_sessions_at_the_start_of_their_month(self, settings):
        assert settings.uci.session_dates == "month_start"


class TestFeed:
    @pytest.fixture
    def uci_copy(self, settings) -> None:
        """The home has a copy of the UCI file."""
        settings.uci_copy.parent.mkdir(parents=True)
        settings.uci_copy.touch()

    def test_is_uci_if_a_file_is_named(self, make_settings, tmp_path):
        assert make_settings(uci={"csv": tmp_path / "f.csv"}).feed == "uci"

    def test_is_uci_on_snowflake(self, make_settings):
        assert make_settings(deployment="dev").feed == "uci"

    @pytest.mark.usefixtures("uci_copy")
    def test_is_uci_if_the_home_has_a_copy_of_the_file(self, make_settings):
        assert make_settings().feed == "uci"

    def test_needs_a_home_that_can_be_looked_into(self, make_settings):
        with pytest.raises(SettingsError, match="cannot read the home folder"):
            make_settings(home="/" + "x" * 300)

    @pytest.mark.usefixtures("uci_copy")
    def test_is_never_uci_if_another_is_named(self, make_settings):
        assert make_settings(feed="simulated").feed == "simulated"


class TestMistakes:
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
            ("INTENT_PLATFORM_TRAINING_FEATURES", "a,b", "features ['a', 'b'] are not columns"),
            ("INTENT_PLATFORM_TRAINING_FIXED", "depth=3", "(INTENT_PLATFORM_TRAINING_FIXED): Input should be a valid"),
            ("INTENT_PLATFORM_TRAINING", "[" * 5_000, "written as JSON"),
            ("INTENT_PLATFORM_OWNER", "somebody", "owner"),
            ("INTENT_PLATFORM_HOME", "/what?", "? or %"),
            ("INTENT_PLATFORM_UCI_CSV", "~nosuchuser/f.csv", "write the whole path"),
            ("INTENT_PLATFORM_SCORING_CATCH_UP_DAYS", "9" * 40, "scoring.catch_up_days"),
            ("INTENT_PLATFORM_WAREHOUSE_MEMORY_GB", "inf", "warehouse.memory_gb"),
            ("INTENT_PLATFORM_RETENTION_RAW_DAYS", "416", "must be at least 417, because gate.pool_months 12"),
            ("INTENT_PLATFORM_ALERTS_WEBHOOK_URL", "file:///etc/hosts", "'http' or 'https'"),
        ],
        ids=[
            *("unknown feed", "unknown policy", "no such hour", "feature that does not exist"),
            *("misspelt setting", "misspelt top-level setting", "evaluation before its data"),
            *("empty range", "fixed and searched", "parameter that a GPU lacks", "scores before sessions"),
            *("unknown features", "mapping without JSON", "section without JSON", "owner", "home with options"),
            *("unknown user", "huge number", "infinite number", "retention below its readers", "address of a file"),
        ],
    )
    def test_are_refused_in_one_sentence(self, monkeypatch, variable, value, named):
        monkeypatch.setenv(variable, value)
        with pytest.raises(SettingsError) as caught:
            load_settings()
        assert named in str(caught.value)
        assert "\n" not in str(caught.value)
        assert "Value error" not in str(caught.value), "that is pydantic's word"

    def test_are_told_without_the_middle_of_a_long_value(self, make_settings):
        with pytest.raises(SettingsError, match="names that need no quotes") as caught:
            make_settings(table={"relation": "-" * 10_000})
        assert len(str(caught.value)) < 1_600


class TestRetention:
    @pytest.mark.parametrize(
        ("others", "least", "because"),
        [
            ({}, 417, "gate.pool_months 12 and scoring.catch_up_days 14"),
            ({"gate": {"pool_months": 0}}, 138, "training.months 3"),
            (
                {"gate": {"pool_months": 0}, "training": {"months": 1}, "scoring": {"rescore_days": 60}},
                81,
                "scoring.rescore_days 60",
            ),
            (
                {"gate": {"pool_months": 0}, "training": {"months": 1}, "monitoring": {"volume_days": 100}},
                115,
                "monitoring.volume_days 100",
            ),
        ],
        ids=["pooled months", "training", "scores again", "usual volume"],
    )
    def test_outlasts_every_window(self, make_settings, others, least, because):
        assert make_settings(retention={"raw_days": least}, **others).retention.raw_days == least
        with pytest.raises(SettingsError, match=f"{least - 1} must be at least {least}, because {because}"):
            make_settings(retention={"raw_days": least - 1}, **others)


class TestSettings:
    def test_are_frozen(self, settings):
        with pytest.raises(ValueError, match="frozen"):
            settings.feed = "landing"


class TestPaths:
    def test_are_these_settings(self):
        files = ["snowflake.parameters_file", "snowflake.private_key_file", "table.file", "uci.csv"]
        assert ["home", "landing.folder", *files] == PATHS

    @pytest.mark.parametrize("name", PATHS)
    def test_are_utf8(self, monkeypatch, name: str):
        monkeypatch.setenv(variable_of(*name.split(".")), "caf\udce9")
        with pytest.raises(SettingsError, match=f"setting {name}.*is not UTF-8: rename it or choose another path"):
            load_settings()

    @pytest.mark.parametrize("name", PATHS)
    def test_are_absolute_for_other_processes(self, monkeypatch, tmp_path, name: str):
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

    def test_may_begin_with_the_home_folder_of_the_user(self, make_settings):
        assert make_settings(landing={"folder": "~/drop"}).landing.folder == Path.home() / "drop"


class TestObservedTable:
    @pytest.mark.parametrize(
        ("relation", "file", "name"),
        [
            (None, None, "SOURCE"),
            ("sessions", None, "SESSIONS"),
            ("elt.shop.web_sessions$1", None, "ELT.SHOP.WEB_SESSIONS$1"),
            (None, "elt.duckdb", "ELSEWHERE.SOURCE"),
            ("shop.sessions", "elt.duckdb", "ELSEWHERE.SHOP.SESSIONS"),
        ],
        ids=["default", "table", "database, schema and table", "file", "file, schema and table"],
    )
    def test_has_a_qualified_name(self, make_settings, relation, file, name):
        settings = make_settings(table={"relation": relation, "file": file})
        assert settings.table.name == name
        assert settings.table.file is None or settings.table.file.is_absolute()

    @pytest.mark.parametrize(
        "relation", ["", "a b", "a;b", '"a"', "a.b.c.d", "a..b", "1a", "a\n", "SOURCE--", "a.(SELECT 1)"]
    )
    def test_must_have_a_name_without_quotes(self, make_settings, relation):
        with pytest.raises(SettingsError, match="names that need no quotes"):
            make_settings(table={"relation": relation})

    def test_in_a_file_has_no_database(self, make_settings):
        """The file is the database."""
        with pytest.raises(SettingsError, match="leave it out"):
            make_settings(table={"relation": "a.b.c", "file": "elt.duckdb"})

    def test_on_snowflake_has_no_file(self, make_settings):
        with pytest.raises(SettingsError, match=r"name the table in table\.relation"):
            make_settings(deployment="dev", table={"file": "elt.duckdb"})
