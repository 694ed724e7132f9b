"""One typed `Settings` object: `config.yml` beside this file, overridden by the environment.

A field `a.b` is overridden by `INTENT_PLATFORM_A_B`; deeper values are given as JSON. Nothing is read
when this module is imported; `load_settings()` reads, and reports the first mistake in one sentence.
"""

import os
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from intent_platform.errors import SettingsError
from intent_platform.tables import DATASET, MODEL_INPUTS

ENVIRONMENT_PREFIX = "INTENT_PLATFORM_"
CONFIG_FILE = Path(__file__).with_name("config.yml")

Positive = Annotated[int, Field(gt=0)]
Hour = Annotated[int, Field(ge=0, le=23)]
Probability = Annotated[float, Field(gt=0, lt=1)]
Margin = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """A group of settings: immutable, and an unknown name in it is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class UciSettings(Section):
    """The UCI feed: where its file is and how its months become dates."""

    csv: Path | None = None
    year: Annotated[int, Field(ge=1970, le=2200)]
    session_dates: Literal["month_start", "spread"]


class LandingSettings(Section):
    """The landing feed: the folder into which files are dropped, and when one is complete."""

    folder: Path | None = None
    done_files: bool
    quiet_seconds: Annotated[float, Field(ge=0)]


class WarehouseSettings(Section):
    """How long a run waits for a warehouse that another process holds."""

    wait_seconds: Annotated[float, Field(ge=0)]


class IntRange(Section):
    """An integer hyperparameter, both ends included."""

    low: int
    high: int
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> "IntRange":
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self


class FloatRange(Section):
    """A real hyperparameter, both ends included."""

    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> "FloatRange":
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self


#: CatBoost parameters that follow from the other training settings.
SET_BY_TRAINING = frozenset(
    {
        *("border_count", "iterations", "random_seed", "thread_count", "task_type"),
        *("allow_writing_files", "logging_level"),
    }
)


class TrainingSettings(Section):
    """How a challenger is trained: window, evidence needed, search."""

    months: Positive
    minimum_positives: Positive
    features: tuple[str, ...]
    max_sessions: Positive | None
    validation: Literal["stratified", "forward"]
    folds: Annotated[int, Field(ge=2)]
    trials: Positive
    search_seconds: Annotated[float, Field(gt=0)] | None
    seed: int
    task_type: Literal["CPU", "GPU"]
    threads: Positive
    iterations: Positive
    patience: Positive
    border_count: Annotated[int, Field(ge=1, le=254)]
    fixed: dict[str, str | int | float | bool]
    search_space: dict[str, IntRange | FloatRange]

    @model_validator(mode="after")
    def _features_are_model_inputs(self) -> "TrainingSettings":
        known = {column.name for column in MODEL_INPUTS}
        unknown = [name for name in self.features if name not in known]
        if unknown:
            raise ValueError(
                f"features {unknown} are not columns of {DATASET.name} that a model may use; it may use {sorted(known)}"
            )
        if not self.features or len(set(self.features)) != len(self.features):
            raise ValueError("features must name at least one column, and none twice")
        return self

    @model_validator(mode="after")
    def _each_parameter_is_set_once(self) -> "TrainingSettings":
        twice = sorted(self.fixed.keys() & self.search_space.keys())
        if twice:
            raise ValueError(f"{twice} are both fixed and searched")
        ours = sorted(SET_BY_TRAINING & (self.fixed.keys() | self.search_space.keys()))
        if ours:
            raise ValueError(f"{ours} are set by training itself: neither fix nor search them")
        return self

    @model_validator(mode="after")
    def _a_gpu_can_do_it(self) -> "TrainingSettings":
        if self.task_type == "GPU" and "rsm" in self.fixed.keys() | self.search_space.keys():
            raise ValueError("CatBoost has no rsm on a GPU: take it out of training.fixed and training.search_space")
        return self


class GateSettings(Section):
    """When a challenger replaces the champion; the rules are in `modelling/promotion.py`."""

    policy: Literal["evidence", "greater"]
    resamples: Annotated[int, Field(ge=200)]
    confidence: Probability
    seed: int
    minimum_positives: Positive
    pool_below_positives: Annotated[int, Field(ge=0)]
    pool_months: Annotated[int, Field(ge=0)]
    cluster_days: Annotated[int, Field(ge=2)]
    fresher_margin: Margin | None
    guardrail_margins: dict[Literal["roc_auc", "brier", "log_loss", "calibration_error"], Margin]
    slice_margin: Margin
    slice_minimum_positives: Positive


class EvaluationSettings(Section):
    """The test window of an evaluation."""

    days: Positive


class ScoringSettings(Section):
    """How far back scores are repaired."""

    rescore_days: Positive
    catch_up_days: Positive
    catch_up_attempts: Positive


class ScheduleSettings(Section):
    """Hours (and days of the month) of the clocks, Asia/Tokyo."""

    sessions_hour: Hour
    scores_hour: Hour
    training_hour: Hour
    training_day: Annotated[int, Field(ge=1, le=28)]
    evaluation_hour: Hour
    evaluation_day: Annotated[int, Field(ge=1, le=28)]
    running_by_default: bool


class AlertSettings(Section):
    """Where a failed run is announced besides the log."""

    webhook_url: str | None = Field(default=None, repr=False)


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
    owner: str
    feed: Literal["uci", "landing"]
    uci: UciSettings
    landing: LandingSettings
    warehouse: WarehouseSettings
    training: TrainingSettings
    evaluation: EvaluationSettings
    gate: GateSettings
    scoring: ScoringSettings
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
    return settings.model_copy(
        update={
            "home": _absolute(settings.home),
            "uci": settings.uci.model_copy(update={"csv": _absolute(settings.uci.csv)}),
            "landing": settings.landing.model_copy(update={"folder": _absolute(settings.landing.folder)}),
        }
    )


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
            return name.removeprefix(f"{field}_") not in section.model_fields
    return True
