"""One typed `Settings` object: the defaults of its fields, overridden by `config.yml` and by the environment.

A field `a.b` is overridden by `INTENT_PLATFORM_A_B`; deeper values are given as JSON. Nothing is read
when this module is imported; `load_settings()` reads, and reports the first mistake in one sentence.
"""

import os
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)
from pydantic_settings.sources import DefaultSettingsSource

from intent_platform.errors import SettingsError
from intent_platform.settings.evaluation import EvaluationSettings, GateSettings
from intent_platform.settings.feeds import LandingSettings, SimulatedSettings, TableSettings, UciSettings
from intent_platform.settings.operation import AlertSettings, MonitoringSettings, ScheduleSettings, ScoringSettings
from intent_platform.settings.platforms import SnowflakeSettings, WarehouseSettings
from intent_platform.settings.training import TrainingSettings
from intent_platform.settings.types import ENVIRONMENT_PREFIX, AbsolutePath, Positive, Section, variable_of

CONFIG_FILE = Path(__file__).with_name("config.yml")
_REFERENCE = "docs/settings.md lists all settings"


class Settings(BaseSettings):
    """Settings of the platform as a whole.

    Frozen; an unknown name is an error.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_parse_none_str="null",
        yaml_file=CONFIG_FILE,
        extra="forbid",
        frozen=True,
    )

    deployment: Literal["local", "dev", "prod"] = Field(
        "local",
        description="`local` is DuckDB and MLflow in `home`. `dev` and `prod` are Snowflake; see docs/snowflake.md.",
    )
    home: AbsolutePath = Field(Path(".intent_platform"), description="Folder of all state of the local platform.")
    first_day: date = Field(date(2024, 1, 1), description="First daily partition; its month is the first monthly one.")
    demo_months: Positive = Field(12, description="Months of the feed that `make demo` plays: the last ones.")
    owner: str = Field(
        "team:intent_platform", description="Owner shown in the asset catalogue: `team:…` or an e-mail address."
    )
    # Never "auto" once load_settings() has settled it.
    feed: Literal["auto", "uci", "landing", "simulated", "table"] = Field(
        "auto",
        description="Where sessions come from. `auto` means `uci` where the UCI file is available and on Snowflake, "
        "otherwise `simulated`.",
    )
    uci: UciSettings = UciSettings()
    landing: LandingSettings = LandingSettings()
    simulated: SimulatedSettings = SimulatedSettings()
    table: TableSettings = TableSettings()
    warehouse: WarehouseSettings = WarehouseSettings()
    snowflake: SnowflakeSettings = SnowflakeSettings()
    training: TrainingSettings = TrainingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    gate: GateSettings = GateSettings()
    scoring: ScoringSettings = ScoringSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    schedules: ScheduleSettings = ScheduleSettings()
    alerts: AlertSettings = AlertSettings()

    @model_validator(mode="after")
    def _evaluation_ticks_after_its_test_window(self) -> "Settings":
        if self.schedules.evaluation_day <= self.evaluation.days:
            raise ValueError(
                f"schedules.evaluation_day {self.schedules.evaluation_day} must come after the {self.evaluation.days} "
                "days of evaluation.days: the test window has to be over"
            )
        return self

    @model_validator(mode="after")
    def _clocks_tick_in_the_order_of_the_pipeline(self) -> "Settings":
        clocks = self.schedules
        for name in ("scores_hour", "training_hour", "evaluation_hour"):
            if getattr(clocks, name) <= clocks.sessions_hour:
                raise ValueError(
                    f"schedules.{name} {getattr(clocks, name)} must come after schedules.sessions_hour "
                    f"{clocks.sessions_hour}: yesterday's sessions have to be there"
                )
        return self

    @model_validator(mode="after")
    def _only_snowflake_trains_in_the_warehouse(self) -> "Settings":
        if self.training.place == "warehouse" and self.deployment == "local":
            raise ValueError("training.place warehouse needs a stored procedure, and local has none: set it to process")
        return self

    @model_validator(mode="after")
    def _only_local_reads_a_file(self) -> "Settings":
        if self.table.file is not None and self.deployment != "local":
            raise ValueError(f"table.file is for local: on {self.deployment} name the table in table.relation")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  pydantic names them
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Explicit values win over the environment, the environment over `config.yml`, the file over the defaults.

        The defaults are a source as well, because sources merge mappings entry by entry.
        """
        defaults = DefaultSettingsSource(settings_cls, nested_model_default_partial_update=True)
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls), defaults

    @property
    def landing_folder(self) -> Path:
        """Where files are dropped: as configured, else `landing/` in the home."""
        return self.landing.folder or self.home / "landing"

    @property
    def warehouse_file(self) -> Path:
        """The DuckDB file of the local platform."""
        return self.home / "warehouse.duckdb"

    @property
    def uci_copy(self) -> Path:
        """The home's own copy of the UCI file: later runs need neither path nor network."""
        return self.home / "feeds" / "uci.csv"


