"""One typed `Settings` object: `config.yml` beside this file, overridden by the environment.

A field `a.b` is overridden by `INTENT_PLATFORM_A_B`; deeper values are given as JSON. Nothing is read
when this module is imported; `load_settings()` reads, and reports the first mistake in one sentence.
"""

import os
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from intent_platform.errors import SettingsError
from intent_platform.sections import (
    ATTACHED,
    AlertSettings,
    EvaluationSettings,
    FloatRange,
    GateSettings,
    IntRange,
    LandingSettings,
    MonitoringSettings,
    Positive,
    ScenarioSettings,
    ScheduleSettings,
    ScoringSettings,
    Section,
    SimulatedSettings,
    SnowflakeSettings,
    TableSettings,
    TrainingSettings,
    UciSettings,
    WarehouseSettings,
)

__all__ = [
    "ATTACHED",
    "CONFIG_FILE",
    "ENVIRONMENT_PREFIX",
    "AlertSettings",
    "EvaluationSettings",
    "FloatRange",
    "GateSettings",
    "IntRange",
    "LandingSettings",
    "MonitoringSettings",
    "ScenarioSettings",
    "ScheduleSettings",
    "ScoringSettings",
    "Section",
    "Settings",
    "SimulatedSettings",
    "SnowflakeSettings",
    "TableSettings",
    "TrainingSettings",
    "UciSettings",
    "WarehouseSettings",
    "load_settings",
]

ENVIRONMENT_PREFIX = "INTENT_PLATFORM_"
CONFIG_FILE = Path(__file__).with_name("config.yml")


class Settings(BaseSettings):
    """All that can be set. Frozen; unknown names are refused."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        yaml_file=CONFIG_FILE,
        extra="forbid",
        frozen=True,
    )

    deployment: Literal["local", "dev", "prod"]
    home: Path
    first_day: date
    demo_months: Positive
    owner: str
    feed: Literal["auto", "uci", "landing", "simulated", "table"]  # never "auto" once load_settings() has settled it
    uci: UciSettings
    landing: LandingSettings
    simulated: SimulatedSettings
    table: TableSettings
    warehouse: WarehouseSettings
    snowflake: SnowflakeSettings
    training: TrainingSettings
    evaluation: EvaluationSettings
    gate: GateSettings
    scoring: ScoringSettings
    monitoring: MonitoringSettings
    schedules: ScheduleSettings
    alerts: AlertSettings

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
        """Explicit values win over the environment, the environment over `config.yml`."""
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls)

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
        """The home's own copy of the UCI file, so that later runs need neither path nor network."""
        return self.home / "feeds" / "uci.csv"


def load_settings(**overrides: Any) -> Settings:
    """Settings from `overrides`, the environment and `config.yml`, in this order of precedence.

    Relative paths are resolved against the current folder.

    Raises:
        SettingsError: a value is missing, unknown or out of range; the text names it.
    """
    unknown = sorted(name for name in os.environ if _is_misspelt(name))
    if unknown:
        raise SettingsError(
            f"environment variable {unknown[0]} names no setting; the settings are listed in {CONFIG_FILE.name}"
        )
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        raise SettingsError(f"setting {name}: {first['msg']}") from error
    settings = settings.model_copy(update={"home": _absolute(settings.home)})
    return settings.model_copy(
        update={
            "feed": _usual_feed(settings) if settings.feed == "auto" else settings.feed,
            "uci": settings.uci.model_copy(update={"csv": _absolute(settings.uci.csv)}),
            "snowflake": settings.snowflake.model_copy(
                update={
                    "private_key_file": _absolute(settings.snowflake.private_key_file),
                    "parameters_file": _absolute(
                        settings.snowflake.parameters_file or Path(f"connection_parameters_{settings.deployment}.json")
                    ),
                }
            ),
            "table": settings.table.model_copy(update={"file": _absolute(settings.table.file)}),
            "landing": settings.landing.model_copy(update={"folder": _absolute(settings.landing.folder)}),
        }
    )


def _usual_feed(settings: Settings) -> Literal["uci", "simulated"]:
    """What `feed: auto` means: the UCI file where there is one, and on Snowflake; else a shop that lives."""
    has_file = settings.uci.csv is not None or settings.uci_copy.exists()
    return "uci" if has_file or settings.deployment != "local" else "simulated"


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.expanduser().absolute()


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
