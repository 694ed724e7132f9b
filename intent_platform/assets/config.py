"""The base of the run configs. Each asset or job declares its own beside it."""

from typing import Any

import dagster as dg
from pydantic import ValidationInfo, field_validator


class TextConfig(dg.Config):
    """A config whose fields are texts with a default. A null means the default, as if the field was left out.

    Dagster accepts a null for a text. Without this the run would begin, and fail with a stack trace.
    """

    @field_validator("*", mode="before")
    @classmethod
    def _default_for_null(cls, value: Any, field: ValidationInfo) -> Any:
        return cls.model_fields[str(field.field_name)].default if value is None else value
