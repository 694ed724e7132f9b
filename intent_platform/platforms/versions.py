"""Model versions: their names, and the provenance that each version carries.

Only this module validates names. The adapters of the registry store versions.
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
    """The version name of the current second. If another version has this name, wait for the next second."""
    while is_taken(name := version_name()):
        moment = now()
        time.sleep((moment.replace(microsecond=0) + timedelta(seconds=1) - moment).total_seconds())
    return name


def validated_version_name(text: str) -> str:
    """The version name in `text`, without surrounding blanks.

    Raises:
        InvalidVersionName: the text has another form, or its date and time do not exist.
    """
    name = text.strip()
    if _PATTERN.fullmatch(name):
        try:
            datetime.strptime(name, _FORMAT)  # noqa: DTZ007  checks only whether the moment exists
        except ValueError:
            pass
        else:
            return name
    raise InvalidVersionName(
        f"{text!r} is not a version name: it must look like v_YYMMDD_HHMMSS, for example v_250130_121116"
    )


class Provenance(BaseModel):
    """The origin of a version and its quality at training time.

    Attributes:
        month: the first day of the month that the version was trained for.
        training_window: the days of the training rows, half-open, Asia/Tokyo.
        sessions: the number of training rows.
        purchases: the number of purchases among them.
        features: the columns that the model takes, in order.
        parameters: the CatBoost parameters of the model, without its number of trees.
        metrics: out-of-fold metrics, never metrics of the rows that a model was fitted to.
        iterations: the number of trees.
        git_commit: the commit of the code.
        run_id: the run that trained the version.
        profiles: the distributions of the features and of the out-of-fold scores; see
            `modelling.training.TrainedModel`. A version of an earlier release has none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    month: date
    training_window: Window
    sessions: int
    # Versions of earlier releases carry the name "positives".
    purchases: int = Field(validation_alias=AliasChoices("purchases", "positives"))
    features: tuple[str, ...]
    parameters: Mapping[str, str | int | float | bool]
    metrics: Mapping[str, float | None]
    iterations: int
    git_commit: str
    run_id: str
    profiles: Mapping[str, Profile] = {}


class ModelVersion(BaseModel):
    """One version in the registry. `quarantine` is the reason of its quarantine; None if it has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    provenance: Provenance
    quarantine: str | None = None


def name_or_nobody(champion: ModelVersion | None) -> str:
    """The name of the champion for messages, or "nobody" if there is no champion."""
    return "nobody" if champion is None else champion.name


def ensure_champion(champion: ModelVersion | None, expected: ModelVersion | None, to: ModelVersion) -> None:
    """Check that the champion is still the version that the decision compared with `to`.

    Raises:
        ChampionMoved: the champion is another version.
    """
    actual_name, expected_name = name_or_nobody(champion), name_or_nobody(expected)
    if actual_name != expected_name:
        raise ChampionMoved(
            f"the champion is {actual_name}, no longer {expected_name}: nothing was moved. "
            f"Decide again whether {to.name} should replace it"
        )
