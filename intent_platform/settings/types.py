"""The base class of the sections of the settings, and the types with limits that several fields share."""

from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

ENVIRONMENT_PREFIX = "INTENT_PLATFORM_"

Positive = Annotated[int, Field(gt=0)]
#: At most ten years, so no window begins before the calendar does.
Days = Annotated[int, Field(gt=0, le=3_660)]
Months = Annotated[int, Field(gt=0, le=120)]
Count = Annotated[int, Field(ge=0)]
Resamples = Annotated[int, Field(ge=200)]
Hour = Annotated[int, Field(ge=0, le=23)]
MonthDay = Annotated[int, Field(ge=1, le=28)]
Probability = Annotated[float, Field(gt=0, lt=1)]
Margin = Annotated[float, Field(ge=0)]
Factor = Annotated[float, Field(gt=1)]


def absolute_path(path: str | Path) -> Path:
    """Return the path with `~` expanded. A relative path starts at the current folder.

    Raises:
        ValueError: the path is not UTF-8, so neither DuckDB nor MLflow can open it. Or the user after `~` is unknown.
    """
    try:
        absolute = Path(path).expanduser().absolute()
        str(absolute).encode()
    except UnicodeEncodeError:
        raise ValueError(f"{str(path)!r} is not UTF-8: rename it or choose another path") from None
    except RuntimeError:
        raise ValueError(f"{str(path)!r} begins with an unknown user: write the whole path") from None
    return absolute


#: A path that becomes absolute.
AbsolutePath = Annotated[Path, AfterValidator(absolute_path)]


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
    """A group of settings. It is immutable, an unknown name is an error, and errors do not show values."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


def variable_of(*names: str) -> str:
    """The environment variable of a setting: `variable_of("training", "trials")`."""
    return ENVIRONMENT_PREFIX + "_".join(names).upper()
