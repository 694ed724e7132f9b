"""Model versions: their names, and the provenance that each version carries.

Only this module validates names. The adapters of the registry store versions.
"""

import re
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from intent_platform.errors import ChampionMoved, InvalidVersionName, VersionUnfit
from intent_platform.modelling.drift import Profile
from intent_platform.partitions import Window, now

MODEL_NAME = "PURCHASE_INTENT"
#: The newest format of a provenance that this release reads.
FORMAT = 1
_NAME_FORMAT = "v_%y%m%d_%H%M%S"
_NAME_PATTERN = re.compile(r"v_\d{6}_\d{6}")


def version_name(moment: datetime | None = None) -> str:
    """The name of a version generated at `moment` (default: now), in Asia/Tokyo: `v_250130_121116`."""
    return (moment or now()).strftime(_NAME_FORMAT)


def free_version_name(is_taken: Callable[[str], bool]) -> str:
    """The version name of the current second. If another version has this name, wait for the next second."""
    while is_taken(name := version_name()):
        moment = now()
        time.sleep((moment.replace(microsecond=0) + timedelta(seconds=1) - moment).total_seconds())
    return name


def is_version_name(text: str) -> bool:
    """Whether `text` has the form of a version name, with a date and a time that exist."""
    if not _NAME_PATTERN.fullmatch(text):
        return False
    try:
        datetime.strptime(text, _NAME_FORMAT)  # noqa: DTZ007  checks only whether the moment exists
    except ValueError:
        return False
    return True


def validated_version_name(text: str) -> str:
    """The version name in `text`, without surrounding blanks.

    Raises:
        InvalidVersionName: the text has another form, or its date and time do not exist.
    """
    name = text.strip()
    if is_version_name(name):
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
        format: the format of the record. A release ignores fields that it does not know, so a new field keeps the
            number. A change that an earlier release would misunderstand increases it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int = Field(FORMAT, ge=1, le=FORMAT)
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


def read_provenance(stored: str) -> Provenance | str:
    """The provenance in a registry's JSON text, or the reason why this release cannot read it."""
    try:
        return Provenance.model_validate_json(stored)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the record"
        return f"{where}: {first['msg'][:200]}"


class ModelVersion(BaseModel):
    """One version in the registry.

    Attributes:
        name: its name.
        record: its provenance, or the reason why this release cannot read it. The version still has a name, so the
            pointer can leave it.
        quarantine: the reason of its quarantine; None if it has none.
        digest: the SHA-256 of its model file, in hexadecimal digits. A version of an earlier release has None.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    record: Provenance | str = Field(alias="provenance")
    quarantine: str | None = None
    digest: str | None = None

    @property
    def is_readable(self) -> bool:
        """Whether this release can read the provenance."""
        return isinstance(self.record, Provenance)

    @property
    def provenance(self) -> Provenance:
        """Its provenance.

        Raises:
            VersionUnfit: this release cannot read it.
        """
        if isinstance(self.record, str):
            raise VersionUnfit(
                f"this release cannot read the provenance of version {self.name} ({self.record}): use the release that "
                "trained it, restore a damaged registry with `make restore from=…`, or choose another version"
            )
        return self.record


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