def load_settings(**overrides: Any) -> Settings:
    """Settings from `overrides`, the environment, `config.yml` and the defaults, in this order of precedence.

    An override may be partial: `training={"months": 1}` leaves the rest of the section as it is.

    Raises:
        SettingsError: a value is unknown or out of range; the text names it.
    """
    unknown = sorted(name for name in os.environ if _is_misspelt(name))
    if unknown:
        raise SettingsError(f"environment variable {unknown[0]} names no setting; {_REFERENCE}")
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        raise SettingsError(_first_mistake(error)) from error
    return _settled(settings)


def _first_mistake(error: ValidationError) -> str:
    """One sentence on an unknown name, if there is one, otherwise on the first wrong value."""
    mistakes = error.errors()
    unknown = [mistake for mistake in mistakes if mistake["type"] == "extra_forbidden"]
    first = [*unknown, *mistakes][0]
    # The other parts of a location are pydantic's own, such as the alternatives of a union.
    name = ".".join(part for part in map(str, first["loc"]) if part.isidentifier()) or "settings"
    return f"setting {name}: " + (f"there is no such setting; {_REFERENCE}" if unknown else first["msg"])


def environment_of_paths(settings: Settings) -> dict[str, str]:
    """The environment that gives another process the same paths, whatever its current folder."""
    found = {}
    for name, value in settings:
        found[variable_of(name)] = value
        if isinstance(value, Section):
            found |= {variable_of(name, inner): entry for inner, entry in value}
    return {variable: str(value) for variable, value in found.items() if isinstance(value, Path)}


def changes_of(settings: Settings) -> dict[str, Any]:
    """What differs from the defaults, in the form of `config.yml`. Secrets are masked."""
    defaults = Settings.model_construct().model_dump(mode="json", by_alias=True)
    return _changes(defaults, settings.model_dump(mode="json", by_alias=True))


def _changes(defaults: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The entries of `values` that differ, in their order, and null for each default that `values` lacks."""
    changed: dict[str, Any] = {}
    for name, value in values.items():
        default = defaults.get(name)
        if isinstance(value, dict) and isinstance(default, dict):
            inner = _changes(default, value)
            changed |= {name: inner} if inner else {}
        elif name not in defaults or value != default:
            changed[name] = value
    return changed | dict.fromkeys(name for name in defaults if name not in values)


def _settled(settings: Settings) -> Settings:
    """With the two values that follow from others: the feed that `auto` means, and the deployment's parameters file."""
    snowflake = settings.snowflake
    if snowflake.parameters_file is None:
        file = Path(f"connection_parameters_{settings.deployment}.json").absolute()
        snowflake = snowflake.model_copy(update={"parameters_file": file})
    feed = _usual_feed(settings) if settings.feed == "auto" else settings.feed
    return settings.model_copy(update={"feed": feed, "snowflake": snowflake})


def _usual_feed(settings: Settings) -> Literal["uci", "simulated"]:
    """What `feed: auto` means: the UCI file where there is one, and on Snowflake; else a shop that lives."""
    has_file = settings.uci.csv is not None or settings.uci_copy.exists()
    return "uci" if has_file or settings.deployment != "local" else "simulated"


def _is_misspelt(variable: str) -> bool:
    """Whether an environment variable has our prefix but names neither a field nor a section's field."""
    if not variable.startswith(ENVIRONMENT_PREFIX):
        return False
    name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
    for field, info in Settings.model_fields.items():
        if name == field:
            return False
        section = info.annotation
        if isinstance(section, type) and issubclass(section, Section) and name.startswith(f"{field}_"):
            return name.removeprefix(f"{field}_") not in {f.alias or n for n, f in section.model_fields.items()}
    return True
