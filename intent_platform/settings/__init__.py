"""The typed `Settings` object. `config.yml` overrides the defaults of its fields, and the environment overrides both.

The variable `INTENT_PLATFORM_A_B` overrides the field `a.b`, and deeper values are JSON. Only `load_settings()` reads
the file and the environment, not the import of this module. It reports the first mistake in one sentence, which may
show a value but never a secret.
"""

import os
from collections.abc import Container
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings.sources import DefaultSettingsSource

from intent_platform.errors import SettingsError
from intent_platform.settings.evaluation import EvaluationSettings, GateSettings
from intent_platform.settings.feeds import LandingSettings, SimulatedSettings, TableSettings, UciSettings
from intent_platform.settings.operation import (
    AlertSettings,
    MonitoringSettings,
    RetentionSettings,
    ScheduleSettings,
    ScoringSettings,
)
from intent_platform.settings.platforms import SnowflakeSettings, WarehouseSettings
from intent_platform.settings.sources import Environment, read_config_file
from intent_platform.settings.training import TrainingSettings
from intent_platform.settings.types import ENVIRONMENT_PREFIX, AbsolutePath, Positive, Section, variable_of

CONFIG_FILE = Path(__file__).with_name("config.yml")
_LONGEST_MONTH = 31  # days
_REFERENCE = "See docs/settings.md for all settings"
#: Pydantic's mistakes that a text in a variable leads to if it should be JSON.
_NOT_JSON = {"dict_type", "model_type", "tuple_type"}


def _without_options(home: Path) -> Path:
    if "?" in str(home) or "%" in str(home):
        raise ValueError(f"{home} contains ? or %, which DuckDB or MLflow take for options: choose another folder")
    return home


class Settings(BaseSettings):
    """Settings of the platform as a whole.

    They are frozen, and an unknown name is an error.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_parse_none_str="null",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    deployment: Literal["local", "dev", "prod"] = Field(
        "local",
        description="`local` is DuckDB and MLflow in `home`. `dev` and `prod` are Snowflake; see docs/snowflake.md.",
    )
    home: Annotated[AbsolutePath, AfterValidator(_without_options)] = Field(
        Path(".intent_platform"), description="Folder of all files of the local platform."
    )
    first_day: date = Field(
        date(2024, 1, 1), description="First daily partition. Its month is the first monthly partition."
    )
    demo_months: Positive = Field(12, description="Number of months that `make demo` runs: the last ones of the feed.")
    owner: str = Field(
        "team:intent_platform",
        pattern=r"^(team:.+|[A-Za-z0-9_][A-Za-z0-9._%+-]*@[A-Za-z0-9.-]+\.[A-Za-z]{2,7})$",  # Dagster's rule
        description="Owner shown in the asset catalogue: `team:…` or an e-mail address.",
    )
    # load_settings() replaces "auto" by the feed that it means.
    feed: Literal["auto", "uci", "landing", "simulated", "table"] = Field(
        "auto",
        description="Source of the sessions. `auto` means `uci` where the UCI file is available and on Snowflake, "
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
    retention: RetentionSettings = RetentionSettings()
    schedules: ScheduleSettings = ScheduleSettings()
    alerts: AlertSettings = AlertSettings()

    @model_validator(mode="after")
    def _evaluation_ticks_after_its_test_window(self) -> "Settings":
        if self.schedules.evaluation_day <= self.evaluation.days:
            raise ValueError(
                f"schedules.evaluation_day {self.schedules.evaluation_day} must be after the {self.evaluation.days} "
                "days of evaluation.days, because the evaluation needs the whole test window"
            )
        return self

    @model_validator(mode="after")
    def _clocks_tick_in_the_order_of_the_pipeline(self) -> "Settings":
        clocks = self.schedules
        for name in ("scores_hour", "training_hour", "evaluation_hour"):
            if getattr(clocks, name) <= clocks.sessions_hour:
                raise ValueError(
                    f"schedules.{name} {getattr(clocks, name)} must be after schedules.sessions_hour "
                    f"{clocks.sessions_hour}, because it needs yesterday's sessions"
                )
        return self

    @model_validator(mode="after")
    def _raw_sessions_stay_while_their_days_are_read(self) -> "Settings":
        """A rebuild of DATASET needs the raw sessions of every day that a scheduled step or catch-up still reads."""
        kept, late = self.retention.raw_days, self.scoring.catch_up_days
        reach = {
            f"training.months {self.training.months}": _LONGEST_MONTH * (self.training.months + 1),
            f"gate.pool_months {self.gate.pool_months}": _LONGEST_MONTH * (self.gate.pool_months + 1),
            f"scoring.rescore_days {self.scoring.rescore_days}": self.scoring.rescore_days + self.monitoring.days,
            f"monitoring.volume_days {self.monitoring.volume_days}": self.monitoring.volume_days + 1,
        }
        farthest = max(reach, key=lambda name: reach[name])
        if kept is not None and kept < reach[farthest] + late:
            raise ValueError(
                f"retention.raw_days {kept} must be at least {reach[farthest] + late}, because {farthest} and "
                f"scoring.catch_up_days {late} read days of that age: raise it, or lower these two"
            )
        return self

    @model_validator(mode="after")
    def _only_snowflake_trains_in_the_warehouse(self) -> "Settings":
        if self.training.place == "warehouse" and self.deployment == "local":
            raise ValueError(
                "training.place warehouse needs a stored procedure, which local does not have: set it to process"
            )
        return self

    @model_validator(mode="after")
    def _only_local_reads_a_file(self) -> "Settings":
        if self.table.file is not None and self.deployment != "local":
            raise ValueError(f"table.file works on local only: on {self.deployment} name the table in table.relation")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003  pydantic passes it by name
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources of the settings, first the one that overrides all others.

        The defaults are a source as well. Sources are merged entry by entry, so a mapping keeps its other defaults.
        """
        defaults = DefaultSettingsSource(settings_cls, nested_model_default_partial_update=True)
        changes = read_config_file(CONFIG_FILE)
        return init_settings, Environment(settings_cls), InitSettingsSource(settings_cls, changes), defaults

    @property
    def landing_folder(self) -> Path:
        """The folder into which files are dropped: `landing.folder`, or else `landing/` in the home folder."""
        return self.landing.folder or self.home / "landing"

    @property
    def warehouse_file(self) -> Path:
        """The DuckDB file of the local platform."""
        return self.home / "warehouse.duckdb"

    @property
    def uci_copy(self) -> Path:
        """The copy of the UCI file in the home folder. With it, later runs need neither the path nor the network."""
        return self.home / "feeds" / "uci.csv"


