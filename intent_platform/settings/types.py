"""The base class of the sections of the settings, and the types with limits that several fields share."""

from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

ENVIRONMENT_PREFIX = "INTENT_PLATFORM_"

Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Resamples = Annotated[int, Field(ge=200)]
Hour = Annotated[int, Field(ge=0, le=23)]
MonthDay = Annotated[int, Field(ge=1, le=28)]
Probability = Annotated[float, Field(gt=0, lt=1)]
Margin = Annotated[float, Field(ge=0)]
Factor = Annotated[float, Field(gt=1)]
#: A path that becomes absolute. A relative path starts at the current folder.
AbsolutePath = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]


class _NullRemoves:
    """Lets `null` remove an entry of a mapping. Sources are merged by entry, so a missing entry keeps its default."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        key, value = get_args(source)
        nullable = handler.generate_schema(dict[key, value | None])  # type: ignore[valid-type]
        return core_schema.no_info_after_validator_function(_without_nulls, nullable)


def _without_nulls(entries: dict[Any, Any]) -> dict[Any, Any]:
    return {name: value for name, value in entries.items() if value is not None}


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
#: A mapping with default entries. A source can change entries, add some, and remove some with `null`.
Entries = Annotated[dict[_Key, _Value], _NullRemoves()]


class Section(BaseModel):
    """A group of settings. It is immutable, and an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def variable_of(*names: str) -> str:
    """The environment variable of a setting: `variable_of("training", "trials")`."""
    return ENVIRONMENT_PREFIX + "_".join(names).upper()
