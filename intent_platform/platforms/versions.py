"""Model versions: their names, and what each carries about where it came from.

The names are validated here and nowhere else. Storing versions is the registry adapters' work.
"""

import re
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from intent_platform.errors import ChampionMoved, InvalidVersionName
from intent_platform.modelling.drift import Profile
from intent_platform.partitions import Window, now

MODEL_NAME = "PURCHASE_INTENT"
_FORMAT = "v_%y%m%d_%H%M%S"
_PATTERN = re.compile(r"v_\d{6}_\d{6}")


def version_name(moment: datetime | None = None) -> str:
    """The name of a version generated at `moment` (default: now), in Asia/Tokyo: `v_250130_121116`."""
    return (moment or now()).strftime(_FORMAT)


def free_version_name(is_taken: Callable[[str], bool]) -> str:
    """The name of a version generated now that no other has; a clash waits for the next second (D4)."""
    while is_taken(name := version_name()):
        moment = now()
        time.sleep((moment.replace(microsecond=0) + timedelta(seconds=1) - moment).total_seconds())
    return name


def validated_version_name(text: str) -> str:
    """`text` without surrounding blanks, when it has the form of a version name.

    Raises:
        InvalidVersionName: it has another form, or names a moment that does not exist.
    """
    name = text.strip()
    if _PATTERN.fullmatch(name):
        try:
            datetime.strptime(name, _FORMAT)  # noqa: DTZ007  only whether such a moment exists
        except ValueError:
            pass
        else:
            return name
    raise InvalidVersionName(
        f"{text!r} is not a version name: it must look like v_YYMMDD_HHMMSS, for example v_250130_121116"
    )


class Provenance(BaseModel):
    """What a version carries: where it came from and how good it looked.

    `metrics` are out-of-fold, never of training rows. `training_window` is half-open, Asia/Tokyo. `profiles` are those
    of `modelling.training.TrainedModel`; a version of an earlier release has none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    month: date
    training_window: Window
    sessions: int
    purchases: int = Field(validation_alias=AliasChoices("purchases", "positives"))  # as earlier releases wrote it
    features: tuple[str, ...]
    parameters: Mapping[str, str | int | float | bool]
    metrics: Mapping[str, float | None]
    iterations: int
    git_commit: str
    run_id: str
    profiles: Mapping[str, Profile] = {}


class ModelVersion(BaseModel):
    """One version in the registry. `quarantine` is why no evaluation may promote it, when that is so."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    provenance: Provenance
    quarantine: str | None = None


def name_or_nobody(champion: ModelVersion | None) -> str:
    """The name of the champion, for messages."""
    return "nobody" if champion is None else champion.name


def ensure_champion(champion: ModelVersion | None, expected: ModelVersion | None, to: ModelVersion) -> None:
    """Compare the champion with the one that a move to `to` was decided against.

    Raises:
        ChampionMoved: they are two versions.
    """
    found, wanted = name_or_nobody(champion), name_or_nobody(expected)
    if found != wanted:
        raise ChampionMoved(
            f"the champion is {found}, no longer {wanted}: "
            f"nothing was moved, decide again whether {to.name} should replace it"
        )
