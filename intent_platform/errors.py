"""Errors written for the reader who has to act: what happened, to which thing, what to do next.

Every failure that a user can mend derives from `IntentPlatformError`. Its text is one sentence or two, and the
commands print it without a traceback. Programming errors stay ordinary exceptions.
"""


def first_line(error: Exception) -> str:
    """The first line of another library's error, or its type. Later lines have advice for programmers."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def on_one_line(text: str) -> str:
    """A text of another library on one line. SQLite describes damage on several."""
    return " ".join(text.split())


_LONGEST_MESSAGE, _END_OF_MESSAGE = 1_500, 400  # characters


def shortened(message: str) -> str:
    """The message without the middle of a long one, which repeats what somebody typed."""
    if len(message) <= _LONGEST_MESSAGE:
        return message
    return f"{message[: _LONGEST_MESSAGE - _END_OF_MESSAGE]} … {message[-_END_OF_MESSAGE:]}"


class IntentPlatformError(Exception):
    """Base class of all failures that a user can mend."""

    def __str__(self) -> str:
        """Return the message, shortened."""
        return shortened(super().__str__())


class SettingsError(IntentPlatformError):
    """A setting in `config.yml` or the environment is missing, unknown or out of range."""


class InstanceError(IntentPlatformError):
    """The Dagster instance cannot be used: its store is damaged, or another process holds its home or its port."""


class FeedError(IntentPlatformError):
    """A session source cannot be read: its file or table is missing, truncated or has the wrong columns."""


class RawSessionsDeleted(IntentPlatformError):
    """Days were asked for whose raw sessions the platform no longer keeps."""


class WarehouseError(IntentPlatformError):
    """The warehouse cannot be reached or written, or another process holds it."""


class BackupError(IntentPlatformError):
    """A backup cannot be made or restored, or it is damaged."""


class TrainingRefused(IntentPlatformError):
    """No model can be trained, for example because the training window is empty or has too few purchases."""


class NoChampion(IntentPlatformError):
    """A run needs a champion, and there is none yet or was none on the day."""


class Mistyped(IntentPlatformError):
    """What a person typed cannot be meant. This person reads the message, so nobody else is alerted."""


class InvalidVersionName(Mistyped):
    """A version name does not have the form `v_YYMMDD_HHMMSS`."""


class UnknownVersion(Mistyped):
    """The registry does not have a version of this name."""


class UnknownObject(Mistyped):
    """The platform does not have a procedure or a task of this name."""


class UnknownVisitor(Mistyped):
    """A text is not the identifier of a visitor."""


class StillNamed(IntentPlatformError):
    """A visitor was forgotten, but something still names the visitor."""


class ChampionMoved(IntentPlatformError):
    """The champion changed between the decision to move the pointer and the move."""


class VersionUnfit(IntentPlatformError):
    """A version cannot be loaded or cannot score, or its scores are invalid."""


class StillNeeded(IntentPlatformError):
    """A version cannot be deleted while it is the champion."""


class EvaluationRefused(IntentPlatformError):
    """A month cannot be evaluated, because its test window is not over or it has no challenger."""


class PromotionRefused(Mistyped):
    """The config of a promotion is incomplete or wrong. A forced one needs a version and a reason for the ledger."""
