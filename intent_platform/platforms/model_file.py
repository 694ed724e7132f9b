"""Reads the file of a version into a model, and refuses every file except the one that was logged."""

import hashlib
from pathlib import Path

from intent_platform.errors import VersionUnfit
from intent_platform.modelling.catboost_family import contradictions
from intent_platform.modelling.model import IntentModel
from intent_platform.platforms.versions import ModelVersion


def digest_of(content: bytes) -> str:
    """The SHA-256 of a model file, 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def read_model(version: ModelVersion, file: Path) -> IntentModel:
    """The model of `version`, read from its file.

    The file is read once, and its digest is compared before CatBoost interprets a byte of it: a damaged file can give
    other scores, or end the process. A version of an earlier release has no digest. Its file is compared with the
    number of trees and the parameters of its provenance.

    Raises:
        VersionUnfit: the file is missing, damaged, or the file of another version.
    """
    try:
        content = file.read_bytes()
        _refuse_another_file(version, content)
        model = IntentModel.from_bytes(content)
        _refuse_another_model(version, model)
    except (VersionUnfit, OSError) as error:
        raise VersionUnfit(
            f"version {version.name} cannot be loaded: {error}. Restore {file.name} from a backup with "
            "`make restore from=…`, or choose another version"
        ) from error
    return model


def _refuse_another_file(version: ModelVersion, content: bytes) -> None:
    digest = digest_of(content)
    if version.digest is not None and digest != version.digest:
        raise VersionUnfit(
            f"the file has changed since it was logged (SHA-256 {digest[:12]}… instead of {version.digest[:12]}…)"
        )


def _refuse_another_model(version: ModelVersion, model: IntentModel) -> None:
    provenance = version.provenance
    if model.features != provenance.features:
        raise VersionUnfit(
            f"the model takes the features {', '.join(model.features)}, but the version lists "
            f"{', '.join(provenance.features)}"
        )
    if version.digest is None:
        found = contradictions(model.classifier, provenance.parameters, provenance.iterations)
        if found:
            raise VersionUnfit(f"the file belongs to another version, because {' and '.join(found)}")
