"""Errors written for the reader who has to act: what happened, to which thing, what to do next.

Every failure that a user can mend derives from `IntentPlatformError`; its text is one sentence or two
and is shown as it is, without a traceback, by the commands. Programming errors stay ordinary exceptions.
"""


def first_line(error: Exception) -> str:
    """What another library's error says, without the advice on its later lines."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


class IntentPlatformError(Exception):
    """Base of all failures that a user can mend."""


class SettingsError(IntentPlatformError):
    """A setting in `config.yml` or the environment is missing, unknown or out of range."""


class FeedError(IntentPlatformError):
    """A feed cannot deliver: the file is missing, cut off, or has other columns than the contract."""


class WarehouseError(IntentPlatformError):
    """The warehouse cannot be reached, written, or is held by another process."""


class TrainingRefused(IntentPlatformError):
    """The training window cannot carry a model: it is empty or holds too few purchases."""


class NoChampion(IntentPlatformError):
    """A score was asked for, and no version is champion (yet, or on that day)."""


class InvalidVersionName(IntentPlatformError):
    """A version name does not have the form `v_YYMMDD_HHMMSS`."""


class UnknownVersion(IntentPlatformError):
    """The registry holds no version of that name."""


class ChampionMoved(IntentPlatformError):
    """The champion is no longer the one that a move was decided against."""


class VersionUnfit(IntentPlatformError):
    """A version cannot be loaded, or does not score as a champion must."""


class StillNeeded(IntentPlatformError):
    """A version was to be deleted that the pointer is at."""


class EvaluationRefused(IntentPlatformError):
    """A month cannot be evaluated: its test window is not over, or it has no challenger."""


class PromotionRefused(IntentPlatformError):
    """A version was to be made champion by name, without a reason for the ledger."""