def load_settings(**overrides: Any) -> Settings:
    """Load the settings from `overrides`, the environment, `config.yml` and the defaults, in this order of precedence.

    An override may be a part of a section: `training={"months": 1}` does not change the other settings of `training`.

    Raises:
        SettingsError: a name is unknown or a value is out of range. The message names it. Or `config.yml` or the home
            folder cannot be read.
    """
    unknown = sorted(name for name in os.environ if _is_misspelt(name))
    if unknown:
        raise SettingsError(f"environment variable {unknown[0]}: there is no such setting. {_REFERENCE}")
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        raise SettingsError(_first_mistake(error, overrides)) from None
    return _completed(settings)


def _first_mistake(error: ValidationError, overrides: Container[str]) -> str:
    """A sentence about the first unknown name, or else about the first wrong value, with the variable that has it."""
    mistakes = error.errors()
    unknown = [mistake for mistake in mistakes if mistake["type"] == "extra_forbidden"]
    first = [*unknown, *mistakes][0]
    # Pydantic adds parts that are not names, such as the alternatives of a union.
    names = [part for part in map(str, first["loc"]) if part.isidentifier()]
    mistake = f"there is no such setting. {_REFERENCE}" if unknown else first["msg"].removeprefix("Value error, ")
    possible = [] if not names or names[0] in overrides else [variable_of(*names[:2]), variable_of(names[0])]
    variables = [variable for variable in possible if variable in os.environ]
    source = f" ({variables[0]})" if variables else ""
    form = f", written as JSON. {_REFERENCE}" if variables and first["type"] in _NOT_JSON else ""
    return f"setting {'.'.join(names) or 'settings'}{source}: {mistake}{form}"


def environment_of_paths(settings: Settings) -> dict[str, str]:
    """The environment variables that give a process with another current folder the same paths."""
    values = {}
    for name, value in settings:
        values[variable_of(name)] = value
        if isinstance(value, Section):
            values |= {variable_of(name, inner): entry for inner, entry in value}
    return {variable: str(value) for variable, value in values.items() if isinstance(value, Path)}


def changes_of(settings: Settings) -> dict[str, Any]:
    """The settings that differ from the defaults, in the form of `config.yml`. Secrets are masked."""
    defaults = Settings.model_construct().model_dump(mode="json", by_alias=True)
    return _changes(defaults, settings.model_dump(mode="json", by_alias=True))


def _changes(defaults: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The entries of `values` that differ from the defaults, in order, and null for each default that is missing."""
    changed: dict[str, Any] = {}
    for name, value in values.items():
        default = defaults.get(name)
        if isinstance(value, dict) and isinstance(default, dict):
            inner = _changes(default, value)
            changed |= {name: inner} if inner else {}
        elif name not in defaults or value != default:
            changed[name] = value
    return changed | dict.fromkeys(name for name in defaults if name not in values)


def _completed(settings: Settings) -> Settings:
    """The settings with the two values that follow from others: the feed for `auto`, and the parameters file."""
    snowflake = settings.snowflake
    if snowflake.parameters_file is None:
        file = Path(f"connection_parameters_{settings.deployment}.json").absolute()
        snowflake = snowflake.model_copy(update={"parameters_file": file})
    has_copy = _has_uci_copy(settings)
    automatic = "uci" if settings.uci.csv is not None or has_copy or settings.deployment != "local" else "simulated"
    feed = automatic if settings.feed == "auto" else settings.feed
    return settings.model_copy(update={"feed": feed, "snowflake": snowflake})


def _has_uci_copy(settings: Settings) -> bool:
    """Whether the home folder has the UCI file. A home that is closed to this user is found here, before its use."""
    try:
        return settings.uci_copy.exists()
    except OSError as error:
        raise SettingsError(
            f"cannot read the home folder {settings.home} ({error.strerror}): set INTENT_PLATFORM_HOME to a folder "
            "that you can read and write"
        ) from error


def _is_misspelt(variable: str) -> bool:
    """Whether an environment variable has the prefix of the platform but does not name a setting."""
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
