"""Settings of training: the window, the purchases that it needs, the features and the search."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from intent_platform.settings.types import Entries, Months, Positive, Section, variable_of
from intent_platform.tables import DATASET, MODEL_INPUTS


class IntRange(Section):
    """The range of an integer hyperparameter, both ends included."""

    low: int
    high: int
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> "IntRange":
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self


class FloatRange(Section):
    """The range of a real hyperparameter, both ends included."""

    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> "FloatRange":
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self


#: CatBoost parameters that training sets from its other settings.
SET_BY_TRAINING = frozenset(
    {
        *("border_count", "iterations", "random_seed", "thread_count", "task_type"),
        *("allow_writing_files", "logging_level"),
    }
)
#: The features, each with its reason. docs/quality.md measures what each group of features contributes.
_FEATURES = (
    "ADMINISTRATIVE",  # account and checkout pages, because buyers log in
    "ADMINISTRATIVE_DURATION",  # forms take time to fill in
    "INFORMATIONAL",  # delivery and returns, which visitors read before they buy
    "INFORMATIONAL_DURATION",  # how long the visitor read them
    "PRODUCTRELATED",  # how many products the visitor looked at
    "PRODUCTRELATED_DURATION",  # how long the visitor looked at them
    "BOUNCERATES",  # pages that other visitors leave at once
    "EXITRATES",  # pages from which other visitors leave, the strongest feature after the page values
    "PAGEVALUES",  # what the visited pages earned, most of the signal
    "SPECIALDAY",  # presents must arrive in time
    "BROWSER",  # device and habit; as a number, because splits by order are cheap to score
    "REGION",  # demand differs by region
    "TRAFFICTYPE",  # whether the visitor came by advertisement, search or a typed address
    "IS_RETURNING_VISITOR",  # most sessions, but fewer purchases for each
    "IS_NEW_VISITOR",  # few sessions, but more purchases for each; "Other" visitors have neither flag
    "WEEKEND",  # visitors have more time to browse
    "ADMINISTRATIVE_SECONDS_PER_PAGE",  # pace, reading or clicking through
    "INFORMATIONAL_SECONDS_PER_PAGE",  # the same for pages about the shop
    "PRODUCTRELATED_SECONDS_PER_PAGE",  # the same for products, comparing or passing by
    "BOUNCE_TIMES_EXIT",  # high only if both are high, as on a page where visits end
    "PAGEVALUE_PER_PAGE",  # the page value relative to the number of product pages
)
_SEARCH_SPACE: dict[str, IntRange | FloatRange] = {
    "depth": IntRange(low=4, high=6),
    "learning_rate": FloatRange(low=0.05, high=0.12, log=True),
    "l2_leaf_reg": FloatRange(low=3.0, high=15.0, log=True),
    "random_strength": FloatRange(low=0.5, high=2.0, log=True),
    "rsm": FloatRange(low=0.4, high=1.0),
}


def _split(names: object) -> object:
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else names


class TrainingSettings(Section):
    """How a challenger is trained: its window, the purchases that it needs, its features and the search."""

    place: Literal["process", "warehouse"] = Field(
        "process",
        description="`process` trains in the Dagster run. `warehouse` calls the stored procedure of "
        "`make deploy-sproc`, on Snowflake only.",
    )
    months: Months = Field(
        3, description="Months of the training window, which ends before the month of the partition."
    )
    minimum_purchases: Positive = Field(30, description="With fewer purchases in the window, no model is trained.")
    max_sessions: Positive | None = Field(
        None,
        description="A larger window is sampled to this many sessions, and the sample keeps the share of purchases. "
        "With `null`, no window is sampled.",
    )
    validation: Literal["stratified", "forward"] = Field(
        "stratified",
        description="`stratified` draws folds at random. `forward` trains on earlier days and tests on later ones.",
    )
    folds: Annotated[int, Field(ge=2)] = Field(
        5, description="Folds of the validation. The value of a trial is the mean over its folds."
    )
    trials: Positive = Field(10, description="Number of parameter combinations that the search tries.")
    search_seconds: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="Seconds after which the search starts no further trial. "
        "With `null`, only `trials` ends the search, and the same rows give the same model.",
    )
    seed: int = Field(0, description="Seed of the folds, the search, the sample and the fits.")
    task_type: Literal["CPU", "GPU"] = Field(
        "CPU", description="Processor on which CatBoost fits. `GPU` needs `rsm: null` in `search_space`."
    )
    threads: Positive = Field(2, description="CPU threads of a training.")
    iterations: Positive = Field(400, description="Largest number of trees. Early stopping usually leads to fewer.")
    patience: Positive = Field(
        20, description="A fit stops after this many trees without an improvement of the log loss."
    )
    border_count: Annotated[int, Field(ge=1, le=254)] = Field(
        32, description="Number of borders by which a feature is quantized, once for the whole search."
    )
    features: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field(
        _FEATURES,
        description="Columns of `DATASET` that the model uses. A variable can also separate them by commas.",
    )
    fixed: Entries[str, str | int | float | bool] = Field(
        {"leaf_estimation_iterations": 1},
        description="CatBoost parameters with a fixed value. `null` removes an entry.",
    )
    search_space: Entries[str, IntRange | FloatRange] = Field(
        _SEARCH_SPACE,
        description="Ranges from which the search draws CatBoost parameters, both ends included. "
        "`log: true` draws on a logarithmic scale. `null` removes an entry.",
    )

    @model_validator(mode="after")
    def _features_are_model_inputs(self) -> "TrainingSettings":
        known = {column.name for column in MODEL_INPUTS}
        unknown = [name for name in self.features if name not in known]
        if unknown:
            raise ValueError(
                f"features {unknown} are not columns of {DATASET.name} that a model may use. These are: {sorted(known)}"
            )
        if not self.features or len(set(self.features)) != len(self.features):
            raise ValueError("features must name at least one column, and each column only once")
        return self

    @model_validator(mode="after")
    def _each_parameter_is_set_once(self) -> "TrainingSettings":
        twice = sorted(self.fixed.keys() & self.search_space.keys())
        if twice:
            raise ValueError(
                f"{twice} are both fixed and searched: set them to null in training.fixed or training.search_space"
            )
        reserved = sorted(SET_BY_TRAINING & (self.fixed.keys() | self.search_space.keys()))
        if reserved:
            raise ValueError(f"training itself sets {reserved}: remove them from training.fixed and search_space")
        return self

    @model_validator(mode="after")
    def _a_gpu_can_do_it(self) -> "TrainingSettings":
        for name, entries in (("search_space", self.search_space), ("fixed", self.fixed)):
            if self.task_type == "GPU" and "rsm" in entries:
                raise ValueError(
                    f"CatBoost has no rsm on a GPU: write `rsm: null` into training.{name}, "
                    f"or set {variable_of('training', name)}='{{\"rsm\": null}}'"
                )
        return self
