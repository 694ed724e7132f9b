"""The environment of processes that the developer's own settings must not reach."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from intent_platform.settings.types import ENVIRONMENT_PREFIX


@contextmanager
def clean_environment() -> Iterator[pytest.MonkeyPatch]:
    """Hide the developer's settings from a fixture that outlives a test. The yielded patch ends with the context."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [*os.environ]:
            if name.startswith(ENVIRONMENT_PREFIX) or name == "DAGSTER_HOME":
                patch.delenv(name)
        yield patch


def act_as_user(patch: pytest.MonkeyPatch, **settings: object) -> None:
    """Set the variables of these settings, and let the patch undo the `DAGSTER_HOME` that commands set."""
    patch.setenv("DAGSTER_HOME", "")
    patch.delenv("DAGSTER_HOME")
    for name, value in settings.items():
        patch.setenv(f"{ENVIRONMENT_PREFIX}{name.upper()}", str(value))
