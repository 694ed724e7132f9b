"""How a failure that a person can mend appears in Dagster: as its message, without the stack traces around it."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import dagster as dg

from intent_platform.errors import IntentPlatformError, Mistyped

#: The metadata entry of a failed step that says whether its error is `Mistyped`.
MISTYPED = "mistyped"

_P = ParamSpec("_P")
_Result = TypeVar("_Result")


def fails_with_its_message(compute: Callable[_P, _Result]) -> Callable[_P, _Result]:
    """Decorate the function of an asset, a check or an op: the platform's own errors become a `dagster.Failure`.

    Dagster does not retry it. `instance.run_job` raises the platform's own error in place of it.
    """

    @wraps(compute)
    def failing_with_its_message(*args: _P.args, **kwargs: _P.kwargs) -> _Result:
        try:
            return compute(*args, **kwargs)
        except IntentPlatformError as error:
            metadata = {MISTYPED: isinstance(error, Mistyped)}
            raise dg.Failure(str(error), metadata=metadata, allow_retries=False) from None

    return failing_with_its_message
