"""What sections of the settings are made of: their base class, and types with limits that several fields share."""

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

ENVIRONMENT_PREFIX = "INTENT_PLATFORM_"

Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Resamples = Annotated[int, Field(ge=200)]
Hour = Annotated[int, Field(ge=0, le=23)]
MonthDay = Annotated[int, Field(ge=1, le=28)]
Probability = Annotated[float, Field(gt=0, lt=1)]
Margin = Annotated[float, Field(ge=0)]
Factor = Annotated[float, Field(gt=1)]
#: A relative path starts at the current folder and is absolute from then on.
AbsolutePath = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
#: A mapping whose default entries can be changed and added to.
Entries = dict[_Key, _Value]


class Section(BaseModel):
    """A group of settings: immutable, and an unknown name in it is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def variable_of(*names: str) -> str:
    """The environment variable of a setting: `variable_of("training", "trials")`."""
    return ENVIRONMENT_PREFIX + "_".join(names).upper()
