"""Reads `config.yml` and the environment. No message here shows their contents, which may be secret."""

from pathlib import Path
from typing import Any

import yaml
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource

from intent_platform.errors import SettingsError


class Environment(EnvSettingsSource):
    """The environment variables. A text that is not JSON stays a text, and its field accepts or refuses it."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Decode the JSON of a list, a mapping or a section."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except (ValueError, RecursionError):
            return value


def read_config_file(file: Path) -> dict[str, Any]:
    """Return the settings that the file changes: none if it does not exist.

    Raises:
        SettingsError: the file cannot be read, or is not a YAML mapping in UTF-8.
    """
    content, mistake = None, ""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"{file} cannot be read ({error.strerror}): make it a file that you can read") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: not UTF-8, or a day that does not exist
        mark = getattr(error, "problem_mark", None)
        mistake = f"the mistake in line {mark.line + 1}" if mark else "the mistake"
    if mistake:  # raised here, because the parser's own error quotes the file
        raise SettingsError(f"{file} is not YAML in UTF-8: correct {mistake}")
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise SettingsError(f"{file} must be a mapping of names to values, as in `feed: landing`")
    return content
