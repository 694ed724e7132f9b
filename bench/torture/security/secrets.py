"""The secrets of the settings, read from the settings model, so a new one is covered. And mistakes beside them."""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, get_args, get_origin

from pydantic import Secret, SecretBytes, SecretStr, TypeAdapter, ValidationError

from intent_platform.settings import Settings
from intent_platform.settings.types import Section

_LENGTH = 24  # characters
_ALPHABET = "bcdfghjkmnpqrstvwxz"  # without vowels and digits, so no word or number looks like a part of a secret
_ADDRESS = "http://127.0.0.1:9/"  # nobody listens

#: Stands for a secret in `MISTAKES`.
HERE = "<secret>"
#: By kind: a variable without its prefix, and its wrong value. Some are mistakes in a secret itself.
MISTAKES: Mapping[str, tuple[str, str]] = {
    "in another section": ("SCHEDULES_EVALUATION_DAY", "3"),
    "in the order of the clocks": ("SCHEDULES_SCORES_HOUR", "1"),
    "between sections": ("TRAINING_PLACE", "warehouse"),
    "in the same section": ("SNOWFLAKE_PORT", "x"),
    "in a choice": ("DEPLOYMENT", "<secret>"),
    "in a name": ("SNOWFLAKE_NOPE", "<secret>"),
    "in the place of a password": ("SNOWFLAKE", '{"host": {"password": "<secret>"}}'),
    "in a name beside a password": ("SNOWFLAKE", '{"password": "<secret>", "nope": 1}'),
    "in the JSON of a section": ("SNOWFLAKE", '{"password": "<secret>"'),
    "in the scheme of the webhook": ("ALERTS_WEBHOOK_URL", "file:///<secret>"),
    "in the host of the webhook": ("ALERTS_WEBHOOK_URL", "http://[::1/<secret>"),
    "in an address without a scheme": ("ALERTS_WEBHOOK_URL", "hooks.invalid/<secret>"),
    "in the form of the alerts": ("ALERTS", '"<secret>"'),
}


def secret_settings() -> Mapping[tuple[str, ...], Any]:
    """The settings that are secret, by their names, with their types."""
    return {
        names: annotation for names, annotation in _settings() if any(_is_secret(kind) for kind in _parts(annotation))
    }


def planted(random: Random) -> tuple[dict[str, str], list[str]]:
    """A value for each secret, by the variable without its prefix, and what must never be found of these values."""
    values, cores = {}, []
    for names, annotation in secret_settings().items():
        core = "".join(random.choices(_ALPHABET, k=_LENGTH))
        values["_".join(names).upper()] = core if _accepts(annotation, core) else f"{_ADDRESS}{core}"
        cores.append(core)
    return values, cores


def _settings() -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, info in Settings.model_fields.items():
        section: Any = info.annotation
        if isinstance(section, type) and issubclass(section, Section):
            for inner, field in section.model_fields.items():
                yield (name, field.alias or inner), field.annotation
        else:
            yield (name,), section


def _parts(annotation: Any) -> Iterator[Any]:
    """The annotation and all types within it."""
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _is_secret(kind: Any) -> bool:
    named = get_origin(kind) or kind
    return isinstance(named, type) and issubclass(named, Secret | SecretStr | SecretBytes)


def _accepts(annotation: Any, value: str) -> bool:
    try:
        TypeAdapter(annotation).validate_python(value)
    except ValidationError:
        return False
    return True
