"""The sections of the settings, each a group of values with their types and limits.

How they are put together and read is in `settings`; what they mean in words is in `config.yml`.
"""

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from intent_platform.tables import DATASET, MODEL_INPUTS, SOURCE

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


class ScenarioSettings(Section):
    """What happens to the simulated shop or to its feed, and from when on; see `sessions/simulated/scenarios.py`."""

    kind: (
        Literal["none", "gradual_drift", "meaningless_pagevalues", "new_traffic_source", "browser_release"]
        | Literal["empty_cells", "stuck_counter", "doubled_file", "late_rows", "missing_day", "repeated_day"]
        | Literal["seasonal_peak"]
    )
    start: date | None = None
    end: date | None = None
    strength: Annotated[float, Field(gt=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _has_a_start(self) -> "ScenarioSettings":
        if self.kind != "none" and self.start is None:
            raise ValueError(f"the scenario {self.kind} needs a start, a date YYYY-MM-DD")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError(f"the scenario {self.kind} ends {self.end}, which is not after its start {self.start}")
        return self


class SimulatedSettings(Section):
    """The simulated feed: how many sessions, which ones, and what happens."""

    seed: Annotated[int, Field(ge=0)]
    sessions_per_day: Annotated[int, Field(ge=10, le=10_000_000)]
    scenario: ScenarioSettings


#: The database that the DuckDB file of `table.file` is within the local warehouse's statements.
ATTACHED = "ELSEWHERE"
_NAME = r"[A-Za-z_][A-Za-z0-9_$]*"  # needs no quotes on either platform


class TableSettings(Section):
    """The observed table: `relation` is its `[[DATABASE.]SCHEMA.]NAME`, or of a view, in the DuckDB `file` if given."""

    relation: str | None = None
    file: Path | None = None
    every_seconds: Positive

    @property
    def name(self) -> str:
        """What statements call it."""
        return f"{ATTACHED}.{self._relation}" if self.file else self._relation

    @property
    def title(self) -> str:
        """What people are told of."""
        return f"{self._relation} in {self.file}" if self.file else self._relation

    @property
    def _relation(self) -> str:
        return (self.relation or SOURCE.name).upper()

    @model_validator(mode="after")
    def _relation_is_a_name(self) -> "TableSettings":
        if self.relation is not None and not re.fullmatch(rf"{_NAME}(\.{_NAME}){{0,2}}", self.relation):
            raise ValueError(f"relation {self.relation!r} is no [[DATABASE.]SCHEMA.]NAME of names that need no quotes")
        return self

    @model_validator(mode="after")
    def _the_file_is_the_database(self) -> "TableSettings":
        if self.file is not None and (self.relation or "").count(".") > 1:
            raise ValueError(f"the database of {self.relation} is table.file: leave it out of relation")
        return self


class WarehouseSettings(Section):
    """The local warehouse: how long a run waits for it when another process holds it, and its share of memory."""

    timeout_seconds: Annotated[float, Field(ge=0)]
    memory_gb: Annotated[float, Field(ge=0.25)]


class SnowflakeSettings(Section):
    """The connection of `dev` and `prod`, by the connector's own names; nothing here is needed for `local`.

    `connection` names one of `connections.toml`; `parameters_file` is the JSON file that is read without it. Secrets
    never appear in a log.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    connection: str | None = None
    parameters_file: Path | None = None
    account: str | None = None
    user: str | None = None
    role: str | None = None
    warehouse: str | None = None
    database: str | None = None
    schema_: str | None = Field(default=None, alias="schema")
    authenticator: str | None = None
    password: SecretStr | None = Field(default=None, repr=False)
    token: SecretStr | None = Field(default=None, repr=False)
    private_key_file: Path | None = None
    private_key_file_pwd: SecretStr | None = Field(default=None, repr=False)
    host: str | None = None
    port: Annotated[int, Field(gt=0, lt=65_536)] | None = None
    protocol: Literal["https", "http"] | None = None
    statement_timeout_seconds: Positive | None = None


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
    minimum_purchases: Positive
    place: Literal["process", "warehouse"]
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
    minimum_purchases: Positive
    pool_below_purchases: Annotated[int, Field(ge=0)]
    pool_months: Annotated[int, Field(ge=0)]
    cluster_days: Annotated[int, Field(ge=2)]
    fresher_margin: Margin | None
    guardrail_margins: dict[Literal["roc_auc", "brier", "log_loss", "calibration_error"], Margin]
    slice_margin: Margin
    slice_minimum_purchases: Positive


class EvaluationSettings(Section):
    """The test window of an evaluation."""

    days: Positive


class ScoringSettings(Section):
    """How far back scores are repaired."""

    rescore_days: Positive
    catch_up_days: Positive
    catch_up_attempts: Positive


class MonitoringSettings(Section):
    """When what is measured of live scores and sessions is flagged; the measures are in `pipeline/monitoring.py`."""

    days: Positive
    minimum_purchases: Positive
    confidence: Probability
    resamples: Annotated[int, Field(ge=200)]
    seed: int
    roc_auc_margin: Margin
    calibration_factor: Annotated[float, Field(gt=1)]
    drift_limit: Annotated[float, Field(gt=0)]
    rejected_share: Annotated[float, Field(ge=0, lt=1)]
    volume_days: Annotated[int, Field(ge=7)]
    volume_factor: Annotated[float, Field(gt=1)]


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
