"""What errors show, for tests that look for secrets."""

import traceback
from collections.abc import Iterator


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, its causes and its contexts, also those that a traceback leaves out."""
    yield error
    for earlier in {error.__cause__, error.__context__}:
        if earlier is not None:
            yield from _chain(earlier)


def everything_shown(error: BaseException) -> str:
    """The traceback, the text and the repr of an error and of all errors behind it."""
    shown = [*traceback.format_exception(error)]
    for behind in _chain(error):
        shown += [*traceback.format_exception(behind, chain=False), str(behind), repr(behind)]
    return "\n".join(shown)
